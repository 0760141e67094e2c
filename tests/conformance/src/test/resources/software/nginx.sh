# A master and two workers: files of several sizes, ranges, errors, a proxy to itself, a load, a reload and an orderly end.
mkdir /tmp/n && cd /tmp/n && mkdir www logs
cat >nginx.conf <<'E'
worker_processes 2;
pid /tmp/n/nginx.pid;
error_log /tmp/n/logs/error.log;
events { worker_connections 256; }
http {
	access_log /tmp/n/logs/access.log;
	client_body_temp_path /tmp/n/body; proxy_temp_path /tmp/n/proxy; fastcgi_temp_path /tmp/n/fastcgi; uwsgi_temp_path /tmp/n/uwsgi; scgi_temp_path /tmp/n/scgi;
	server { listen 127.0.0.1:7080; root /tmp/n/www; sendfile on; location /via/ { proxy_pass http://127.0.0.1:7080/; } location = /no { return 403; } }
	server { listen unix:/tmp/n/sock; root /tmp/n/www; }
}
E
seq 1 10 >www/small; seq 1 5000 >www/middle; seq 1 300000 >www/large
nginx -c /tmp/n/nginx.conf -t 2>/dev/null && echo configured
nginx -c /tmp/n/nginx.conf
get() { curl -s --max-time 20 -o /tmp/got -w '%{http_code} %{size_download}\n' "$@"; md5sum </tmp/got; }
for i in $(seq 1 50); do curl -s --max-time 20 -o /dev/null http://127.0.0.1:7080/small && break; sleep 0.1; done
for f in small middle large via/middle via/large; do get http://127.0.0.1:7080/$f; done
get -r 100-200 http://127.0.0.1:7080/large
get --unix-socket /tmp/n/sock http://x/middle
for f in none no ..%2f..%2fetc%2fpasswd; do curl -s --max-time 20 -o /dev/null -w '%{http_code}\n' http://127.0.0.1:7080/$f; done
if command -v wrk >/dev/null; then wrk -t1 -c16 -d1s http://127.0.0.1:7080/middle >load; else seq 1 500 | xargs -P 8 -I{} curl -s --max-time 20 -o /dev/null http://127.0.0.1:7080/middle && echo requests >load; fi
grep -E 'Non-2xx|Socket errors' load || echo no errors
kill -HUP "$(cat nginx.pid)" && sleep 0.5
get http://127.0.0.1:7080/middle
kill -QUIT "$(cat nginx.pid)"
for i in $(seq 1 50); do [ -e nginx.pid ] || break; sleep 0.1; done
[ -e nginx.pid ] || echo ended
grep -c alert logs/error.log || true
echo done
