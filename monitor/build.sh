#!/bin/sh
# Builds the monitor with the machine's gcc against musl: static, small, no allocation tricks of a larger libc.
#   build.sh OUTPUT-DIRECTORY VERSION [JAVA-HOME | asan]
# With a JDK: also libcaisson.so, which the daemon's Java loads; it shares the virtual machine's libc, glibc.
# With asan: a build with AddressSanitizer and UndefinedBehaviorSanitizer, which write to OUTPUT-DIRECTORY/report.PID.
set -eu
src=$(dirname "$0")/src
out=$1
version=$2
mkdir -p "$out"
warnings="-std=gnu11 -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes -Wvla -Werror"
if [ "${3:-}" = asan ]; then
	sanitize="-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"
	options="-DCAISSON_VERSION=\"$version\" -DASAN_LOG=\"$(cd "$out" && pwd)/report\""
	gcc $warnings $sanitize $options "$src"/*.c "$src"/../asan/options.c -o "$out/caisson-asan"
	gcc $warnings $sanitize $options "$src"/plan.c "$src"/../fuzz/plan_fuzz.c "$src"/../asan/options.c -o "$out/plan-fuzz"
	exit
fi
command -v musl-gcc >/dev/null || {
	echo "monitor: musl-gcc is missing: apt-get install musl-tools" >&2
	exit 1
}
[ -z "${3:-}" ] || gcc $warnings -Os -shared -fPIC -s -I"$3/include" -I"$3/include/linux" "$src"/../jni/libc.c -o "$out/libcaisson.so"
exec musl-gcc $warnings -Os -static -s -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections \
	-Wl,--gc-sections -Wl,-z,norelro -DCAISSON_VERSION="\"$version\"" "$src"/*.c -o "$out/caisson"
