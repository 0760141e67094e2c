# A server with one worker, and what a file of 24 KB costs each time, in milliseconds of a thousand, by 16 connections for two seconds.
rm -rf /tmp/nginx && mkdir -p /tmp/nginx/www /tmp/nginx/logs && cd /tmp/nginx
cat >nginx.conf <<'C'
user root;
worker_processes 1;
pid /tmp/nginx/nginx.pid;
error_log /tmp/nginx/logs/error.log;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path /tmp/nginx/body; proxy_temp_path /tmp/nginx/proxy; fastcgi_temp_path /tmp/nginx/fastcgi; uwsgi_temp_path /tmp/nginx/uwsgi; scgi_temp_path /tmp/nginx/scgi;
	server { listen 127.0.0.1:7080; root /tmp/nginx/www; sendfile on; }
}
C
echo root:x:0:0::/tmp:/bin/sh >/etc/passwd && echo root:x:0: >/etc/group
seq 1 5000 >www/file
nginx -c /tmp/nginx/nginx.conf 2>/dev/null
# Hundredths of requests a second; the host's awk would be a link into its /etc, which is not here.
rate=$(wrk -t1 -c16 -d2s http://127.0.0.1:7080/file | sed -n 's/^Requests\/sec: *\([0-9]*\)[.]\([0-9][0-9]\).*/\1\2/p')
micros=$((100000000000 / rate))
printf '%d.%03d\n' $((micros / 1000)) $((micros % 1000))
kill -QUIT "$(cat nginx.pid)"
for i in $(seq 1 50); do [ -e nginx.pid ] || break; sleep 0.1; done
