# A server, and 20,000 requests of each of four kinds by 20 clients.
rm -rf /tmp/redis && mkdir /tmp/redis && cd /tmp/redis
redis-server --port 7001 --dir /tmp/redis --daemonize yes --logfile log --save '' >/dev/null
for i in $(seq 1 100); do redis-cli -p 7001 ping 2>/dev/null | grep -q PONG && break; sleep 0.1; done
"$1" /dev/null /usr/bin/redis-benchmark -p 7001 -q -n 20000 -c 20 -r 1000 -t set,get,incr,lpush
redis-cli -p 7001 shutdown nosave force >/dev/null 2>&1 || true
