/* Calls that wait: what ends them, and how. Prints one line each; times only as longer or shorter than a bound. */
#define _GNU_SOURCE
#include <arpa/inet.h>
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
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "signals.h"

#define T(x) do { errno = 0; long r_ = (long)(x); printf("%-70.70s %ld %s\n", #x, r_ < 0 ? -1 : r_, strerrorname_np(errno)); } while (0)

static char b[1 << 20];

/* A child that does something after a while; it has no other end of the pipe but the given. */
static pid_t later(int ms, int fd, int other, const char *text)
{
	pid_t p = fork();
	if (p == 0) {
		close(other);
		usleep(ms * 1000);
		if (text)
			write(fd, text, strlen(text));
		_exit(0);
	}
	return p;
}

static void *writes(void *fd)
{
	usleep(100000);
	write((int)(long)fd, "thread", 6);
	return NULL;
}

static void *kills(void *pid)
{
	usleep(100000);
	kill((pid_t)(long)pid, SIGUSR1);
	return NULL;
}

int main(void)
{
	int p[2], e, ep, s, a, one = 1;
	pid_t child;
	pthread_t t, u;
	long long begin;

	setvbuf(stdout, NULL, _IOLBF, 0);
	pipe(p);
	/* data comes; the other end goes */
	child = later(50, p[1], p[0], "late"); T(read(p[0], b, 10)); printf("%.4s\n", b); reap(child);
	pthread_create(&t, NULL, writes, (void *)(long)p[1]); T(read(p[0], b, 10)); printf("%.6s\n", b); pthread_join(t, NULL);
	/* a handler without and with SA_RESTART */
	set(SIGALRM, 0); soon(50); T(read(p[0], b, 10)); printf("seen %d\n", seen);
	set(SIGALRM, SA_RESTART); soon(50); child = later(200, p[1], p[0], "again"); begin = now(); T(read(p[0], b, 10)); printf("seen %d %d\n", seen, now() - begin >= 150); reap(child);
	/* ignored, and blocked */
	signal(SIGALRM, SIG_IGN); soon(50); child = later(200, p[1], p[0], "i"); T(read(p[0], b, 10)); reap(child);
	sigset_t m, o; sigemptyset(&m); sigaddset(&m, SIGALRM); set(SIGALRM, 0); sigprocmask(SIG_BLOCK, &m, &o); soon(50); child = later(200, p[1], p[0], "bl"); T(read(p[0], b, 10)); printf("seen %d\n", seen); reap(child);
	sigprocmask(SIG_SETMASK, &o, NULL); printf("seen %d\n", seen);
	/* stopped and continued */
	child = fork();
	if (child == 0) { printf("read %d\n", (int)read(p[0], b, 10)); _exit(3); }
	int status;
	usleep(50000); kill(child, SIGSTOP); T(waitpid(child, &status, WUNTRACED) == child); printf("%x\n", status); kill(child, SIGCONT); usleep(20000); write(p[1], "cont", 4); reap(child);
	/* killed while it waits; what it held is free */
	child = fork();
	if (child == 0) { close(p[1]); read(p[0], b, 10); _exit(3); }
	usleep(50000); kill(child, SIGKILL); reap(child);
	child = fork();
	if (child == 0) { signal(SIGTERM, SIG_DFL); read(p[0], b, 10); _exit(3); }
	usleep(50000); kill(child, SIGTERM); reap(child);
	/* a process's signal that some thread takes */
	set(SIGUSR1, SA_RESTART); pthread_create(&t, NULL, kills, (void *)(long)getpid()); pthread_create(&u, NULL, writes, (void *)(long)p[1]); usleep(1); T(read(p[0], b, 20)); pthread_join(t, NULL); pthread_join(u, NULL); printf("seen %d\n", seen);
	/* a full pipe, in one piece and interrupted in the middle */
	child = fork();
	if (child == 0) { long n = 0, r; close(p[1]); usleep(50000); while ((r = read(p[0], b, 30000)) > 0) n += r; printf("got %ld\n", n); _exit(0); }
	T(write(p[1], b, 500000)); close(p[1]); reap(child); close(p[0]); pipe(p);
	set(SIGALRM, 0); soon(50); T(write(p[1], b, 100000)); soon(50); T(write(p[1], b, 100000)); T(fcntl(p[0], F_SETFL, O_NONBLOCK)); T(read(p[0], b, 200000)); fcntl(p[0], F_SETFL, 0);
	/* nobody reads */
	signal(SIGPIPE, SIG_IGN); close(p[0]); T(write(p[1], b, 1)); close(p[1]);
	child = fork();
	if (child == 0) { pipe(p); close(p[0]); signal(SIGPIPE, SIG_DFL); write(p[1], b, 1); _exit(4); }
	reap(child);
	pipe(p);
	child = fork();
	if (child == 0) { close(p[1]); usleep(50000); _exit(0); }
	close(p[0]); T(write(p[1], b, 500000)); reap(child); close(p[1]); pipe(p);
	/* a signal for input, as a server's processes tell each other of messages */
	{ int q[2], on_input = 1; seen = 0; set(SIGIO, SA_RESTART); socketpair(AF_UNIX, SOCK_STREAM, 0, q); T(fcntl(q[0], F_SETOWN, getpid())); T(ioctl(q[0], FIOASYNC, &on_input)); T(fcntl(q[0], F_GETOWN) == getpid()); T(fcntl(q[0], F_GETFL)); T(write(q[1], "x", 1)); usleep(1000); printf("seen %d\n", seen); T(fcntl(q[0], F_SETFL, 0)); T(write(q[1], "x", 1)); usleep(1000); printf("seen %d\n", seen); close(q[0]); close(q[1]); }
	/* eventfd, and waiting for several */
	e = eventfd(0, 0); child = later(50, e, p[0], "12345678"); T(read(e, b, 8)); reap(child);
	struct pollfd f[2] = { { p[0], POLLIN }, { e, POLLIN } };
	T(poll(f, 2, 0)); T(poll(f, 2, 20)); child = later(50, p[1], -1, "p"); T(poll(f, 2, -1)); printf("%d %d\n", f[0].revents, f[1].revents); reap(child); T(read(p[0], b, 9));
	soon(50); T(poll(f, 2, -1)); set(SIGALRM, SA_RESTART); soon(50); T(poll(f, 2, 1000)); set(SIGALRM, 0);
	sigprocmask(SIG_BLOCK, &m, &o); soon(20); usleep(50000); T(ppoll(f, 2, NULL, &o)); sigprocmask(SIG_SETMASK, &o, NULL); printf("seen %d\n", seen);
	fd_set r; struct timeval tv = { 0, 20000 }; FD_ZERO(&r); FD_SET(p[0], &r); T(select(p[0] + 1, &r, NULL, NULL, &tv)); T(poll((void *)8, 1, 0)); T(poll(NULL, 0, 1));
	ep = epoll_create1(0); struct epoll_event ev = { EPOLLIN, { .u64 = 77 } }, got[3];
	T(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev)); T(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev)); T(epoll_wait(ep, got, 3, 0)); child = later(50, p[1], -1, "e"); T(epoll_wait(ep, got, 3, -1)); printf("%d %d\n", (int)got[0].data.u64, got[0].events); reap(child);
	T(read(ep, b, 9)); T(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL)); T(epoll_wait(ep, got, 0, 0)); T(epoll_wait(ep, got, 3, 10)); close(ep); read(p[0], b, 9);
	/* sockets: a connection is waited for, and data; time limits */
	s = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in in = { AF_INET, htons(0), { htonl(INADDR_LOOPBACK) } }, peer;
	socklen_t n = sizeof in;
	T(bind(s, (void *)&in, n)); T(listen(s, 5)); T(getsockname(s, (void *)&in, &n));
	child = fork();
	if (child == 0) { usleep(50000); a = socket(AF_INET, SOCK_STREAM, 0); connect(a, (void *)&in, n); usleep(50000); write(a, "hello", 5); usleep(50000); _exit(recv(a, b, 9, 0)); }
	n = sizeof peer; T((a = accept(s, (void *)&peer, &n)) > s); printf("%d %d\n", n, peer.sin_family); T(recv(a, b, 100, 0)); printf("%.5s\n", b); T(send(a, "bye", 3, 0)); T(read(a, b, 10)); reap(child);
	struct timeval limit = { 0, 50000 };
	T(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit)); T(accept(s, NULL, NULL)); soon(20); T(accept(s, NULL, NULL)); limit.tv_usec = 0; T(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit)); soon(50); T(accept(s, NULL, NULL));
	for (int i = 0; i < 3; i++)
		if (fork() == 0) { int c = accept(s, NULL, NULL); usleep(30000); write(c, "x", 1); _exit(0); }
	for (int i = 0; i < 3; i++) { int c = socket(AF_INET, SOCK_STREAM, 0); connect(c, (void *)&in, sizeof in); printf("%d\n", (int)read(c, b, 5)); close(c); }
	for (int i = 0; i < 3; i++) wait(&status);
	int pair[2]; socketpair(AF_UNIX, SOCK_STREAM, 0, pair); child = later(50, pair[1], pair[0], "unix"); T(recv(pair[0], b, 10, 0)); reap(child); soon(50); T(recv(pair[0], b, 10, 0));
	signal(SIGALRM, SIG_DFL); T(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
	T(mkfifo("fifo", 0600)); child = fork();
	if (child == 0) { int w = open("fifo", O_WRONLY); usleep(50000); write(w, "fifo", 4); _exit(0); }
	a = open("fifo", O_RDONLY); T(read(a, b, 10)); T(read(a, b, 10)); reap(child);
	return 0;
}
