// Signals and timers that end a wait, children that are waited for, and the time, for programs whose output is compared.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static volatile int seen;

static void on(int s) { seen += s == SIGALRM ? 1 : 100; }

static void set(int signal, int flags) {
    struct sigaction a = {.sa_handler = on, .sa_flags = flags};
    sigaction(signal, &a, NULL);
}

static void soon(int ms) {
    struct itimerval t = {{0, 0}, {ms / 1000, ms % 1000 * 1000}};
    setitimer(ITIMER_REAL, &t, NULL);
}

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void reap(pid_t p) {
    int s;
    while (waitpid(p, &s, 0) < 0 && errno == EINTR)
        ;
    printf("child %x\n", s);
}
