/*
 * Generated system calls: fuzz SEED CALLS. Children make sequences of them, with arguments that are tiny, all ones, at boundaries, descriptors that are
 * open, and addresses of memory that is there, that ends, and that is not there. A child that waits is ended. The same seed makes the same
 * sequences. Prints "done" at the end; a child that cannot be ended is a hang, whose last call is named.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILDREN 4
#define SEQUENCE 150
#define WAIT_MS 120
#define KILL_MS 10000
#define BUFFER 65536

struct child { pid_t pid; long long begun; int killed; volatile long calls; volatile long last[7]; };

static struct child *children;
static uint64_t state;
static char *buffer, *edge;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static long below(long n) { return (long)(next() % (uint64_t)n); }

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* More processes than are watched, and the end of this one. */
static int skipped(int nr)
{
	return nr == SYS_fork || nr == SYS_vfork || nr == SYS_clone || nr == SYS_clone3 || nr == SYS_exit || nr == SYS_exit_group || nr == SYS_rt_sigreturn;
}

static long argument(void)
{
	static const long edges[] = { -1, -2, -100, 0x7fffffff, 0x80000000L, 0xffffffffL, 1L << 32, 1L << 47, 0x7ffffffff000L, -4096, (long)(1UL << 63), 0xfff, 0x1000, 0x10000, 0x80000, 0x200000, 0x7ffff000 };

	switch (below(12)) {
	case 0: case 1: return below(8);
	case 2: case 3: return 3 + below(20);
	case 4: return edges[below(sizeof edges / sizeof edges[0])];
	case 5: return (long)(buffer + below(BUFFER));
	case 6: case 7: return (long)(buffer + 64 * below(BUFFER / 64));
	case 8: return (long)(edge - below(64));
	case 9: return 1L << below(64);
	case 10: return below(4096);
	default: return below(2) ? 8 : 0;
	}
}

static void fill(void)
{
	static const char *names[] = { ".", "..", "f", "d", "s", "/proc/self/fd/3", "/proc/self/root/etc", "/dev/null", "/../../etc/passwd", "d/../f", "/proc/1/environ", "user.x", "/tmp/" };

	for (int i = 0; i < BUFFER; i += 8)
		*(uint64_t *)(buffer + i) = below(3) ? (uint64_t)below(32) : next();
	for (int i = 0; i < 40; i++)
		strcpy(buffer + 64 * below(BUFFER / 64), names[below(sizeof names / sizeof names[0])]);
	for (int i = 0; i < 20; i++) { /* struct iovec, struct msghdr: addresses of each other, and lengths */
		long *v = (long *)(buffer + 64 * below(BUFFER / 64));
		v[0] = argument(); v[1] = below(5000); v[2] = argument(); v[3] = below(6);
	}
}

static void sequence(struct child *me, uint64_t seed)
{
	struct rlimit as = { 1 << 29, 1 << 29 }, size = { 1 << 22, 1 << 22 }, core = { 0, 0 }, files = { 64, 64 };
	struct itimerval soon = { { 0, 0 }, { 0, 40000 } };
	int p[2];

	state = seed * 0x9e3779b97f4a7c15UL | 1;
	next();
	setrlimit(RLIMIT_AS, &as); setrlimit(RLIMIT_FSIZE, &size); setrlimit(RLIMIT_CORE, &core); setrlimit(RLIMIT_NOFILE, &files);
	buffer = mmap(NULL, BUFFER + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	edge = buffer + BUFFER;
	munmap(edge, 4096);
	close(1); close(2); close(0);
	open("/dev/null", O_RDWR); dup(0); dup(0);
	mkdir("d", 0700); symlink("f", "s");
	open("f", O_CREAT | O_RDWR, 0600); open(".", O_RDONLY); open("f", O_PATH); pipe(p); pipe2(p, O_NONBLOCK); socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	socket(AF_INET, SOCK_STREAM, 0); socket(AF_INET, SOCK_DGRAM, 0); eventfd(0, 0); timerfd_create(CLOCK_MONOTONIC, 0); epoll_create1(0); memfd_create("m", 0); open("/proc/self/status", O_RDONLY); open("/dev/urandom", O_RDONLY);
	for (int i = 0; i < SEQUENCE; i++) {
		int nr = (int)below(475);
		if (below(200) == 0)
			nr = (int)argument();
		if (skipped(nr))
			continue;
		if (i % 30 == 0)
			fill();
		setitimer(ITIMER_REAL, &soon, NULL);
		me->last[0] = nr;
		for (int j = 1; j < 7; j++)
			me->last[j] = argument();
		me->calls++;
		syscall(nr, me->last[1], me->last[2], me->last[3], me->last[4], me->last[5], me->last[6]);
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	long wanted = argc > 2 ? atol(argv[2]) : 10000, calls = 0;
	int running = 0;

	children = mmap(NULL, CHILDREN * sizeof *children, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (long n = 0; calls < wanted || running > 0; ) {
		for (int i = 0; i < CHILDREN; i++) {
			struct child *c = &children[i];
			if (c->pid == 0 && calls < wanted) {
				char dir[32];
				memset(c, 0, sizeof *c);
				c->begun = now();
				n++;
				snprintf(dir, sizeof dir, "w%d", i);
				mkdir(dir, 0700);
				pid_t pid = fork();
				if (pid == 0) {
					chdir(dir);
					sequence(c, seed + (uint64_t)n);
				}
				if (pid < 0) { perror("fork"); return 1; }
				c->pid = pid;
				running++;
			} else if (c->pid > 0) {
				int status;
				pid_t r = waitpid(c->pid, &status, WNOHANG);
				if (r == c->pid || (r < 0 && errno == ECHILD)) {
					calls += c->calls;
					c->pid = 0;
					running--;
				} else if (!c->killed && now() - c->begun > WAIT_MS) {
					kill(c->pid, SIGKILL);
					c->killed = 1;
				} else if (now() - c->begun > KILL_MS) {
					printf("hang: seed %lu call %ld(0x%lx, 0x%lx, 0x%lx, 0x%lx, 0x%lx, 0x%lx)\n", (unsigned long)seed, c->last[0], c->last[1], c->last[2], c->last[3], c->last[4], c->last[5], c->last[6]);
					return 2;
				}
			}
		}
		usleep(300);
	}
	printf("done %ld\n", calls >= wanted ? wanted : calls);
	return 0;
}
