# A cluster of its own, over a socket of the file system: queries, concurrent transactions, a restart after a crash.
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
export PATH=$bin:$PATH PGHOST=/tmp PGDATABASE=postgres PGUSER=user
initdb -D /tmp/data -U user --auth=trust --no-sync >/tmp/initdb.log 2>&1 || { cat /tmp/initdb.log; exit 1; }
pg_ctl -D /tmp/data -w -l /tmp/log -o "-k /tmp -c listen_addresses=''" start >/dev/null || { cat /tmp/log; exit 1; }
psql -qAt -c "create table t as select g, md5(g::text) m from generate_series(1, 20000) g; create index on t(m); select count(*), min(m), max(m) from t;"
pgbench -i -q -s 1 2>/dev/null >/dev/null
pgbench -c 4 -j 2 -t 100 2>/dev/null | grep 'actually processed'
psql -qAt -c "select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history), (select count(*) from pgbench_history)"
kill -9 "$(head -1 /tmp/data/postmaster.pid)"
sleep 1
rm -f /tmp/data/postmaster.pid
pg_ctl -D /tmp/data -w -l /tmp/log -o "-k /tmp -c listen_addresses=''" start >/dev/null
psql -qAt -c "select count(*) from t"
pg_ctl -D /tmp/data -w -m fast stop >/dev/null
echo done
