/* Results, errnos and positions of reads and writes. Prints one line each. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define T(x) do { errno = 0; long r_ = (long)(x); printf("%-70.70s %ld %s\n", #x, r_ < 0 ? -1 : r_, strerrorname_np(errno)); } while (0)

static char b[1 << 20], c[1 << 20];
static char *half; /* one page, and nothing behind it */

static void files(void)
{
	int fd = open("f", O_CREAT | O_RDWR | O_TRUNC, 0600), ro = open("f", O_RDONLY), dir = open(".", O_RDONLY), path = open("f", O_PATH);
	struct iovec v[3] = { { b, 3 }, { b + 100, 0 }, { b + 200, 5 } }, many[1025], bad[2] = { { b, 2 }, { (void *)8, 4 } };

	T(write(fd, "0123456789", 10)); T(lseek(fd, 0, SEEK_CUR)); T(lseek(fd, 2, SEEK_SET)); T(read(fd, b, 3)); printf("%.3s\n", b); T(lseek(fd, 0, SEEK_CUR));
	T(read(fd, b, 100)); T(read(fd, b, 100)); T(read(fd, b, 0)); T(write(ro, "x", 1)); T(read(dir, b, 10)); T(write(dir, b, 10)); T(read(path, b, 1)); T(write(path, b, 1));
	T(read(-1, b, 1)); T(read(999, b, 1)); T(write(999, b, 1)); T(read(999, NULL, 1)); T(pread(999, b, 1, -5));
	T(pread(fd, b, 4, 3)); printf("%.4s\n", b); T(lseek(fd, 0, SEEK_CUR)); T(pread(fd, b, 4, 100)); T(pread(fd, b, 4, -1)); T(pwrite(fd, "ab", 2, 20)); T(pwrite(fd, "ab", 2, -1));
	T(lseek(fd, 0, SEEK_END)); T(pread(fd, b, 30, 8)); for (int i = 0; i < 14; i++) printf("%d ", b[i]); puts("");
	T(lseek(fd, 0, SEEK_SET)); T(readv(fd, v, 3)); printf("%.3s %.5s\n", b, b + 200); T(preadv(fd, v, 3, 1)); printf("%.3s %.5s\n", b, b + 200); T(lseek(fd, 0, SEEK_CUR));
	for (int i = 0; i < 1025; i++) many[i] = (struct iovec){ b + i, 1 };
	T(readv(fd, many, 1025)); T(readv(fd, many, -1)); T(readv(fd, many, 0)); T(readv(fd, (void *)8, 1)); T(lseek(fd, 0, SEEK_SET)); T(readv(fd, many, 1024)); T(writev(fd, many, 1024)); T(lseek(fd, 0, SEEK_CUR));
	many[1].iov_len = -1L; T(readv(fd, many, 2)); T(writev(fd, many, 2));
	T(lseek(fd, 5, SEEK_SET)); T(readv(fd, bad, 2)); T(writev(fd, bad, 2)); T(lseek(fd, 0, SEEK_CUR));
	T(lseek(fd, 5, SEEK_SET)); T(read(fd, (void *)8, 4)); T(lseek(fd, 0, SEEK_CUR)); T(write(fd, (void *)8, 4)); T(read(fd, NULL, 4)); T(read(fd, b, -1L)); T(write(fd, b, -1L)); T(read(fd, (void *)-4096L, 10));
	T(preadv2(fd, v, 3, -1, 0)); T(preadv2(fd, v, 3, 2, 0)); T(preadv2(fd, v, 3, -2, 0)); T(preadv2(fd, v, 1, 0, 0x4000)); T(pwritev2(fd, v, 1, 0, RWF_DSYNC)); T(pwritev2(fd, v, 1, 0, RWF_APPEND)); T(pwritev2(fd, v, 1, -1, RWF_APPEND));
	T(lseek(fd, 0, SEEK_END));
	/* more than a part, and a page with nothing behind it */
	for (int i = 0; i < (int)sizeof b; i++) b[i] = (char)(i * 31 + i / 999);
	int big = open("big", O_CREAT | O_RDWR, 0600), app = open("big", O_WRONLY | O_APPEND);
	T(write(big, b, sizeof b)); T(pread(big, c, sizeof c, 0)); T(memcmp(b, c, sizeof b)); T(write(app, b, 200000)); T(lseek(app, 0, SEEK_CUR)); T(lseek(big, 0, SEEK_END)); T(pread(big, c, sizeof c, 524288)); T(memcmp(b + 524288, c, 524288));
	T(pread(big, half, 8192, 0)); T(memcmp(half, b, 4096)); T(pwrite(big, half, 8192, 0)); T(pwrite(big, half + 4096, 1, 0)); T(pread(big, half + 4090, 6, 10)); T(pread(big, half + 4090, 7, 10) >= 0);
	T(ftruncate(big, 70000)); T(lseek(big, 65000, SEEK_SET)); T(read(big, c, 100000)); T(memcmp(c, b + 65000, 5000)); T(lseek(big, 0, SEEK_HOLE)); T(lseek(big, -1, SEEK_SET)); T(lseek(big, 0, 99)); T(lseek(999, 0, 0));
	T(fsync(big)); T(fdatasync(big)); T(fsync(999)); T(fallocate(big, 0, 0, 100000)); T(lseek(big, 0, SEEK_END)); T(ftruncate(big, -1)); T(ftruncate(ro, 1)); T(posix_fadvise(big, 0, 0, POSIX_FADV_WILLNEED)); T(sync_file_range(big, 0, 0, 2));
	char *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, big, 0);
	m[5] = 'M'; T(pread(big, c, 1, 5)); printf("%c\n", c[0]); T(pwrite(big, "W", 1, 6)); printf("%c\n", m[6]); T(read(big, m, 100)); T(mmap(NULL, 4096, PROT_READ, MAP_SHARED, 999, 0) == MAP_FAILED);
	int mem = memfd_create("m", MFD_ALLOW_SEALING);
	T(write(mem, "hello", 5)); T(pread(mem, b, 10, 1)); T(fcntl(mem, F_ADD_SEALS, F_SEAL_WRITE)); T(write(mem, "x", 1)); T(fcntl(mem, F_GET_SEALS));
	int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDONLY), full = open("/dev/full", O_WRONLY), random = open("/dev/urandom", O_RDONLY);
	T(read(null, b, 10)); T(write(null, b, 300000)); T(read(zero, b, 300000)); T(b[299999]); T(write(full, b, 10)); T(read(random, b, 100000)); T(pread(null, b, 1, 3)); T(writev(full, v, 3));
	int whole = 0; /* also when others want the processor */
	for (int i = 0; i < 200; i++)
		whole += read(zero, b, 300000) == 300000;
	T(whole);
	/* a set-id bit goes when the file is written */
	struct stat st;
	T(fchmod(fd, 06755)); T(write(fd, "x", 1)); T(fstat(fd, &st)); printf("%o\n", st.st_mode);
}

