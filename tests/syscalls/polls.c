/* Calls that wait for several files: what they find, write and leave alone, and what ends them. Prints one line each; times only as longer or shorter than a bound. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "signals.h"

#define T(x) do { errno = 0; long r_ = (long)(x); printf("%-84.84s %ld %s\n", #x, r_ < 0 ? -1 : r_, strerrorname_np(errno)); } while (0)

static char b[70000];

static pid_t later(int ms, int fd, const char *text)
{
	pid_t p = fork();
	if (p == 0) {
		usleep(ms * 1000);
		write(fd, text, strlen(text));
		_exit(0);
	}
	return p;
}

static void *flips(void *f)
{
	usleep(30000);
	((struct pollfd *)f)->fd = 77;
	((struct pollfd *)f)->events = 7;
	return NULL;
}

static void *writes(void *fd)
{
	usleep(80000);
	write((int)(long)fd, "thread", 6);
	return NULL;
}

static void *takes(void *pid)
{
	usleep(30000);
	kill((pid_t)(long)pid, SIGUSR1);
	usleep(10000);
	return NULL;
}

static void polls(void)
{
	int p[2], s[2], e = eventfd(0, 0), gone = dup(0);
	long long begin;
	pthread_t t, u;

	close(gone); pipe(p); socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	/* what is there, what is not, what nobody asked about */
	struct pollfd f[6] = { { p[0], POLLIN }, { p[1], POLLOUT | POLLIN }, { -1, POLLIN, 99 }, { gone, POLLIN }, { s[0], POLLIN | POLLOUT | POLLRDHUP | POLLPRI }, { e, POLLIN | POLLOUT } };
	T(poll(f, 6, 0)); for (int i = 0; i < 6; i++) printf("%d %x\n", f[i].events, f[i].revents);
	T(poll(f, 6, 1000)); T(poll(f + 2, 1, 10)); printf("%x\n", f[2].revents); T(poll(f, 1, 0)); T(poll(f, 0, 10)); T(poll(NULL, 1, 0)); T(poll(NULL, 0, 0)); T(poll((void *)8, 2, 0)); T(poll(f, -1, 0));
	write(p[1], "x", 1); f[0].revents = 0x7777; T(poll(f, 1, -1)); printf("%x\n", f[0].revents); read(p[0], b, 9);
	/* ends of others */
	shutdown(s[1], SHUT_WR); T(poll(f + 4, 1, -1)); printf("%x\n", f[4].revents); close(s[1]); f[4].events = 0; T(poll(f + 4, 1, -1)); printf("%x\n", f[4].revents);
	f[1].events = POLLOUT; while (fcntl(p[1], F_SETFL, O_NONBLOCK), write(p[1], b, 4096) > 0) ; T(poll(f + 1, 1, 10)); if (fork() == 0) { usleep(30000); read(p[0], b, 65536); _exit(0); } T(poll(f + 1, 1, -1)); printf("%x\n", f[1].revents); wait(NULL);
	/* the program's part of the array is its own; the array of a mapping that can only be read */
	f[0].revents = 3; pthread_create(&t, NULL, flips, f); T(poll(f, 1, 100)); pthread_join(t, NULL); printf("%d %d %d\n", f[0].fd, f[0].events, f[0].revents); f[0] = (struct pollfd) { p[0], POLLIN };
	struct pollfd *ro = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); ro[0] = f[0]; mprotect(ro, 4096, PROT_READ); T(poll(ro, 1, 0)); T(poll(ro, 1, 10));
	/* as many as there may be in one */
	struct pollfd *many = calloc(1500, sizeof *many); for (int i = 0; i < 1500; i++) many[i] = (struct pollfd) { p[0], POLLIN }; T(poll(many, 900, 10)); T(poll(many, 1500, 10)); write(p[1], "y", 1); T(poll(many, 900, -1)); T(poll(many, 1500, -1)); read(p[0], b, 70000);
	/* terminals, files, sets, timers, processes' ends */
	int file = open("/tmp/f", O_CREAT | O_RDWR, 0600), path = open("/tmp", O_PATH), null = open("/dev/null", O_RDWR), ep = epoll_create1(0), tfd = timerfd_create(CLOCK_MONOTONIC, 0), m = posix_openpt(O_RDWR | O_NOCTTY), pid = fork();
	if (pid == 0) { usleep(300000); _exit(0); }
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	struct pollfd k[7] = { { file, POLLIN | POLLOUT }, { path, POLLIN }, { null, POLLIN | POLLOUT }, { ep, POLLIN }, { tfd, POLLIN }, { m, POLLIN | POLLOUT }, { pidfd, POLLIN } };
	T(poll(k, 7, 0)); for (int i = 0; i < 7; i++) printf("%x\n", k[i].revents);
	struct itimerspec in = { { 0, 0 }, { 0, 30000000 } }; timerfd_settime(tfd, 0, &in, NULL); begin = now(); T(poll(k + 4, 1, -1)); printf("%d\n", now() - begin >= 25); T(poll(k + 6, 1, -1)); printf("%x\n", k[6].revents); wait(NULL);
	struct epoll_event ev = { EPOLLIN, { .u64 = 5 } }; epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev); pid = later(30, p[1], "z"); T(poll(k + 3, 1, -1)); printf("%x\n", k[3].revents); reap(pid); read(p[0], b, 9);
	/* two that wait for the same */
	pthread_create(&t, NULL, writes, (void *)(long)p[1]); if (fork() == 0) { T(poll(f, 1, -1)); _exit(0); } wait(NULL); T(poll(f, 1, -1)); pthread_join(t, NULL); read(p[0], b, 9);
	/* signals */
	set(SIGALRM, SA_RESTART); soon(30); T(poll(f, 1, 2000)); soon(30); T(poll(NULL, 0, -1)); signal(SIGALRM, SIG_IGN); soon(10); begin = now(); T(poll(f, 1, 60)); printf("%d\n", now() - begin >= 60); set(SIGALRM, 0);
	set(SIGUSR1, 0); pthread_create(&t, NULL, takes, (void *)(long)getpid()); pthread_create(&u, NULL, writes, (void *)(long)p[1]); int got; while ((got = poll(f, 1, 2000)) < 0 && errno == EINTR) ; printf("%d %d\n", got, seen >= 100); pthread_join(t, NULL); pthread_join(u, NULL); read(p[0], b, 9); seen = 0;
	pid = fork(); if (pid == 0) { T(poll(f, 1, -1)); _exit(3); } int status; usleep(30000); kill(pid, SIGSTOP); T(waitpid(pid, &status, WUNTRACED) == pid); kill(pid, SIGCONT); usleep(30000); write(p[1], "c", 1); reap(pid); read(p[0], b, 9);
	pid = fork(); if (pid == 0) { poll(f, 1, -1); _exit(3); } usleep(30000); kill(pid, SIGTERM); reap(pid);
	/* ppoll: time that is left, masks */
	struct timespec ts = { 0, 40000000 }; sigset_t mask, old; sigemptyset(&mask); sigaddset(&mask, SIGALRM);
	T(syscall(SYS_ppoll, f, 1, &ts, NULL, 8)); printf("%ld %ld\n", (long)ts.tv_sec, ts.tv_nsec); ts.tv_sec = 5; write(p[1], "x", 1); T(syscall(SYS_ppoll, f, 1, &ts, NULL, 8)); printf("%ld %d\n", (long)ts.tv_sec, ts.tv_nsec > 0); read(p[0], b, 9);
	ts = (struct timespec) { 0, 1000000000 }; T(syscall(SYS_ppoll, f, 1, &ts, NULL, 8)); ts = (struct timespec) { -1, 0 }; T(syscall(SYS_ppoll, f, 1, &ts, NULL, 8)); T(syscall(SYS_ppoll, f, 1, 8, NULL, 8)); T(syscall(SYS_ppoll, f, 1, NULL, &mask, 4)); T(syscall(SYS_ppoll, f, 1, NULL, 8, 8));
	ts = (struct timespec) { 0, 0 }; sigprocmask(SIG_BLOCK, &mask, &old); raise(SIGALRM); T(ppoll(f, 1, &ts, &old)); printf("seen %d\n", seen); raise(SIGALRM); ts.tv_sec = 2; T(ppoll(f, 1, &ts, &old)); printf("seen %d\n", seen); soon(30); T(ppoll(f, 1, &ts, &old)); printf("seen %d\n", seen); soon(10); ts = (struct timespec) { 0, 60000000 }; T(ppoll(f, 1, &ts, &mask)); printf("seen %d\n", seen); raise(SIGALRM); write(p[1], "x", 1); T(ppoll(f, 1, NULL, &mask)); printf("seen %d\n", seen); sigprocmask(SIG_SETMASK, &old, NULL); printf("seen %d\n", seen);
	read(p[0], b, 9); soon(20); ts = (struct timespec) { 0, 80000000 }; begin = now(); T(ppoll(f, 1, &ts, &mask)); printf("seen %d %d\n", seen, now() - begin >= 80);
	close(p[0]); close(p[1]); close(s[0]); close(e);
}

