# Threads, processes, asyncio over loopback, memory mapping, locks of files, signals.
exec python3 - <<'END'
import asyncio, fcntl, hashlib, mmap, multiprocessing, os, select, signal, socket, subprocess, tempfile, threading
os.chdir(tempfile.mkdtemp())
lock, total = threading.Lock(), [0]
def work(n):
    for i in range(1000):
        with lock: total[0] += i
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print('threads', total[0])
def square(x): return x * x
with multiprocessing.get_context('fork').Pool(3) as pool: print('processes', sum(pool.map(square, range(200))))
async def echo(reader, writer):
    writer.write((await reader.readline()).upper()); await writer.drain(); writer.close()
async def client(port, n):
    r, w = await asyncio.open_connection('127.0.0.1', port)
    w.write(f'hello {n}\n'.encode()); line = await r.readline(); w.close(); return line
async def main():
    server = await asyncio.start_server(echo, '127.0.0.1', 0)
    port = server.sockets[0].getsockname()[1]
    print('asyncio', hashlib.md5(b''.join(await asyncio.gather(*[client(port, n) for n in range(50)]))).hexdigest())
    process = await asyncio.create_subprocess_exec('sort', stdin=-1, stdout=-1)
    out, _ = await process.communicate(b'c\nb\na\n'); print(out)
asyncio.run(main())
with open('m', 'wb+') as f:
    f.truncate(8192); m = mmap.mmap(f.fileno(), 8192); m[4096:4101] = b'hello'; m.flush(); f.seek(4096); print(f.read(5))
    fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    pid = os.fork()
    if pid == 0:
        try: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB); os._exit(0)
        except OSError as e: os._exit(e.errno)
    print('lock', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
a, b = socket.socketpair(); r, w = os.pipe()
socket.send_fds(a, [b'x'], [w]); got = socket.recv_fds(b, 1, 1)[1][0]; os.write(got, b'passed'); print(os.read(r, 6))
signal.signal(signal.SIGALRM, lambda *_: print('alarm')); signal.setitimer(signal.ITIMER_REAL, 0.1); signal.pause()
e = select.epoll(); e.register(r, select.EPOLLIN); print('epoll', e.poll(0)); os.write(w, b'y'); print(len(e.poll(1)))
for n in range(100): os.makedirs(f'd/{n}'); open(f'd/{n}/f', 'w').write(str(n))
print(sum(len(f) for _, _, f in os.walk('d')), sorted(os.listdir('d'))[:3], os.path.realpath('d/5/../6').endswith('/d/6'))
for bad in (lambda: open('/nothing'), lambda: os.mkdir('d'), lambda: os.rmdir('d'), lambda: open('d'), lambda: os.kill(99999, 0),
            lambda: os.link('d', 'e'), lambda: os.chown('m', 0, 0), lambda: os.readlink('m'), lambda: os.mknod('n', 0o20600, 259)):
    try: bad(); print('no error')
    except OSError as e: print(type(e).__name__, e.errno)
print(subprocess.run(['sh', '-c', 'kill -SEGV $$']).returncode, os.cpu_count() > 0)
print('done')
END
