/*
 * Ways out of containers that were found in the past years, as far as trying them does no harm where they work: nothing is written to what
 * should not have been opened. Argument: the host's path of a file outside of the container's root. One line each: held, or ESCAPED.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { RACES = 2000, RACE_SECONDS = 10 };

static const char *outside;
static volatile int stop;
static char flipped[128];

static void held(const char *what, int is)
{
	printf("%s: %s\n", what, is ? "held" : "ESCAPED");
}

static int opens(const char *path, int flags)
{
	int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int refused(long result)
{
	return result == -1 && errno != EFAULT && errno != EBADF && errno != EINVAL;
}

/* /proc/PID/root, cwd, exe and fd lead to things and not to names. */
static void magic_links(void)
{
	static const char *const links[] = { "self/root", "1/root", "thread-self/root", "self/cwd", "1/cwd", "self/task/%d/root", "self/root/proc/1/root",
		"self/fd/%d", "self/fd/%d/..", "1/fd/0/..", "1/exe/..", "self/cwd/../../../../../..", "self/../1/root/../.." };
	int dir = open("/", O_RDONLY | O_DIRECTORY), found = 0;
	char path[PATH_MAX], format[64];

	for (unsigned i = 0; i < sizeof links / sizeof links[0]; i++) {
		snprintf(format, sizeof format, "/proc/%s", links[i]);
		int n = snprintf(path, sizeof path, format, strstr(format, "task") ? (int)syscall(SYS_gettid) : dir);
		snprintf(path + n, sizeof path - n, "%s", outside);
		found += opens(path, O_RDONLY) || opens(path, O_PATH);
	}
	held("magic links", !found);
	for (int i = 0; i < 40; i++)
		memcpy(path + 3 * i, "../", 4);
	strcat(path, outside);
	found = opens(path, O_RDONLY) + (openat(dir, path, O_RDONLY) >= 0);
	fchdir(dir), chdir(".."), found += opens(outside + 1, O_RDONLY);
	if (symlink(path, "/tmp/up") == 0)
		found += opens("/tmp/up", O_RDONLY);
	held("names that lead up", !found && getcwd(path, sizeof path) && strcmp(path, "/") == 0);
	close(dir);
}

/* With AT_EMPTY_PATH the kernel does it without a look by anybody, also where the path is not empty: it has the container's mounts to look in. */
static void descriptors_by_name(void)
{
	static const char *const ups[] = { "", "/../../../../../..", "/proc/1/root", "/proc/1/root/../..", "/proc/self/cwd/../../..", "/proc/self/fd/%d/../.." };
	int dir = open("/", O_RDONLY | O_DIRECTORY), found = 0;
	char path[PATH_MAX];
	struct stat st, root;
	struct statx sx;

	for (unsigned i = 0; i < sizeof ups / sizeof ups[0]; i++) {
		int n = snprintf(path, sizeof path, ups[i], dir);
		snprintf(path + n, sizeof path - n, "%s", outside);
		found += fstatat(AT_FDCWD, path, &st, AT_EMPTY_PATH) == 0 || fstatat(dir, path + (i != 0), &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == 0;
		found += statx(AT_FDCWD, path, AT_EMPTY_PATH, STATX_BASIC_STATS, &sx) == 0 || statx(dir, path + (i != 0), AT_EMPTY_PATH, STATX_BASIC_STATS, &sx) == 0;
	}
	held("names that come with AT_EMPTY_PATH", !found && fstat(dir, &root) == 0 && fstatat(dir, "../../..", &st, AT_EMPTY_PATH) == 0 &&
	     st.st_ino == root.st_ino && st.st_dev == root.st_dev && fstatat(dir, "bin", &st, AT_EMPTY_PATH) == 0);
	close(dir);
}

static void left_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int more = dir == NULL;

	for (struct dirent *e; dir && (e = readdir(dir));)
		more += atoi(e->d_name) > 2 && atoi(e->d_name) != dirfd(dir);
	if (dir)
		closedir(dir);
	held("descriptors that were left open", !more);
}

