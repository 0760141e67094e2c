// Asks for what the sandbox process is charged for until it is refused: whatever a guest hoards, that process lives, and goes on when the guest lets go.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { CHILDREN = 400, MOST = 400000 };

static const char *where = "/tmp/hoard";
static char text[4000], path[600];

static const char *name(int i, int length)
{
	int n = snprintf(path, sizeof path, "%s/%d/", where, i >> 10);
	if (!(i & 1023))
		mkdir(path, 0755);
	memset(path + n, 'n', length);
	snprintf(path + n + length, sizeof path - n - length, "%d", i);
	return path;
}

static int procfile(int i) { (void)i; return open("/proc/meminfo", O_RDONLY); }
static int procdir(int i) { (void)i; return open("/proc/self", O_RDONLY | O_DIRECTORY); }
static int again(int i) { (void)i; return open("/program", O_RDONLY); }
static int file(int i) { return mknod(name(i, 200), S_IFREG | 0644, 0); }
static int directory(int i) { return mkdir(name(i, 0), 0755); }
static int created(int i) { int fd = open(name(i, 0), O_WRONLY | O_CREAT, 0644); if (fd >= 0) close(fd); return fd; }
static int nameless(int i) { (void)i; return open(where, O_RDWR | O_TMPFILE, 0600); }
static int lnk(int i) { return symlink(text, name(i, 100)); }
static int hard(int i) { if (!i) close(creat("/tmp/hoard/one", 0644)); return link("/tmp/hoard/one", name(i, 200)); }

static int attribute(int i)
{
	snprintf(path, sizeof path, "user.%d", i);
	return setxattr(where, path, text, sizeof text - 1, 0);
}

static int bytes(int i)
{
	static char block[1 << 16];
	int fd = open("/tmp/hoard/bytes", O_WRONLY | O_CREAT | (i ? O_APPEND : 0), 0644);
	int n = fd < 0 ? -1 : write(fd, block, sizeof block);
	int e = errno;
	close(fd);
	errno = e;
	return n < 0 ? -1 : 0;
}

// Full ones: who writes them is charged.
static int pipes(int i)
{
	static char block[1 << 16];
	int p[2];
	(void)i;
	if (pipe2(p, O_NONBLOCK))
		return -1;
	return write(p[1], block, sizeof block) < 0 && errno != EAGAIN ? -1 : 0;
}

static int mounted(int i)
{
	static char at[64];
	snprintf(at, sizeof at, "/tmp/hoard/%d", i);
	mkdir(at, 0755);
	if (mount("t", at, "tmpfs", 0, NULL))
		return -1;
	for (int k = 0; k < 20000; k++) {
		snprintf(path, sizeof path, "%s/%d", at, k);
		if (mknod(path, S_IFREG | 0644, 0))
			return -1;
	}
	return umount2(at, MNT_DETACH) || mount("t", at, "tmpfs", 0, NULL);
}

static const struct {
	const char *name;
	int (*one)(int);
	int children; // each of which has descriptors of its own
} ways[] = {
	{ "procfile", procfile, 1 }, { "procdir", procdir, 1 }, { "again", again, 1 }, { "file", file, 0 }, { "directory", directory, 0 },
	{ "created", created, 0 }, { "nameless", nameless, 1 }, { "symlink", lnk, 0 }, { "link", hard, 0 }, { "attribute", attribute, 0 },
	{ "bytes", bytes, 0 }, { "pipes", pipes, 1 }, { "mounted", mounted, 0 },
};

static int lengths(int (*one)(int)) { return one == file || one == hard ? 200 : one == lnk ? 100 : 0; }

static int hoard(int (*one)(int), int *done)
{
	errno = 0;
	while (*done < MOST && one(*done) >= 0)
		++*done;
	return errno;
}

int main(int argc, char **argv)
{
	int out[2], hold[2], total = 0, last = 0, most = argc > 2 ? atoi(argv[2]) : CHILDREN;
	struct rlimit files = { 4096, 4096 };

	memset(text, 't', sizeof text - 1);
	setrlimit(RLIMIT_NOFILE, &files);
	mkdir(where, 0755);
	for (unsigned w = 0; w < sizeof ways / sizeof *ways; w++) {
		if (argc < 2 || strcmp(argv[1], ways[w].name))
			continue;
		pipe(out), pipe(hold);
		int children = ways[w].children ? most : 1;
		for (int k = 0; k < children && last != ENOMEM; k++) {
			if (!fork()) {
				int said[2] = { 0, 0 };
				char c;
				close(hold[1]);
				said[1] = hoard(ways[w].one, said);
				write(out[1], said, sizeof said);
				read(hold[0], &c, 1);
				_exit(0);
			}
			int said[2];
			read(out[0], said, sizeof said);
			total += said[0], last = said[1];
		}
		fprintf(stderr, "%s: %d, %s\n", ways[w].name, total, strerrorname_np(last));
		printf("%s\n", last == ENOMEM || last == ENOSPC ? "refused" : strerrorname_np(last));
		fflush(stdout);
		if (getenv("HOLD"))
			sleep(atoi(getenv("HOLD")));
		close(hold[1]);
		while (wait(NULL) > 0)
			;
		// What processes held is gone with them; what is in the file system is not, and can be removed.
		for (int i = 0; !ways[w].children && i < 20000; i++)
			if (unlink(name(i, lengths(ways[w].one))) && rmdir(path))
				break;
		int fd = open("/proc/meminfo", O_RDONLY);
		printf("and then: %s\n", fd < 0 ? strerrorname_np(errno) : "answered");
	}
	return 0;
}