static void pipes(void)
{
	int p[2], e = eventfd(3, EFD_NONBLOCK), s = eventfd(2, EFD_SEMAPHORE), t = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	uint64_t n = 5;
	struct iovec v[2] = { { "ab", 2 }, { "cde", 3 } };

	T(pipe2(p, O_NONBLOCK)); T(read(p[0], b, 1)); T(write(p[1], "hello", 5)); T(read(p[0], (void *)8, 4)); T(read(p[0], b, 100)); printf("%.5s\n", b); T(read(p[1], b, 1)); T(write(p[0], b, 1));
	T(pread(p[0], b, 1, 0)); T(pwrite(p[1], b, 1, 0)); T(lseek(p[0], 0, SEEK_SET)); T(write(p[1], (void *)8, 4)); T(writev(p[1], v, 2)); T(readv(p[0], v, 0)); T(read(p[0], b, 100)); printf("%.5s\n", b);
	T(write(p[1], b, sizeof b)); T(write(p[1], b, 1)); T(read(p[0], c, sizeof c)); T(memcmp(b, c, 65536)); T(write(p[1], half + 4000, 200)); T(read(p[0], c, 300)); T(fcntl(p[1], F_SETPIPE_SZ, 4096)); T(fcntl(p[1], F_GETPIPE_SZ)); T(write(p[1], b, 5000));
	T(close(p[1])); T(read(p[0], c, 5000)); T(read(p[0], c, 5000)); T(close(p[0])); T(close(p[0])); T(read(p[0], b, 1));
	T(read(e, &n, 8)); printf("%d\n", (int)n); T(read(e, &n, 8)); n = 7; T(write(e, &n, 8)); T(read(e, &n, 7)); T(read(e, &n, 8)); printf("%d\n", (int)n); T(read(s, &n, 8)); printf("%d\n", (int)n); n = -1L; T(write(e, &n, 8)); n--; T(write(e, &n, 8)); T(write(e, &n, 8));
	struct itimerspec soon = { { 0, 0 }, { 0, 20000000 } };
	T(read(t, &n, 8)); T(timerfd_settime(t, 0, &soon, NULL)); fcntl(t, F_SETFL, 0); T(read(t, &n, 8)); printf("%d\n", (int)n); T(fcntl(t, F_GETFL));
}

