# A tree of files, HTTP over loopback, workers, a child.
cd /tmp && exec node - <<'END'
const fs = require('fs'), http = require('http'), { Worker } = require('worker_threads'), crypto = require('crypto'), { execFileSync } = require('child_process');
(async () => {
  for (let i = 0; i < 300; i++) { fs.mkdirSync(`n/${i % 30}/${i}`, { recursive: true }); fs.writeFileSync(`n/${i % 30}/${i}/index.js`, `module.exports = ${i}`); }
  const all = fs.readdirSync('n', { recursive: true }).sort();
  console.log(all.length, crypto.createHash('md5').update(all.join()).digest('hex'));
  console.log([1, 2, 3].map(i => require(`/tmp/n/${i}/${i}`)));
  await fs.promises.cp('n', 'copy', { recursive: true }); await fs.promises.rm('n', { recursive: true });
  console.log(fs.existsSync('n'), fs.statSync('copy/1/1/index.js').size);
  const server = http.createServer((q, r) => r.end(q.url.toUpperCase())).listen(0, '127.0.0.1', async () => {
    const { port } = server.address();
    const get = path => new Promise((yes, no) => http.get({ host: '127.0.0.1', port, path, agent: false }, r => { let t = ''; r.on('data', d => t += d); r.on('end', () => yes(t)); }).on('error', no));
    console.log((await Promise.all([...Array(20).keys()].map(i => get('/p' + i)))).join(''));
    server.close();
    const sums = await Promise.all([1, 2, 3].map(n => new Promise(yes => new Worker(`let s = 0; for (let i = 0; i < 1e6; i++) s += i * ${n}; require('worker_threads').parentPort.postMessage(s)`, { eval: true }).on('message', yes))));
    console.log(sums, execFileSync('sh', ['-c', 'echo child $0', 'x']).toString().trim());
    const w = fs.watch('copy', (kind, name) => { console.log('watched', name); w.close(); console.log('done'); });
    fs.writeFileSync('copy/new', 'x');
  });
})();
END
