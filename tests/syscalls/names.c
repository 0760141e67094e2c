/* Results and errnos of calls by name. Prints one line each; no addresses, times or inode numbers. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#define T(x) do { errno = 0; long r_ = (long)(x); printf("%-60.60s %ld %s\n", #x, r_ < 0 ? -1 : r_ > 0 && is_fd ? 1 : r_, strerrorname_np(errno)); } while (0)
static int is_fd;
static char long_name[300], long_path[5000];

static volatile int turn, at;

static int is_there(const char *name)
{
	struct stat st;
	return stat(name, &st) == 0;
}

static void *moves_us(void *unused)
{
	for (int i = 1; i <= 200; i++) {
		while (turn != i)
			sched_yield();
		at = chdir(i % 2 ? "/tmp/w2" : "/tmp/w3") == 0 ? i : -1;
	}
	return unused;
}

/* Whoever changes a working directory, the next relative name starts there. */
static void working_directories(void)
{
	pthread_t thread;
	int to[2], from[2], wrong = 0, child;
	char word;

	mkdir("/tmp/w1", 0755), mkdir("/tmp/w2", 0755);
	close(creat("/tmp/w1/one", 0600)), close(creat("/tmp/w2/two", 0600));
	chdir("/tmp/w1"), printf("%d %d\n", is_there("one"), is_there("two"));
	chdir("../w2"), printf("%d %d\n", is_there("one"), is_there("two"));
	int fd = open("../w1", O_RDONLY);
	fchdir(fd), printf("%d %d\n", is_there("one"), is_there("two"));
	rename("/tmp/w1", "/tmp/w3"), printf("%d %d %d\n", is_there("one"), is_there("../w3/one"), is_there("../w1/one"));
	if (fork() == 0)
		_exit(chdir("/tmp/w2"));
	wait(NULL), printf("%d\n", is_there("one"));
	pthread_create(&thread, NULL, moves_us, NULL);
	for (int i = 1; i <= 200; i++) {
		turn = i;
		while (at != i && at >= 0)
			is_there("one"), sched_yield();
		wrong += is_there("one") != (i % 2 == 0), wrong += is_there("two") != (i % 2);
	}
	pthread_join(thread, NULL);
	printf("thread: %d wrong\n", wrong);
	for (int i = 0; i < 2; i++)
		chdir(i ? "/tmp/w2" : "/tmp/w3"), wrong += !is_there(i ? "two" : "one");
	printf("alone: %d wrong\n", wrong);
	/* a process that shares the directory and nothing else */
	pipe(to), pipe(from);
	child = syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);
	for (int i = 0; child == 0 && i < 100; i++) {
		read(to[0], &word, 1);
		chdir(i % 2 ? "/tmp/w2" : "/tmp/w3");
		write(from[1], &word, 1);
	}
	if (child == 0)
		_exit(0);
	fcntl(from[0], F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 100; i++) {
		write(to[1], "x", 1);
		while (read(from[0], &word, 1) != 1)
			is_there("one"), sched_yield();
		wrong += is_there("one") != (i % 2 == 0), wrong += is_there("two") != (i % 2);
	}
	waitpid(child, NULL, 0);
	printf("process: %d wrong\n", wrong);
}