static void sends(void)
{
	int in = open("big", O_RDONLY), out = open("copy", O_CREAT | O_RDWR | O_TRUNC, 0600), app = open("copy", O_WRONLY | O_APPEND), p[2];
	off_t at = 10, bad = -1;

	T(lseek(in, 5, SEEK_SET)); T(sendfile(out, in, NULL, 1000)); T(lseek(in, 0, SEEK_CUR)); T(lseek(out, 0, SEEK_CUR)); T(sendfile(out, in, &at, 100)); printf("%ld\n", (long)at); T(lseek(in, 0, SEEK_CUR));
	T(sendfile(out, in, &bad, 100)); T(sendfile(out, in, (void *)8, 100)); T(sendfile(app, in, NULL, 10)); T(sendfile(in, in, NULL, 10)); T(sendfile(out, 999, NULL, 10)); T(sendfile(999, in, NULL, 10)); T(sendfile(out, in, NULL, 0)); T(sendfile(out, in, NULL, -1L));
	T(sendfile(out, in, NULL, 1 << 20) > 60000); T(pread(out, c, 1000, 0)); T(pread(in, b, 1000, 5)); T(memcmp(b, c, 1000)); T(sendfile(out, in, NULL, 10));
	pipe2(p, O_NONBLOCK); at = 0; T(sendfile(p[1], in, &at, 1 << 20) > 0); T(sendfile(p[1], in, &at, 1 << 20)); T(read(p[0], c, 4096)); T(pread(in, b, 4096, 0)); T(memcmp(b, c, 4096)); T(sendfile(out, p[0], NULL, 10));
}

/* Reads until the other end is closed, in a process of its own, whose exit status says how many KiB came. */
static int drain(int from, int other)
{
	int pid = fork();

	if (pid)
		return pid;
	close(other);
	usleep(50000); /* what is written has to wait */
	long got, all = 0;
	while ((got = read(from, c, sizeof(c))) > 0)
		all += got;
	_exit(got < 0 ? 255 : (int)(all >> 10));
}

/* Pipes and named pipes that are full, and sendfile(2) into both. */
static void full(void)
{
	int in = open("big", O_RDONLY), p[2], status;
	long sent, all = 0;
	off_t at = 0;

	T(pipe(p)); int pid = drain(p[0], p[1]);
	while (all < 200 << 10 && (sent = sendfile(p[1], in, &at, (200 << 10) - all)) > 0)
		all += sent;
	T(all); T(close(p[1])); T(close(p[0])); T(waitpid(pid, &status, 0) == pid); T(WEXITSTATUS(status));

	T(mkfifo("fifo", 0600)); int r = open("fifo", O_RDONLY | O_NONBLOCK), w = open("fifo", O_WRONLY);
	T(read(r, c, 5)); T(write(w, "hello", 5)); T(fcntl(r, F_SETFL, 0)); T(read(r, c, 5)); T(memcmp(c, "hello", 5)); T(pread(r, c, 5, 0)); T(pwrite(w, c, 5, 0));
	pid = drain(r, w); all = at = 0;
	while (all < 100 << 10 && (sent = write(w, b, (100 << 10) - all)) > 0)
		all += sent;
	while (all < 200 << 10 && (sent = sendfile(w, in, &at, (200 << 10) - all)) > 0)
		all += sent;
	T(all); T(close(r)); T(close(w)); T(waitpid(pid, &status, 0) == pid); T(WEXITSTATUS(status));
	r = open("fifo", O_RDONLY | O_NONBLOCK); w = open("fifo", O_WRONLY); signal(SIGPIPE, SIG_IGN);
	at = 0; T(close(r)); T(write(w, "x", 1)); T(sendfile(w, in, &at, 10)); T(fcntl(w, F_GETFL)); T(unlink("fifo"));
}

