# A server with a log of its writes: commands, a load, a restart that reads the log, a dump and a replica of it.
cd /tmp
server() { redis-server --port "$1" --dir "$2" --daemonize yes --logfile "$2/log" --appendonly yes --save '' --appendfsync everysec >/dev/null; }
up() { for i in $(seq 1 100); do redis-cli -p "$1" ping 2>/dev/null | grep -q PONG && return; sleep 0.1; done; cat "$2/log"; exit 1; }
mkdir one two
server 7001 /tmp/one && up 7001 /tmp/one
redis-cli -p 7001 mset a 1 b 2 c 3
redis-cli -p 7001 --raw eval 'local s = 0; for _, k in ipairs(redis.call("keys", "?")) do s = s + redis.call("get", k) end; return s' 0
for i in $(seq 1 200); do echo "lpush list $i"; echo "zadd sorted $i m$i"; done | redis-cli -p 7001 --pipe | tail -1
redis-benchmark -p 7001 -q -n 3000 -c 20 -r 1000 -t set,get,incr,lpush,hset,mset --csv 2>/dev/null | cut -d, -f1
redis-benchmark -p 7001 -q -n 3000 -c 4 -P 16 -t set,get --csv 2>/dev/null | cut -d, -f1
redis-cli -p 7001 --raw llen list
redis-cli -p 7001 --raw zrange sorted 0 2
server 7002 /tmp/two && up 7002 /tmp/two
redis-cli -p 7002 replicaof 127.0.0.1 7001
for i in $(seq 1 100); do [ "$(redis-cli -p 7002 --raw llen list)" = 200 ] && break; sleep 0.1; done
redis-cli -p 7002 --raw llen list
redis-cli -p 7002 shutdown nosave force >/dev/null 2>&1 || true
keys=$(redis-cli -p 7001 --raw dbsize)
redis-cli -p 7001 bgrewriteaof >/dev/null
kill -9 "$(redis-cli -p 7001 info server | sed -n 's/process_id:\([0-9]*\).*/\1/p')"
sleep 0.3
server 7001 /tmp/one && up 7001 /tmp/one
[ "$keys" = "$(redis-cli -p 7001 --raw dbsize)" ] && echo as before
redis-cli -p 7001 --raw get a
redis-cli -p 7001 shutdown nosave force >/dev/null 2>&1 || true
echo done