static void selects(void)
{
	int p[2], s[2], high = fcntl(0, F_DUPFD, 300);
	fd_set r, w, x;
	struct timeval tv = { 3, 0 };
	sigset_t mask, old;

	pipe(p); socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	FD_ZERO(&r); FD_ZERO(&w); FD_ZERO(&x);
	FD_SET(p[0], &r); FD_SET(s[0], &r); FD_SET(s[0], &w); FD_SET(p[1], &w); FD_SET(s[0], &x);
	T(select(64, &r, &w, &x, &tv)); printf("%d %d %d %d %d %d\n", FD_ISSET(p[0], &r) != 0, FD_ISSET(s[0], &r) != 0, FD_ISSET(s[0], &w) != 0, FD_ISSET(p[1], &w) != 0, FD_ISSET(s[0], &x) != 0, tv.tv_sec >= 2);
	FD_ZERO(&r); FD_SET(p[0], &r); tv = (struct timeval) { 0, 30000 }; T(select(p[0] + 1, &r, NULL, NULL, &tv)); printf("%d %ld %ld\n", FD_ISSET(p[0], &r) != 0, (long)tv.tv_sec, (long)tv.tv_usec);
	FD_SET(p[0], &r); T(select(p[0], &r, NULL, NULL, &tv)); pid_t c = later(30, p[1], "x"); FD_SET(p[0], &r); T(select(p[0] + 1, &r, NULL, NULL, NULL)); printf("%d\n", FD_ISSET(p[0], &r) != 0); reap(c); read(p[0], b, 9);
	FD_ZERO(&r); FD_SET(high, &r); close(high); T(select(high + 1, &r, NULL, NULL, &tv)); printf("%d\n", FD_ISSET(high, &r) != 0); T(select(-1, NULL, NULL, NULL, &tv)); T(select(0, NULL, NULL, NULL, &tv)); tv = (struct timeval) { -1, 0 }; T(select(0, NULL, NULL, NULL, &tv)); tv = (struct timeval) { 0, -5 }; T(select(0, NULL, NULL, NULL, &tv)); tv = (struct timeval) { 0, 2000 }; T(select(0, NULL, NULL, NULL, &tv)); T(select(5, (void *)8, NULL, NULL, &tv)); T(syscall(SYS_select, 5, NULL, NULL, NULL, 8));
	close(s[1]); FD_ZERO(&r); FD_ZERO(&x); FD_SET(s[0], &r); FD_SET(s[0], &x); T(select(64, &r, NULL, &x, NULL)); printf("%d %d\n", FD_ISSET(s[0], &r) != 0, FD_ISSET(s[0], &x) != 0); FD_SET(s[0], &x); tv = (struct timeval) { 0, 50000 }; T(select(64, NULL, NULL, &x, &tv));
	set(SIGALRM, SA_RESTART); seen = 0; FD_ZERO(&r); FD_SET(p[0], &r); soon(30); tv = (struct timeval) { 2, 0 }; T(select(64, &r, NULL, NULL, &tv)); printf("%d %d %d\n", seen, FD_ISSET(p[0], &r) != 0, tv.tv_sec == 1 && tv.tv_usec > 0);
	sigemptyset(&mask); sigaddset(&mask, SIGALRM); sigprocmask(SIG_BLOCK, &mask, &old); raise(SIGALRM); T(pselect(64, &r, NULL, NULL, NULL, &old)); printf("seen %d\n", seen); soon(30); T(pselect(64, &r, NULL, NULL, NULL, &old)); printf("seen %d\n", seen); sigprocmask(SIG_SETMASK, &old, NULL);
	struct timespec ts = { 0, 30000000 }; T(syscall(SYS_pselect6, 64, &r, NULL, NULL, &ts, NULL)); printf("%ld %ld\n", (long)ts.tv_sec, ts.tv_nsec); T(syscall(SYS_pselect6, 64, &r, NULL, NULL, &ts, 8)); struct { void *mask; size_t size; } arg = { &mask, 3 }; T(syscall(SYS_pselect6, 64, &r, NULL, NULL, &ts, &arg)); arg.mask = NULL; T(syscall(SYS_pselect6, 64, &r, NULL, NULL, &ts, &arg));
	close(p[0]); close(p[1]); close(s[0]);
}