/* RLIMIT_FSIZE: what fits is written, then EFBIG and a signal. */
static void sizes(void)
{
	struct rlimit old, small = { .rlim_cur = 5000 };
	int in = open("big", O_RDONLY), fd = open("limited", O_CREAT | O_RDWR | O_TRUNC, 0600), app, status;
	off_t at = 0;

	T(getrlimit(RLIMIT_FSIZE, &old)); small.rlim_max = old.rlim_max; signal(SIGXFSZ, SIG_IGN); T(setrlimit(RLIMIT_FSIZE, &small));
	T(write(fd, b, 6000)); T(write(fd, b, 1)); T(lseek(fd, 0, SEEK_CUR)); T(pwrite(fd, b, 100, 4990)); T(pwrite(fd, b, 100, 5000)); T(pwrite(fd, b, 0, 6000));
	struct iovec v[2] = { { b, 4 }, { c, 4 } };
	T(pwritev(fd, v, 2, 4994)); T(lseek(fd, 4000, SEEK_SET)); T(sendfile(fd, in, &at, 2000)); T(sendfile(fd, in, &at, 2000));
	T(ftruncate(fd, 6000)); T(truncate("limited", 6000)); T(truncate("limited", 4000)); app = open("limited", O_WRONLY | O_APPEND); T(write(app, b, 2000)); T(write(app, b, 1));
	int pid = fork();
	if (!pid) {
		signal(SIGXFSZ, SIG_DFL);
		_exit(write(app, b, 1) < 0);
	}
	T(waitpid(pid, &status, 0) == pid); T(WIFSIGNALED(status) ? WTERMSIG(status) : -1);
	T(setrlimit(RLIMIT_FSIZE, &old)); T(write(app, b, 1)); T(unlink("limited"));
}

static void descriptors(void)
{
	int p[2], q, fd = open("f", O_RDWR);

	T(pipe(p)); q = dup(p[0]); T(q == p[1] + 1); T(dup2(p[0], 99)); T(dup2(999, 5)); T(dup2(p[0], -1)); T(dup3(p[0], p[0], 0)); T(dup3(p[0], 98, O_CLOEXEC)); T(fcntl(98, F_GETFD)); T(fcntl(99, F_GETFD)); T(fcntl(p[0], F_DUPFD, 97)); T(fcntl(p[0], F_DUPFD_CLOEXEC, 97));
	T(fcntl(999, F_GETFL)); T(fcntl(fd, F_GETFL)); T(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK)); T(fcntl(fd, F_GETFL)); T(fcntl(fd, 0x7777)); T(close_range(97, 99, 0)); T(fcntl(98, F_GETFD)); T(close(999)); T(ioctl(p[0], 0x541b, &q)); T(ioctl(p[0], 0x5412, "x"));
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	T(fcntl(fd, F_SETLK, &l)); T(fcntl(fd, F_GETLK, &l)); printf("%d\n", l.l_type); T(write(p[1], "x", 1)); T(read(q, b, 5));
}

int main(void)
{
	half = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(half + 4096, 4096);
	setvbuf(stdout, NULL, _IOLBF, 0);
	files();
	pipes();
	sends();
	full();
	sizes();
	descriptors();
	printf("%d %d %d\n", getpid() > 0, getppid() >= 0, getuid());
	return 0;
}
