#!/bin/sh
# Records what containerd and its runc shim say to each other. Root; needs containerd 1.6 or later, ctr, runc, python3 and
# a static busybox. Everything lives in a private mount namespace under a tmpfs on /run; only the cgroup /golden is outside.
# usage: record.sh OUTPUT_DIRECTORY [DIRECTORY_OF_CONTAINERD_CTR_AND_SHIM]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$(mkdir -p "$1" && cd "$1" && pwd)
programs=${2:-/usr/bin}
if [ -z "${GOLDEN_INSIDE:-}" ]; then
    export GOLDEN_INSIDE=1
    exec unshare --mount --pid --fork --mount-proc --propagation private sh "$0" "$out" "$programs"
fi
# containerd looks for a shim in its working directory before PATH.
cd /
mount -t tmpfs golden /run
mkdir -p /run/golden/bin /run/golden/out /run/golden/programs
# The frames name the paths of the programs: give them neutral ones.
mount --bind "$programs" /run/golden/programs
programs=/run/golden/programs
export GOLDEN_SHIM=$programs/containerd-shim-runc-v2
echo idle >/run/golden/case
cp "$here/proxy.py" /run/golden/
cp "$here/shim-wrapper.py" /run/golden/bin/containerd-shim-runc-v2
chmod +x /run/golden/proxy.py /run/golden/bin/*
cat >/run/golden/config.toml <<TOML
version = 2
root = "/run/golden/root"
state = "/run/golden/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "/run/golden/containerd.sock"
TOML
python3 "$here/image.py" "$(command -v busybox)" /run/golden/image.tar
/run/golden/proxy.py /run/golden/events.sock /run/golden/containerd.sock.ttrpc /run/golden/out/events </dev/null >/dev/null 2>>/run/golden/proxy.log &
PATH=/run/golden/bin:$programs:$PATH containerd -c /run/golden/config.toml >/run/golden/containerd.log 2>&1 &
daemon=$!
export PATH=$programs:$PATH
export CONTAINERD_ADDRESS=/run/golden/containerd.sock CONTAINERD_NAMESPACE=golden
for _ in $(seq 100); do ctr version >/dev/null 2>&1 && break; sleep 0.1; done
ctr image import /run/golden/image.tar
image=docker.io/library/golden:1
echo life >/run/golden/case
ctr run -d --memory-limit 67108864 --label kind=golden $image life /bin/busybox sleep 1000
ctr task exec --exec-id say life /bin/busybox echo hello
ctr task exec --exec-id code life /bin/busybox sh -c 'exit 42' || true
ctr task exec --exec-id missing life /no/such/program || true
printf 'typed\n' | ctr task exec --exec-id cat life /bin/busybox cat || true
ctr task ps life
ctr task metrics life
ctr task pause life
ctr task resume life
ctr task kill -s 9 life
for _ in $(seq 50); do ctr task ls | grep -q 'life .*STOPPED' && break; sleep 0.1; done
ctr task kill -s 9 life || true
ctr task delete life || true
ctr container rm life
echo fail >/run/golden/case
ctr run --rm $image fail /no/such/program || true
ctr container rm fail || true
echo oom >/run/golden/case
ctr run --rm --memory-limit 8388608 $image oom /bin/busybox sh -c 'x=x; while true; do x=$x$x; done' || true
sleep 1
kill "$daemon"
wait "$daemon" || true
find /run/golden/out -name "*.bin" -size +0 -exec cp {} "$out/" \;
for controller in /sys/fs/cgroup /sys/fs/cgroup/*; do
    rmdir "$controller/golden" 2>/dev/null || true
done
