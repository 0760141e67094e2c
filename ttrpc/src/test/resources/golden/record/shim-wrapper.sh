#!/bin/sh
# Stands before the real shim on containerd's PATH: `start` answers a recording proxy's address.
set -eu
real=/usr/bin/containerd-shim-runc-v2
for last; do :; done
if [ "$last" != start ]; then
    exec "$real" "$@"
fi
export TTRPC_ADDRESS=/run/golden/events.sock
address=$("$real" "$@")
id=${address##*/}
listen=/run/golden/$(echo "$id" | cut -c1-16).sock
fifo=/run/golden/$id.ready
mkfifo "$fifo"
setsid /run/golden/proxy.py "$listen" "${address#unix://}" "/run/golden/out/task-$(cat /run/golden/case)" \
    </dev/null >"$fifo" 2>>/run/golden/proxy.log &
read -r _ <"$fifo"
printf 'unix://%s' "$listen"