/* What the host's kernel runs or does when somebody writes there. */
static void helpers(void)
{
	static const char *const files[] = { "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug",
		"/proc/sys/kernel/poweroff_cmd", "/proc/sys/fs/binfmt_misc/register", "/proc/sysrq-trigger", "/proc/self/mem", "/proc/1/mem", "/proc/kcore", "/proc/kmem",
		"/sys/kernel/uevent_helper", "/sys/kernel/vmcoreinfo", "/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/memory/release_agent",
		"/sys/kernel/debug/tracing/trace_pipe", "/dev/mem", "/dev/kmem", "/dev/kmsg", "/dev/port", "/dev/fuse", "/dev/vhost-net" };
	int open = 0;

	for (unsigned i = 0; i < sizeof files / sizeof files[0]; i++)
		open += opens(files[i], O_WRONLY);
	held("files that the kernel obeys", !open);
	mknod("/tmp/mem", S_IFCHR | 0600, makedev(1, 1)), mknod("/tmp/disk", S_IFBLK | 0600, makedev(254, 0));
	held("device nodes", !opens("/tmp/mem", O_RDONLY) && !opens("/tmp/disk", O_RDONLY));
}

static void kernel_power(void)
{
	char handle[sizeof(struct file_handle) + 8] = { 8, 0, 0, 0, 1 }, attr[128] = { 0 };
	int mount_id;

	handle[sizeof(struct file_handle)] = 2;
	held("open_by_handle_at", refused(syscall(SYS_open_by_handle_at, AT_FDCWD, handle, O_RDONLY)) &&
	     refused(syscall(SYS_name_to_handle_at, AT_FDCWD, "/", handle, &mount_id, 0)));
	held("io_uring", refused(syscall(SYS_io_uring_setup, 8, attr)) && refused(syscall(SYS_io_uring_enter, 0, 0, 0, 0, 0, 0)));
	held("bpf", refused(syscall(SYS_bpf, 0, attr, sizeof attr)) && refused(syscall(SYS_bpf, 5, attr, sizeof attr)));
	held("perf_event_open", refused(syscall(SYS_perf_event_open, attr, 0, -1, -1, 0)));
	held("userfaultfd", refused(syscall(SYS_userfaultfd, 0)));
	held("keys", refused(syscall(SYS_add_key, "user", "a", "b", 1, -3)) && refused(syscall(SYS_request_key, "user", "a", NULL, -3)));
	held("namespaces", refused(unshare(CLONE_NEWUSER)) && refused(unshare(CLONE_NEWNS)) && refused(setns(0, 0)) &&
	     refused(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)) && refused(syscall(SYS_clone3, attr, 88)));
	held("mounts", refused(mount("none", "/tmp", "tmpfs", 0, NULL)) && refused(umount2("/proc", MNT_DETACH)) && refused(syscall(SYS_pivot_root, "/", "/tmp")) &&
	     refused(chroot("/tmp")) && refused(syscall(SYS_fsopen, "tmpfs", 0)) && refused(syscall(SYS_open_tree, AT_FDCWD, "/", 1)));
	held("modules and reboot", refused(syscall(SYS_init_module, attr, 8, "")) && refused(syscall(SYS_kexec_load, 0, 0, 0, 0)) &&
	     refused(syscall(SYS_reboot, 0xfee1dead, 672274793, 0, NULL)));
	held("ptrace", refused(ptrace(PTRACE_ATTACH, 1, 0, 0)) && refused(ptrace(PTRACE_SEIZE, getppid(), 0, 0)));
	struct iovec here = { attr, 8 }, there = { attr, 8 };
	held("another's memory", refused(process_vm_writev(1, &here, 1, &there, 1, 0)) && refused(process_vm_readv(1, &here, 1, &there, 1, 0)));
	held("sockets", refused(socket(AF_PACKET, SOCK_RAW, 0)) && refused(socket(AF_ALG, SOCK_SEQPACKET, 0)) && refused(socket(AF_VSOCK, SOCK_STREAM, 0)) &&
	     refused(socket(AF_NETLINK, SOCK_RAW, 12)) && refused(socket(AF_INET, SOCK_RAW, 1)));
}

/* A terminal's input belongs to who types; the kernel looks at 32 bits of the command only. */
static void terminals(void)
{
	static const unsigned long commands[] = { TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSSERIAL };
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY), done = 0;
	char letter = 'x';

	for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++)
		for (int bit = 31; bit < 64; bit += 11) {
			letter = commands[i] == TIOCLINUX ? 6 : 'x';
			done += syscall(SYS_ioctl, fd, commands[i] | (bit > 31 ? 1UL << bit : 0), &letter) != -1 || (errno != ENOTTY && errno != EPERM);
		}
	held("commands of terminals", fd >= 0 && !done);
	close(fd);
}