static void epolls(void)
{
	int p[2], q[2], ep = epoll_create1(0), n;
	struct epoll_event ev = { EPOLLIN | EPOLLET, { .u64 = 1ULL << 40 } }, got[8];
	sigset_t mask, old;
	struct timespec ts = { 0, 20000000 };

	pipe(p); pipe(q);
	T(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev)); ev = (struct epoll_event) { EPOLLIN | EPOLLONESHOT, { .u64 = 2 } }; T(epoll_ctl(ep, EPOLL_CTL_ADD, q[0], &ev));
	T(epoll_wait(ep, got, 8, 0)); T(epoll_wait(ep, got, 8, 20)); write(p[1], "x", 1); T(epoll_wait(ep, got, 8, -1)); printf("%d %x\n", got[0].data.u64 == 1ULL << 40, got[0].events); T(epoll_wait(ep, got, 8, 20)); write(p[1], "y", 1); T(epoll_wait(ep, got, 8, -1)); write(q[1], "x", 1); T(epoll_wait(ep, got, 8, -1)); printf("%d\n", (int)got[0].data.u64); write(q[1], "x", 1); T(epoll_wait(ep, got, 8, 20)); T(epoll_ctl(ep, EPOLL_CTL_MOD, q[0], &ev)); write(p[1], "x", 1); T(epoll_wait(ep, got, 1, -1)); T(epoll_wait(ep, got, 1, -1)); T(epoll_wait(ep, got, 1, 0));
	for (n = 0; n < 3; n++) { pid_t c = later(20, p[1], "late"); T(epoll_wait(ep, got, 8, -1)); reap(c); }
	T(epoll_wait(ep, got, 0, 0)); T(epoll_wait(ep, got, -1, 0)); T(epoll_wait(p[0], got, 1, 0)); T(epoll_wait(999, got, 1, 0)); T(epoll_wait(ep, (void *)-1, 1, 0)); T(epoll_wait(ep, (void *)8, 1, 10)); T(syscall(SYS_epoll_pwait2, ep, got, 8, &ts, NULL, 8)); ts.tv_nsec = -1; T(syscall(SYS_epoll_pwait2, ep, got, 8, &ts, NULL, 8)); T(epoll_pwait(ep, got, 8, 10, NULL)); T(syscall(SYS_epoll_pwait, ep, got, 8, 10, &mask, 9));
	set(SIGALRM, SA_RESTART); seen = 0; soon(30); T(epoll_wait(ep, got, 8, 2000)); sigemptyset(&mask); sigaddset(&mask, SIGALRM); sigprocmask(SIG_BLOCK, &mask, &old); raise(SIGALRM); T(epoll_pwait(ep, got, 8, 2000, &old)); printf("seen %d\n", seen); soon(30); T(epoll_pwait(ep, got, 8, 2000, &old)); printf("seen %d\n", seen); soon(10); T(epoll_pwait(ep, got, 8, 50, NULL)); printf("seen %d\n", seen); sigprocmask(SIG_SETMASK, &old, NULL); printf("seen %d\n", seen);
	/* threads that share a set */
	close(ep); ep = epoll_create1(0); ev = (struct epoll_event) { EPOLLIN, { .u64 = 3 } }; read(p[0], b, 99); epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev); for (n = 0; n < 3; n++) if (fork() == 0) { int k = epoll_wait(ep, got, 8, -1); _exit(k); } usleep(30000); write(p[1], "x", 1); for (n = 0; n < 3; n++) { int s; wait(&s); printf("%x\n", s); } read(p[0], b, 9);
	/* files of signals */
	sigprocmask(SIG_BLOCK, &mask, &old); int sf = signalfd(-1, &mask, 0); struct pollfd f[2] = { { p[0], POLLIN }, { sf, POLLIN } }; T(poll(f, 2, 10)); raise(SIGALRM); T(poll(f, 2, -1)); printf("%x %x\n", f[0].revents, f[1].revents); epoll_ctl(ep, EPOLL_CTL_ADD, sf, &ev); T(epoll_wait(ep, got, 8, -1)); T(read(sf, b, 128)); soon(30); T(poll(f, 2, -1)); T(read(sf, b, 128)); soon(30); T(epoll_wait(ep, got, 8, -1)); struct pollfd e = { ep, POLLIN }; T(poll(&e, 1, -1)); T(read(sf, b, 128));
}

