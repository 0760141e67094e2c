#define _GNU_SOURCE
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define BATCH 32
#define LITTLE 256 /* bytes: room for an end, or for what comes meanwhile */
#define TIMERS 8 /* more than there are functions that are given to loop_after */

static int epoll_fd = -1;
static struct epoll_event batch[BATCH];
static int batch_len;
static void **graveyard;
static size_t graves, grave_cap;
static struct {
	uint64_t due;
	void (*fn)(void);
} timers[TIMERS];

void *grow(void *p, size_t n)
{
	void *r = realloc(p, n);

	if (!r)
		_exit(125);
	return r;
}

uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void loop_init(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		_exit(125);
}

int loop_watch(struct source *s, int fd, uint32_t mask)
{
	s->fd = fd;
	s->mask = 0;
	return loop_mask(s, mask);
}

int loop_mask(struct source *s, uint32_t mask)
{
	struct epoll_event e = { .events = mask, .data.ptr = s };
	/* Out of the set with mask 0: EPOLLHUP cannot be masked, and nobody would serve it. */
	int op = !mask ? EPOLL_CTL_DEL : s->mask ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (s->fd < 0 || s->mask == mask)
		return 0;
	s->mask = mask;
	/* A regular file cannot be watched and never blocks: its owner writes without asking. */
	return epoll_ctl(epoll_fd, op, s->fd, &e) == 0 || errno == EPERM ? 0 : -errno;
}

void loop_close(struct source *s)
{
	if (s->fd < 0)
		return;
	loop_mask(s, 0);
	close(s->fd);
	s->fd = -1;
	for (int i = 0; i < batch_len; i++)
		if (batch[i].data.ptr == s)
			batch[i].data.ptr = NULL;
}

void loop_free(void *p)
{
	if (graves == grave_cap) {
		grave_cap = grave_cap ? 2 * grave_cap : 16;
		graveyard = grow(graveyard, grave_cap * sizeof *graveyard);
	}
	graveyard[graves++] = p;
}

void loop_after(int ms, void (*fn)(void))
{
	uint64_t due = now_ms() + (uint64_t)ms;
	int at = 0;

	for (int i = TIMERS - 1; i >= 0; i--)
		if (!timers[i].fn)
			at = i;
	for (int i = 0; i < TIMERS; i++)
		if (timers[i].fn == fn)
			at = i;
	if (timers[at].fn != fn || due < timers[at].due)
		timers[at].due = due;
	timers[at].fn = fn;
}

static int run_timers(void)
{
	uint64_t now = now_ms();
	int wait = -1;

	for (int i = 0; i < TIMERS; i++) {
		if (timers[i].fn && timers[i].due <= now) {
			void (*fn)(void) = timers[i].fn;
			timers[i].fn = NULL;
			fn();
		}
	}
	for (int i = 0; i < TIMERS; i++) {
		if (timers[i].fn) {
			int ms = timers[i].due > now ? (int)(timers[i].due - now) : 0;
			if (wait < 0 || ms < wait)
				wait = ms;
		}
	}
	return wait;
}

void loop_run(void)
{
	for (;;) {
		int wait = run_timers();

		batch_len = epoll_wait(epoll_fd, batch, BATCH, wait);
		for (int i = 0; i < batch_len; i++) {
			struct source *s = batch[i].data.ptr;
			if (s)
				s->ready(s, batch[i].events);
		}
		batch_len = 0;
		while (graves > 0)
			free(graveyard[--graves]);
	}
}

uint8_t *queue_room(struct queue *q, size_t n)
{
	/* Only when half of it is free, or a full queue would be moved for every few bytes taken. */
	if (q->len + n > q->cap && q->off >= q->len / 2 && q->off > 0) {
		memmove(q->bytes, q->bytes + q->off, q->len - q->off);
		q->len -= q->off;
		q->off = 0;
	}
	if (q->len + n > q->cap) {
		q->cap = q->len + n > 2 * q->cap ? q->len + n : 2 * q->cap;
		q->bytes = grow(q->bytes, q->cap);
	}
	return q->bytes + q->len;
}

size_t readable(int fd, size_t most)
{
	int n = 0;

	ioctl(fd, FIONREAD, &n);
	return n < LITTLE ? LITTLE : (size_t)n > most ? most : (size_t)n;
}

void queue_put(struct queue *q, const void *p, size_t n)
{
	if (n == 0)
		return;
	memcpy(queue_room(q, n), p, n);
	q->len += n;
}

void queue_take(struct queue *q, size_t n)
{
	q->off += n;
	if (q->off == q->len)
		queue_drop(q);
}

void queue_drop(struct queue *q)
{
	free(q->bytes);
	memset(q, 0, sizeof *q);
}

int queue_flush(struct queue *q, int fd)
{
	while (q->len > q->off) {
		ssize_t n = write(fd, q->bytes + q->off, q->len - q->off);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		queue_take(q, (size_t)n);
	}
	return 0;
}

void close_from(int first)
{
	syscall(SYS_close_range, first, ~0u, 0);
}

int connect_unix(const char *path, int flags)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof to.sun_path)
		return -ENAMETOOLONG;
	strcpy(to.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
		int e = errno;
		close(fd);
		return -e;
	}
	return fd;
}

/* A second daemon that waits for the first one's death holds this lock (class Standby) until it serves. */
static int has_standby(const char *state_dir)
{
	char lock[4096];
	int fd, held;

	strcat(strcpy(lock, state_dir), "/standby.lock");
	fd = open(lock, O_RDONLY | O_CLOEXEC);
	held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;
	close(fd);
	return held;
}

void start_daemon(const char *state_dir, const char *program)
{
	char *argv[] = { (char *)program, "--state-dir", (char *)state_dir, NULL };
	char *envp[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	sigset_t none;
	char lock[4096]; /* and the log's path */
	int fd;

	if (strlen(state_dir) + sizeof "/caissond.log" > sizeof lock || has_standby(state_dir))
		return;
	strcat(strcpy(lock, state_dir), "/start.lock");
	/* The lock passes to the daemon by fork and exec and is held until it listens: one start at a time. It
	 * is taken before the fork, since a hundred pods may want the daemon at the same moment. */
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || fork() != 0) {
		close(fd);
		return;
	}
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(fd, 3);
	fcntl(3, F_SETFD, 0); /* dup2 onto itself keeps O_CLOEXEC */
	strcat(strcpy(lock, state_dir), "/caissond.log");
	fd = open("/dev/null", O_RDWR);
	dup2(fd, 0);
	dup2(fd, 1);
	fd = open(lock, O_WRONLY | O_APPEND | O_CREAT, 0600);
	dup2(fd < 0 ? 1 : fd, 2);
	close_from(4);
	if (chdir("/") == 0)
		execve(program, argv, envp);
	_exit(127);
}
