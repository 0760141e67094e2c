# strace and gdb: what a program asks for, its variables at a breakpoint, another process that is attached to.
cd /work
cat >p.c <<'E'
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static int twice(int n) { int m = 2 * n; return m; }
int main(int argc, char **argv) { if (argc > 1) pause(); int fd = open("/work/p.c", O_RDONLY); char b[10]; long n = read(fd, b, 10); printf("%d\n", twice((int)n)); return 0; }
E
gcc -g -O0 -o p p.c
strace -f -e trace=openat,read,write,exit_group -o log ./p
grep -E 'p\.c|write\(1|exit_group' log | sed 's/^[0-9]* *//'
strace -c -o /dev/null sh -c 'ls /work >/dev/null; echo $?'
cat >g <<'E'
set disable-randomization off
set confirm off
break twice
run
info args
finish
print $1 + 1
continue
E
gdb -q -batch -nx -x g ./p 2>/dev/null | grep -E '^n = |Value returned|^\$2|exited normally' | sed 's/process [0-9]*/process/'
./p wait & p=$!
sleep 0.3
gdb -q -batch -nx -p $p -ex 'frame function main' -ex 'print argc' -ex 'detach' 2>/dev/null | grep '^\$1'
kill $p && wait $p || echo ended $?
echo done