/* One of each that waits for nothing, in a process of its own. */
static void wait_for_ever(void)
{
	int p[2], ep = epoll_create1(0);
	struct pollfd f[2];
	struct epoll_event ev = { EPOLLIN, { .u64 = 1 } }, got[2];
	sigset_t none;

	pipe(p); sigemptyset(&none); epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev);
	f[0] = (struct pollfd) { p[0], POLLIN }; f[1] = (struct pollfd) { ep, POLLIN };
	for (int kind = 0; kind < 7; kind++)
		if (fork() == 0) {
			fd_set r;
			struct timespec ts = { 1000, 0 };
			FD_ZERO(&r); FD_SET(p[0], &r);
			switch (kind) {
			case 0: poll(f, 2, -1); break;
			case 1: ppoll(f, 2, NULL, &none); break;
			case 2: select(64, &r, NULL, NULL, NULL); break;
			case 3: pselect(64, &r, NULL, NULL, NULL, &none); break;
			case 4: epoll_wait(ep, got, 2, -1); break;
			case 5: epoll_pwait(ep, got, 2, -1, &none); break;
			case 6: syscall(SYS_epoll_pwait2, ep, got, 2, &ts, &none, 8); break;
			}
			_exit(1);
		}
	printf("all\n");
	pause();
}

int main(int argc, char **argv)
{
	(void)argv;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1)
		wait_for_ever();
	polls();
	selects();
	epolls();
	return 0;
}