int main(void)
{
	struct stat st;
	struct statx sx;
	struct statfs sf;
	char b[5000];
	int dir, fd;

	memset(long_name, 'a', 299);
	memset(long_path, 'b', 4999);
	setvbuf(stdout, NULL, _IOLBF, 0);
	is_fd = 1;
	T(open("f", O_RDONLY)); T(open("f", O_CREAT | O_EXCL | O_RDWR, 0640)); T(open("f", O_CREAT | O_EXCL, 0640));
	T(open("", O_RDONLY)); T(open(NULL, O_RDONLY)); T(open((char *)1, O_RDONLY)); T(open((char *)-1L, O_RDONLY));
	T(open(long_name, O_RDONLY)); T(open(long_path, O_RDONLY)); T(open("f/x", O_RDONLY)); T(open("f/", O_RDONLY)); T(open(".", O_RDWR));
	T(open(".", O_RDONLY | O_DIRECTORY)); T(open("f", O_DIRECTORY)); T(open(".", O_TMPFILE | O_RDWR, 0600)); T(open("f", O_PATH));
	T(open("f", O_PATH | O_NOFOLLOW | O_CREAT)); T(openat(-1, "f", O_RDONLY)); T(openat(999, "/etc", O_RDONLY)); T(openat(99, "f", O_RDONLY));
	T(open("f", 0x7fffffff & ~O_PATH & ~O_DIRECTORY & ~O_EXCL)); T(open("nodir/", O_CREAT | O_RDWR, 0600)); T(creat("c", 0777));
	struct open_how how = { O_RDONLY, 0, RESOLVE_BENEATH }, bad = { 1ULL << 40, 0, 0 }, mode = { O_RDONLY, 0600, 0 };
	T(syscall(SYS_openat2, AT_FDCWD, "f", &how, sizeof how)); T(syscall(SYS_openat2, AT_FDCWD, "../etc", &how, sizeof how));
	T(syscall(SYS_openat2, AT_FDCWD, "f", &how, 8)); T(syscall(SYS_openat2, AT_FDCWD, "f", &how, 8192));
	T(syscall(SYS_openat2, AT_FDCWD, "f", &bad, sizeof bad)); T(syscall(SYS_openat2, AT_FDCWD, "f", &mode, sizeof mode));
	is_fd = 0;
	dir = open(".", O_RDONLY | O_DIRECTORY);
	fd = open("f", O_RDWR);
	T(stat("f", &st)); printf("%o %ld %d\n", st.st_mode, (long)st.st_size, (int)st.st_nlink);
	T(stat("none", &st)); T(stat("", &st)); T(stat("f", NULL)); T(stat("f", (void *)8)); T(lstat("f", &st)); T(fstat(fd, &st)); T(fstat(999, &st));
	T(fstatat(dir, "f", &st, 0)); T(fstatat(dir, "", &st, AT_EMPTY_PATH)); T(fstatat(fd, "", &st, AT_EMPTY_PATH)); T(fstatat(dir, "f", &st, 0x40000000));
	T(fstatat(fd, "x", &st, 0)); T(fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH)); T(statx(dir, "f", 0, STATX_ALL, &sx)); T(statx(dir, "f", 0, 1u << 31, &sx));
	/* Of a descriptor: native in some tiers, with whatever path comes with it. */
	T(fstatat(fd, "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)); printf("%o %ld\n", st.st_mode, (long)st.st_size); T(fstatat(dir, "f", &st, AT_EMPTY_PATH)); printf("%o %ld\n", st.st_mode, (long)st.st_size);
	T(fstatat(fd, "", &st, 0)); T(fstatat(fd, "x", &st, AT_EMPTY_PATH)); T(fstatat(999, "", &st, AT_EMPTY_PATH)); T(fstatat(fd, "", (void *)8, AT_EMPTY_PATH)); T(fstatat(fd, (void *)8, &st, AT_EMPTY_PATH));
	T(statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &sx)); printf("%o %ld\n", sx.stx_mode, (long)sx.stx_size); T(statx(dir, "f", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_ALL, &sx)); T(statx(dir, "none", AT_EMPTY_PATH, STATX_ALL, &sx)); T(statx(999, "", AT_EMPTY_PATH, STATX_ALL, &sx));
	T(statx(fd, "", AT_EMPTY_PATH | AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_ALL, &sx)); T(statx(fd, "", AT_EMPTY_PATH, 1u << 31, &sx));
	T(access("f", R_OK)); T(access("f", X_OK)); T(access("f", 64)); T(access("none", F_OK)); T(faccessat(dir, "f", W_OK, AT_EACCESS));
	T(mkdir("d", 0777)); T(mkdir("d", 0777)); T(mkdir("d/", 0777)); T(mkdir("e/", 01777)); T(mkdir("/", 0777)); T(mkdir("x/y", 0777)); T(stat("e", &st)); printf("%o\n", st.st_mode);
	T(rmdir("f")); T(rmdir(".")); T(rmdir("d/..")); T(rmdir("none")); T(unlink("d")); T(unlink("none")); T(unlink("d/")); T(unlinkat(dir, "d", 7));
	T(symlink("f", "s")); T(symlink("f", "s")); T(symlink("", "t")); T(symlink(long_path, "t")); T(symlink("loop2", "loop1")); T(symlink("loop1", "loop2"));
	T(open("loop1", O_RDONLY)); T(stat("loop1", &st)); T(lstat("loop1", &st)); T(open("s", O_NOFOLLOW)); T(readlink("s", b, sizeof b)); T(readlink("f", b, sizeof b));
	T(readlink("s", b, 0)); T(readlink("s", (char *)8, 10)); T(readlink("none", b, 5)); T(link("f", "l")); T(link("f", "l")); T(link("d", "dl")); T(link("none", "m"));
	T(link("s", "sl")); T(lstat("sl", &st)); printf("%o\n", st.st_mode); T(linkat(dir, "s", dir, "sf", AT_SYMLINK_FOLLOW)); T(linkat(dir, "s", dir, "sg", 0x77));
	T(rename("f", "g")); T(rename("g", "d")); T(rename("d", "g")); T(rename("none", "x")); T(rename("d", "d/d")); T(renameat2(dir, "g", dir, "l", RENAME_NOREPLACE));
	T(renameat2(dir, "g", dir, "e", RENAME_EXCHANGE)); T(renameat2(dir, "e", dir, "f", 0)); T(renameat2(dir, "f", dir, "h", 64));
	T(truncate("f", 100)); T(truncate("f", -1)); T(truncate("g", 1)); T(truncate("none", 1)); T(stat("f", &st)); printf("%ld\n", (long)st.st_size);
	T(chmod("f", 0123)); T(chmod("none", 0)); T(fchmod(fd, 07777)); T(fchmod(999, 0)); T(stat("f", &st)); printf("%o\n", st.st_mode); T(fchmodat(dir, "s", 0600, AT_SYMLINK_NOFOLLOW));
	T(chown("f", 5, 6)); T(lchown("s", 7, 8)); T(chown("f", -1, -1)); T(chown("none", 1, 1)); T(fchown(fd, 9, 9)); T(stat("f", &st)); printf("%d %d %o\n", st.st_uid, st.st_gid, st.st_mode);
	T(lstat("s", &st)); printf("%d %d\n", st.st_uid, st.st_gid); T(fchownat(fd, "", 3, 3, AT_EMPTY_PATH)); T(fchownat(dir, "f", 0, 0, 0x9999));
	struct utimbuf ut = { 1000, 2000 };
	struct timeval tv[2] = { { 5, 6 }, { 7, 8 } }, badtv[2] = { { 5, 2000000 }, { 7, 8 } };
	struct timespec ts[2] = { { 1, UTIME_OMIT }, { 33, 44 } }, badts[2] = { { 1, 2000000000 }, { 33, 44 } };
	T(utime("f", &ut)); T(stat("f", &st)); printf("%ld %ld\n", st.st_atime, st.st_mtime); T(utimes("f", tv)); T(utimes("f", badtv)); T(utimes("none", NULL));
	T(utimensat(dir, "f", ts, 0)); T(stat("f", &st)); printf("%ld %ld %ld\n", st.st_atime, st.st_mtime, st.st_mtim.tv_nsec); T(utimensat(dir, "f", badts, 0)); T(futimens(fd, NULL));
	T(mknod("fifo", S_IFIFO | 0644, 0)); T(mknod("sock", S_IFSOCK | 0644, 0)); T(mknod("reg", S_IFREG | 0600, 0)); T(mknod("fifo", S_IFIFO, 0)); T(mknod("x", S_IFDIR, 0));
	T(statfs(".", &sf)); T(statfs("none", &sf)); T(fstatfs(fd, &sf)); T(fstatfs(999, &sf));
	T(setxattr("g", "user.a", "1", 1, 0)); T(getxattr("g", "user.none", b, 10)); T(setxattr("none", "user.a", "1", 1, 0)); T(getxattr("g", "", b, 10));
	T(chdir("none")); T(chdir("f")); T(chdir("g")); T(!!getcwd(b, sizeof b)); puts(b); T(syscall(SYS_getcwd, b, 3)); T(syscall(SYS_getcwd, 8, 100)); T(fchdir(fd)); T(fchdir(dir)); T(fchdir(999));
	T(syscall(SYS_getdents64, dir, b, sizeof b) > 0); T(syscall(SYS_getdents64, dir, b, sizeof b)); T(syscall(SYS_getdents64, fd, b, sizeof b)); T(syscall(SYS_getdents64, 999, b, 100));
	lseek(dir, 0, SEEK_SET); T(syscall(SYS_getdents64, dir, b, 2)); T(syscall(SYS_getdents64, dir, 8, 4000)); T(syscall(SYS_inotify_add_watch, 999, ".", 1));
	/* a working directory that is gone */
	T(mkdir("gone", 0700)); T(chdir("gone")); T(rmdir("../gone")); T(syscall(SYS_getcwd, b, sizeof b)); T(open("x", O_CREAT, 0600)); T(stat(".", &st)); T(chdir(".."));
	working_directories();
	return 0;
}
