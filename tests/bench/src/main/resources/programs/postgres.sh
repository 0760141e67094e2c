# A cluster of its own, and pgbench's transactions by two clients.
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
echo root:x:0:0::/tmp:/bin/sh >/etc/passwd && echo user:x:1000:1000::/tmp:/bin/sh >>/etc/passwd
rm -rf /tmp/pg && mkdir /tmp/pg && chown 1000 /tmp/pg && cd /tmp/pg
cat >do.sh <<S
export PATH=$bin:$PATH PGHOST=/tmp/pg PGDATABASE=postgres PGUSER=user HOME=/tmp/pg LC_ALL=C
initdb -D /tmp/pg/data -U user --auth=trust --no-sync >/tmp/pg/initdb.log 2>&1
pg_ctl -D /tmp/pg/data -w -l /tmp/pg/log -o "-k /tmp/pg -c listen_addresses='' -c fsync=off" start >/dev/null
pgbench -i -q -s 1 >/dev/null 2>&1
$1 /dev/null $bin/pgbench -c 2 -j 1 -t 300
pg_ctl -D /tmp/pg/data -w -m fast stop >/dev/null
S
setpriv --reuid=1000 --regid=1000 --clear-groups /usr/bin/sh -eu do.sh