static void other_numbers(void)
{
	int status = 0;

	held("x32", syscall(0x40000000 | SYS_getpid) == -1 && errno == ENOSYS);
	if (fork() == 0) {
		long r = 20; /* getpid of i386 */
		__asm__ volatile("int $0x80" : "+a"(r) : : "memory");
		_exit(r == getpid());
	}
	wait(&status);
	held("int 0x80", WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
}

/* A set-id program gives no right that the container does not have. */
static void set_id(const char *self)
{
	char line[128];
	unsigned long before = 0, after = 0;
	int status;

	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof line, f))
		sscanf(line, "CapBnd: %lx", &before);
	fclose(f);
	snprintf(line, sizeof line, "cp %s /tmp/set-id && chown 0:0 /tmp/set-id && chmod 6755 /tmp/set-id", self);
	system(line);
	if (fork() == 0) {
		setgid(1000), setuid(1000);
		execl("/tmp/set-id", "set-id", "rights", NULL);
		_exit(9);
	}
	wait(&status);
	f = fopen("/tmp/rights", "r");
	if (f && fgets(line, sizeof line, f))
		sscanf(line, "%lx", &after);
	held("set-id", WIFEXITED(status) && WEXITSTATUS(status) == 0 && (after & ~before) == 0);
}

static int rights(void)
{
	char line[128];
	unsigned long effective = 0;

	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof line, f))
		sscanf(line, "CapEff: %lx", &effective);
	FILE *out = fopen("/tmp/rights", "w");
	return out == NULL ? geteuid() == 0 : fprintf(out, "%lx\n", effective) < 0 || fclose(out);
}

static void *flips(void *names)
{
	while (!stop)
		for (int i = 0; i < 2; i++)
			strcpy(flipped, ((const char **)names)[i]);
	return NULL;
}

static void *exchanges(void *unused)
{
	while (!stop)
		renameat2(AT_FDCWD, "/tmp/x/dir", AT_FDCWD, "/tmp/x/link", RENAME_EXCHANGE);
	return unused;
}

/* Where an open descriptor leads must be no place that a name may not be opened of. */
static int leads_to(int fd, const char *what)
{
	char path[64], text[PATH_MAX] = "";

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return readlink(path, text, sizeof text - 1) > 0 && strstr(text, what) != NULL;
}

static int race(void *(*other)(void *), void *argument, const char *path, int flags, const char *forbidden)
{
	pthread_t thread;
	int bad = 0;
	time_t end = time(NULL) + RACE_SECONDS;

	stop = 0;
	pthread_create(&thread, NULL, other, argument);
	for (int i = 0; i < RACES && time(NULL) < end; i++) {
		int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0) {
			bad += leads_to(fd, forbidden);
			close(fd);
		}
	}
	stop = 1;
	pthread_join(thread, NULL);
	return bad;
}

static void races(void)
{
	const char *files[] = { "/proc/self/status", "/proc/sys/kernel/core_pattern" }, *names[] = { "/tmp/x/dir/file", outside };

	mkdir("/tmp/x", 0755), mkdir("/tmp/x/dir", 0755), symlink("/proc/sys/kernel", "/tmp/x/link");
	close(creat("/tmp/x/dir/file", 0600)), close(creat("/tmp/x/dir/core_pattern", 0600));
	strcpy(flipped, files[0]);
	held("a path that changes, below /proc", !race(flips, files, flipped, O_WRONLY, "sys/kernel"));
	strcpy(flipped, names[0]);
	held("a path that changes", !race(flips, names, flipped, O_RDONLY, outside));
	held("a directory that becomes a symlink", !race(exchanges, NULL, "/tmp/x/dir/core_pattern", O_WRONLY, "/proc/"));
	held("and the way up from it", !race(exchanges, NULL, "/tmp/x/dir/../../../..", O_RDONLY | O_DIRECTORY, "/proc/"));
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && strcmp(argv[1], "rights") == 0)
		return rights();
	outside = argv[1];
	left_open();
	magic_links();
	descriptors_by_name();
	helpers();
	kernel_power();
	terminals();
	other_numbers();
	set_id("/program");
	races();
	return 0;
}
