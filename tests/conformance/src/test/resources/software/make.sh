# A library, a program that uses it, and make(1) with four jobs, which finds out what is to be built again.
cd /tmp && mkdir p && cd p
for i in 1 2 3 4 5 6 7 8; do
	printf '#include "sum.h"\nint f%d(int x) { return x * %d; }\n' $i $i >f$i.c
done
{ for i in 1 2 3 4 5 6 7 8; do echo "int f$i(int);"; done; } >sum.h
cat >main.c <<'END'
#include <stdio.h>
#include <pthread.h>
#include "sum.h"
static int total;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *add(void *f) { pthread_mutex_lock(&lock); total += ((int (*)(int)) f)(10); pthread_mutex_unlock(&lock); return 0; }
int main(void)
{
    int (*all[])(int) = {f1, f2, f3, f4, f5, f6, f7, f8};
    pthread_t t[8];
    for (int i = 0; i < 8; i++) pthread_create(&t[i], 0, add, (void *) all[i]);
    for (int i = 0; i < 8; i++) pthread_join(t[i], 0);
    printf("total %d\n", total);
    return 0;
}
END
cat >Makefile <<'END'
OBJECTS = f1.o f2.o f3.o f4.o f5.o f6.o f7.o f8.o
CC = gcc
CFLAGS = -O1
program: main.o libsum.a
	@$(CC) -o $@ main.o -L. -lsum -lpthread
libsum.a: $(OBJECTS)
	@ar rcsD $@ $(OBJECTS)
%.o: %.c sum.h
	@$(CC) $(CFLAGS) -c -o $@ $<
END
make -s -j4
./program
ar t libsum.a
make -q && echo nothing to do
touch -d '+1 minute' f3.c
make -n | wc -l
gcc -O1 -c -o /dev/null -H main.c 2>&1 | grep -c stdio.h
md5sum <f1.o
echo done
