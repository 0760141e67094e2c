// mount(2) and umount2(2): results and errnos, and what is seen of it. "locked" are rules that only the wall has; "attacks" tries to get round them.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <linux/capability.h>
#include <unistd.h>

#define T(x) do { errno = 0; long r_ = (long)(x); printf("%-70.70s %ld %s\n", #x, r_, strerrorname_np(errno)); fflush(stdout); } while (0)

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		printf("write %s: %s\n", path, strerrorname_np(errno));
	close(fd);
}

static const char *get(const char *path)
{
	static char text[4096];
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return strerrorname_np(errno);
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n < 0)
		return strerrorname_np(errno);
	text[n] = 0;
	return text;
}

static long type(const char *path)
{
	struct statfs st;
	return statfs(path, &st) ? -1 : (long)st.f_type;
}

static int entries(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;
	for (struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return d ? n : -1;
}

// What the mount table says of a path: options, type, source of the last line.
static const char *shown(const char *path)
{
	static char found[600];
	char line[2000], point[500], options[200], fs[50], source[300];
	FILE *f = fopen("/proc/self/mountinfo", "r");
	strcpy(found, "none");
	while (f && fgets(line, sizeof line, f)) {
		char *rest = strstr(line, " - ");
		if (sscanf(line, "%*s %*s %*s %*s %499s %199s", point, options) == 2 && !strcmp(point, path) && rest &&
		    sscanf(rest, " - %49s %299s", fs, source) == 2)
			snprintf(found, sizeof found, "%s %s %s", options, fs, source);
	}
	if (f)
		fclose(f);
	return found;
}

static int drop_admin(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];
	syscall(SYS_capget, &h, d);
	d[0].effective &= ~(1u << CAP_SYS_ADMIN);
	return syscall(SYS_capset, &h, d);
}

static void errnos(void)
{
	const char *bad = (void *)8;

	puts("-- errnos");
	T(mount("t", "/tmp/none", "tmpfs", 0, NULL));
	T(mount("t", "/tmp/file", "tmpfs", 0, NULL));
	T(mount("t", "/tmp/file/x", "tmpfs", 0, NULL));
	T(mount("t", "/tmp/d", "nosuchfs", 0, NULL));
	T(mount("t", "/tmp/d", "", 0, NULL));
	T(mount("t", "/tmp/d", NULL, 0, NULL));
	T(mount("t", "/tmp/d", bad, 0, NULL));
	T(mount("t", bad, "tmpfs", 0, NULL));
	T(mount(bad, "/tmp/d", "tmpfs", 0, NULL));
	T(mount("t", "/tmp/d", "tmpfs", 0, bad));
	T(mount("t", "", "tmpfs", 0, NULL));
	T(mount("t", "/tmp/d", "tmpfs", 0, "size=nonsense"));
	T(mount("t", "/tmp/d", "tmpfs", 0, "nosuchoption=1"));
	T(mount("t", "/tmp/d", "tmpfs", 0, "mode=9"));
	T(mount("/tmp/none", "/tmp/d", NULL, MS_BIND, NULL));
	T(mount("", "/tmp/d", NULL, MS_BIND, NULL));
	T(mount(NULL, "/tmp/d", NULL, MS_BIND, NULL));
	T(mount(bad, "/tmp/d", NULL, MS_BIND, NULL));
	T(mount("/tmp/file", "/tmp/d", NULL, MS_BIND, NULL));
	T(mount("/tmp/d", "/tmp/file", NULL, MS_BIND, NULL));
	T(mount("/tmp/d", "/tmp/d2", NULL, MS_MOVE, NULL));
	T(mount(NULL, "/tmp/d", NULL, MS_REMOUNT, NULL));
	T(mount(NULL, "/tmp/d", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	T(mount(NULL, "/tmp/d", NULL, MS_PRIVATE, NULL));
	T(mount(NULL, "/tmp/d", NULL, MS_PRIVATE | MS_SLAVE, NULL));
	T(umount2("/tmp/d", 0));
	T(umount2("/tmp/none", 0));
	T(umount2("/tmp/file/x", 0));
	T(umount2("/tmp/d", 0x100));
	T(umount2(bad, 0));
	T(umount2("", 0));
	if (!fork()) {
		T(drop_admin());
		T(mount("t", "/tmp/d", "tmpfs", 0, NULL));
		T(mount("t", "/tmp/none", "tmpfs", 0, NULL));
		T(mount("t", "/tmp/d", "nosuchfs", 0, NULL));
		T(mount("/tmp/d2", "/tmp/d", NULL, MS_BIND, NULL));
		T(umount2("/tmp/d", 0));
		T(umount2("/tmp/none", 0));
		_exit(0);
	}
	wait(NULL);
}

static void tmpfs(void)
{
	struct statvfs v;
	struct stat st;
	int fd;

	puts("-- tmpfs");
	put("/tmp/d/under", "under");
	T(mount("mine", "/tmp/d", "tmpfs", MS_NODEV | MS_NOEXEC, "size=1m,mode=750,uid=3,gid=4"));
	T(type("/tmp/d") == TMPFS_MAGIC);
	T(stat("/tmp/d", &st));
	printf("%o %d %d\n", st.st_mode, st.st_uid, st.st_gid);
	T(entries("/tmp/d"));
	T(statvfs("/tmp/d", &v));
	printf("%ld\n", (long)(v.f_blocks * v.f_frsize));
	puts(shown("/tmp/d"));
	put("/tmp/d/f", "text");
	puts(get("/tmp/d/f"));
	puts(get("/tmp/d/under"));
	fd = open("/tmp/d/f", O_RDONLY);
	T(umount2("/tmp/d", 0));
	close(fd);
	chdir("/tmp/d");
	T(umount2("/tmp/d", 0));
	puts(get("f"));
	chdir("/tmp");
	T(mount("t2", "/tmp/d", "tmpfs", MS_NODEV, NULL));
	T(entries("/tmp/d"));
	T(umount2("/tmp/d", 0));
	puts(get("/tmp/d/f"));
	T(mkdir("/tmp/d/sub", 0755));
	T(mount("t3", "/tmp/d/sub", "tmpfs", MS_NODEV, NULL));
	T(umount2("/tmp/d", 0));
	T(rmdir("/tmp/d/sub"));
	T(rename("/tmp/d/sub", "/tmp/d/sub2"));
	T(umount2("/tmp/d", MNT_DETACH));
	puts(get("/tmp/d/under"));
	puts(shown("/tmp/d/sub"));
	T(umount2("/tmp/d", 0));
	T(mount("t", "/tmp/d", "tmpfs", MS_NODEV, "size=64k"));
	fd = open("/tmp/d/big", O_WRONLY | O_CREAT, 0644);
	long total = 0;
	char block[4096] = "";
	for (long n; (n = write(fd, block, sizeof block)) > 0;)
		total += n;
	printf("%ld %s\n", total, strerrorname_np(errno));
	T(mount(NULL, "/tmp/d", NULL, MS_REMOUNT | MS_NODEV, "size=128k"));
	T(write(fd, block, sizeof block));
	T(mount(NULL, "/tmp/d", NULL, MS_REMOUNT | MS_NODEV, "size=4k"));
	close(fd);
	T(umount2("/tmp/d", MNT_EXPIRE));
	T(umount2("/tmp/d", MNT_EXPIRE | MNT_DETACH));
	T(umount2("/tmp/d", MNT_DETACH));
	unlink("/tmp/d/under");
}

static void binds(void)
{
	int fd;
	char name[64];

	puts("-- binds");
	mkdir("/tmp/from", 0755), mkdir("/tmp/from/in", 0755), mkdir("/tmp/to", 0755);
	put("/tmp/from/f", "one"), put("/tmp/other", "other");
	T(mount("/tmp/from", "/tmp/to", NULL, MS_BIND, NULL));
	puts(get("/tmp/to/f"));
	put("/tmp/to/g", "two");
	puts(get("/tmp/from/g"));
	T(mount("/tmp/other", "/tmp/to/f", "ignored", MS_BIND | MS_RDONLY, NULL));
	puts(get("/tmp/from/f")), puts(get("/tmp/to/f"));
	put("/tmp/to/f", "third"), puts(get("/tmp/other"));
	T(mount(NULL, "/tmp/to/f", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	T(open("/tmp/to/f", O_WRONLY) < 0);
	T(mount(NULL, "/tmp/to/f", NULL, MS_REMOUNT | MS_BIND, NULL));
	T(open("/tmp/to/f", O_WRONLY) < 0);
	T(unlink("/tmp/to/f"));
	T(umount2("/tmp/to", 0));
	T(umount2("/tmp/to/f", 0));
	T(umount2("/tmp/to", MNT_DETACH));
	T(entries("/tmp/to"));
	T(mount("t", "/tmp/from/in", "tmpfs", MS_NODEV, NULL));
	put("/tmp/from/in/x", "x");
	T(mount("/tmp/from", "/tmp/to", NULL, MS_BIND, NULL));
	puts(get("/tmp/to/in/x"));
	T(umount2("/tmp/to", 0));
	T(mount("/tmp/from", "/tmp/to", NULL, MS_BIND | MS_REC, NULL));
	puts(get("/tmp/to/in/x"));
	T(umount2("/tmp/to", 0));
	T(umount2("/tmp/to/in", 0));
	puts(get("/tmp/to/in/x")), puts(get("/tmp/from/in/x"));
	T(umount2("/tmp/to", 0));
	T(mount("/tmp/from/in", "/tmp/to", NULL, MS_MOVE, NULL));
	puts(get("/tmp/to/x")), puts(get("/tmp/from/in/x"));
	T(mount("/tmp/to", "/tmp/other", NULL, MS_MOVE, NULL));
	T(mkdir("/tmp/to/deep", 0755));
	T(mount("/tmp/to", "/tmp/to/deep", NULL, MS_MOVE, NULL));
	T(mount(NULL, "/tmp/to", NULL, MS_PRIVATE, NULL));
	T(mount(NULL, "/tmp/to", NULL, MS_SLAVE | MS_REC, NULL));
	T(mount(NULL, "/tmp/to", NULL, MS_UNBINDABLE, NULL));
	T(mount("/tmp/to", "/tmp/d", NULL, MS_BIND, NULL));
	T(mount(NULL, "/tmp/to", NULL, MS_PRIVATE, NULL));
	T(mount(NULL, "/tmp/to", NULL, MS_REMOUNT | MS_RDONLY | MS_NOATIME | MS_NODEV, NULL));
	T(mkdir("/tmp/to/no", 0755));
	T(mount("/tmp/to", "/tmp/d", NULL, MS_BIND, NULL));
	T(mkdir("/tmp/d/no", 0755));
	T(umount2("/tmp/d", 0));
	T(mount(NULL, "/tmp/to", NULL, MS_REMOUNT | MS_NODEV, NULL));
	T(mkdir("/tmp/to/yes", 0755));
	symlink("/tmp/to", "/tmp/link");
	T(umount2("/tmp/link", UMOUNT_NOFOLLOW));
	T(umount2("/tmp/link", 0));
	T(mount("/tmp/from", "/tmp/link", NULL, MS_BIND, NULL));
	puts(get("/tmp/to/f"));
	chdir("/tmp/to");
	T(umount2(".", 0));
	T(umount2(".", MNT_DETACH));
	puts(get("f")), puts(get("/tmp/to/f"));
	chdir("/tmp");
	T(mount("from", "to", NULL, MS_BIND, NULL));
	T(umount2("from/../to", 0));
	fd = open("/tmp/from", O_RDONLY);
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	T(mount(name, "/tmp/to", NULL, MS_BIND, NULL));
	puts(get("/tmp/to/f"));
	close(fd);
	T(umount2("/tmp/to", 0));
	mkdir("/tmp/a b\\c", 0755);
	T(mount("t", "/tmp/a b\\c", "tmpfs", MS_NODEV, NULL));
	T(type("/tmp/a b\\c") == TMPFS_MAGIC);
	T(umount2("/tmp/a b\\c", 0));
	unlink("/tmp/link");
}

static void busy(void)
{
	int child, in[2], out[2];
	char c;

	puts("-- busy");
	T(mount("t", "/tmp/d", "tmpfs", MS_NODEV, NULL));
	pipe(in), pipe(out);
	if (!(child = fork())) {
		close(out[1]), chdir("/tmp/d"), write(in[1], "x", 1), read(out[0], &c, 1);
		_exit(0);
	}
	read(in[0], &c, 1);
	T(umount2("/tmp/d", 0));
	T(mount("t", "/tmp/d", "tmpfs", MS_NODEV, NULL));
	T(umount2("/tmp/d", 0));
	T(umount2("/tmp/d", 0));
	close(out[1]);
	waitpid(child, NULL, 0);
	T(umount2("/tmp/d", 0));
}

// procfs and sysfs in another place.
static void again(void)
{
	char path[100], self[32];
	DIR *d;

	puts("-- again");
	mkdir("/tmp/p", 0755);
	T(mount("proc", "/tmp/p", "proc", 0, NULL));
	T(type("/tmp/p") == PROC_SUPER_MAGIC);
	snprintf(self, sizeof self, "%d", getpid());
	path[readlink("/tmp/p/self", path, sizeof path - 1)] = 0;
	T(!strncmp(path, self, strlen(self)));
	T(strncmp(get("/tmp/p/meminfo"), "MemTotal:", 9));
	T(strncmp(get("/tmp/p/self/status"), "Name:\tprogram", 13));
	T(access("/tmp/p/cpuinfo", R_OK));
	chdir("/tmp/p");
	T(strncmp(get("self/comm"), "program", 7));
	T(strncmp(get("uptime"), "E", 1) == 0);
	chdir("/tmp");
	T(open("/tmp/p/nosuchfile", O_RDONLY) < 0);
	d = opendir("/tmp/p/self/fd");
	T(d == NULL);
	closedir(d);
	T(umount2("/tmp/p", 0));
	T(open("/tmp/p/meminfo", O_RDONLY) < 0);
	T(mount("/proc", "/tmp/p", NULL, MS_BIND | MS_REC, NULL));
	T(strncmp(get("/tmp/p/meminfo"), "MemTotal:", 9));
	T(umount2("/tmp/p", MNT_DETACH));
	T(mount("/proc/self/status", "/tmp/file", NULL, MS_BIND, NULL));
	T(strncmp(get("/tmp/file"), "Name:", 5));
	T(umount2("/tmp/file", 0));
	T(mount("sysfs", "/tmp/p", "sysfs", MS_RDONLY, NULL));
	T(access("/tmp/p/devices/system/cpu/online", R_OK));
	T(umount2("/tmp/p", 0));
}

// ---- what only the wall has ----

// Prints what was answered otherwise than said.
#define W(x, e) do { errno = 0; long r_ = (long)(x); if ((r_ < 0 ? errno : 0) != (e)) printf("%s: %ld %s\n", #x, r_, strerrorname_np(errno)); } while (0)

static void locked(void)
{
	W(umount2("/", 0), EINVAL);
	W(umount2("/", MNT_DETACH), EINVAL);
	W(umount2("/proc", MNT_DETACH), EINVAL);
	W(umount2("/masked", MNT_DETACH), EINVAL);
	W(mount("/masked", "/tmp/d", NULL, MS_MOVE, NULL), EINVAL);
	W(strcmp(get("/masked"), "") ? -1 : 0, 0);
	W(mount("/", "/tmp/d", NULL, MS_BIND, NULL), EINVAL);
	W(mount("/", "/tmp/d", NULL, MS_BIND | MS_REC, NULL), 0);
	W(strcmp(get("/tmp/d/masked"), "") ? -1 : 0, 0);
	W(umount2("/tmp/d/masked", MNT_DETACH), EINVAL);
	W(umount2("/tmp/d/proc", 0), EINVAL);
	W(mount("/tmp/d/masked", "/tmp/file", NULL, MS_MOVE, NULL), EINVAL);
	W(mount(NULL, "/tmp/d/readonly", NULL, MS_REMOUNT | MS_BIND, NULL), EPERM);
	W(umount2("/tmp/d", 0), EBUSY);
	W(umount2("/tmp/d", MNT_DETACH), 0);
	W(mount(NULL, "/readonly", NULL, MS_REMOUNT | MS_BIND, NULL), EPERM);
	W(mount(NULL, "/readonly", NULL, MS_REMOUNT, NULL), EPERM);
	W(mount("/readonly", "/tmp/d", NULL, MS_BIND, NULL), 0);
	W(mount(NULL, "/tmp/d", NULL, MS_REMOUNT | MS_BIND, NULL), EPERM);
	W(open("/tmp/d/new", O_WRONLY | O_CREAT, 0644), EROFS);
	W(umount2("/tmp/d", 0), 0);
	W(mount("t", "/proc", "tmpfs", 0, NULL), EPERM);
	W(mount("t", "/proc/self", "tmpfs", 0, NULL), EPERM);
	W(mount("t", "/", "tmpfs", 0, NULL), EPERM);
	W(mount("/tmp", "/", NULL, MS_BIND, NULL), EPERM);
	W(mount("t", "/tmp/d", "tmpfs", 0, NULL), 0);
	W(mount("/tmp/d", "/proc", NULL, MS_MOVE, NULL), EPERM);
	W(mount("/tmp/d", "/tmp/d/../../", NULL, MS_MOVE, NULL), EPERM);
	W(umount2("/tmp/d", 0), 0);
	W(mount("proc", "/tmp/d", "proc", 0, NULL), 0);
	W(mount("t", "/tmp/d/1", "tmpfs", 0, NULL), 0);
	W(umount2("/tmp/d/1", 0), 0);
	W(umount2("/tmp/d", 0), 0);
	W(mount("/tmp", "/proc/1/task", NULL, MS_BIND, NULL), EPERM);
	W(mount(NULL, "/", NULL, MS_SHARED, NULL), EINVAL);
	W(mount("none", "/tmp/d", "ext4", 0, NULL), EPERM);
	W(mount("none", "/tmp/d", "cgroup2", 0, NULL), EPERM);
	W(mount("t", "/tmp/d", "tmpfs", 0, NULL), 0);
	W(strstr(shown("/tmp/d"), "nodev") ? 0 : -1, 0);
	W(mount(NULL, "/tmp/d", NULL, MS_REMOUNT | MS_BIND, NULL), 0);
	W(strstr(shown("/tmp/d"), "nodev") ? 0 : -1, 0);
	W(umount2("/tmp/d", MNT_EXPIRE), EAGAIN);
	W(umount2("/tmp/d", MNT_FORCE), EPERM);
	W(umount2("/tmp/d", 0), 0);
	W(syscall(SYS_fsopen, "tmpfs", 0), ENOSYS);
	W(syscall(SYS_open_tree, -1, "/tmp", 1), ENOSYS);
	W(syscall(SYS_pivot_root, "/tmp", "/tmp"), EPERM);
	puts("all said");
}

static void held(const char *what, int is) { printf("%s: %s\n", what, is ? "held" : "ESCAPED"), fflush(stdout); }

static volatile int racing;

static void *exchanges(void *unused)
{
	while (racing)
		syscall(SYS_renameat2, AT_FDCWD, "/tmp/x/dir", AT_FDCWD, "/tmp/x/link", 2 /* RENAME_EXCHANGE */);
	return unused;
}

static char option[64] = "size=64k";

static void *rewrites(void *unused)
{
	for (unsigned i = 0; racing; i++)
		memcpy(option, i % 2 ? "size=64k,uid=0" : "huge=always,gid", 15);
	return unused;
}

static int is_mount(const char *path) { return strcmp(shown(path), "none"); }

static void attacks(void)
{
	pthread_t t;
	int bad = 0, made = 0, refused = 0;

	puts("-- attacks");
	mkdir("/tmp/x", 0755), mkdir("/tmp/x/dir", 0755), symlink("/proc/self", "/tmp/x/link");
	racing = 1, pthread_create(&t, NULL, exchanges, NULL);
	for (int i = 0; i < 40; i++) {
		if (!mount("t", "/tmp/x/dir", "tmpfs", 0, "size=4k"))
			bad += is_mount("/proc/self"), umount2("/tmp/x/dir", MNT_DETACH), umount2("/tmp/x/link", MNT_DETACH);
		if (!mount("/tmp/x/dir", "/tmp/d", NULL, MS_BIND, NULL))
			bad += open("/tmp/d/mem", O_RDONLY) >= 0, umount2("/tmp/d", MNT_DETACH);
	}
	racing = 0, pthread_join(t, NULL);
	held("a symlink exchanged for the target and the source", !bad);
	while (!umount2("/tmp/x/dir", MNT_DETACH) || !umount2("/tmp/x/link", MNT_DETACH) || !umount2("/tmp/d", MNT_DETACH))
		;

	racing = 1, pthread_create(&t, NULL, rewrites, NULL);
	for (int i = 0; i < 40; i++)
		if (!mount("t", "/tmp/d", "tmpfs", 0, option)) {
			struct statvfs v;
			made++, statvfs("/tmp/d", &v);
			bad += v.f_blocks * v.f_frsize > 65536;
			umount2("/tmp/d", 0);
		}
	racing = 0, pthread_join(t, NULL);
	held("options that change while they are read", !bad);

	// What procfs has is nowhere else to be had.
	mkdir("/tmp/p", 0755);
	mount("proc", "/tmp/p", "proc", 0, NULL);
	held("procfs elsewhere", open("/tmp/p/self/mem", O_RDWR) < 0 && open("/tmp/p/1/mem", O_RDONLY) < 0 && open("/tmp/p/1/stack", O_RDONLY) < 0 &&
				     open("/tmp/p/kcore", O_RDONLY) < 0 && open("/tmp/p/1/syscall", O_RDONLY) < 0 && open("/tmp/p/sys/kernel/core_pattern", O_WRONLY) < 0);
	chdir("/tmp/p/1");
	held("and from within", open("mem", O_RDONLY) < 0 && open("syscall", O_RDONLY) < 0);
	int dir = open("/tmp/p", O_RDONLY | O_DIRECTORY);
	held("and by a descriptor", openat(dir, "1/mem", O_RDONLY) < 0 && openat(dir, "1/pagemap", O_RDONLY) < 0);
	chdir("/tmp"), close(dir);
	umount2("/tmp/p", MNT_DETACH);
	symlink("/proc/1/mem", "/tmp/mem");
	held("and by a link", open("/tmp/mem", O_RDONLY) < 0);
	char fd[40];
	snprintf(fd, sizeof fd, "/proc/self/fd/%d", open("/proc/1/mem", O_PATH));
	held("and by its place", open(fd, O_RDONLY) < 0);
	put("/tmp/f2", "");
	held("and a file of it", mount("/proc/1/mem", "/tmp/f2", NULL, MS_BIND, NULL) < 0 || open("/tmp/f2", O_RDONLY) < 0);
	while (!umount2("/tmp/f2", MNT_DETACH))
		;

	mount("t", "/tmp/d", "tmpfs", 0, NULL), mkdir("/tmp/d/m", 0755);
	for (int i = 0; i < 100000; i++)
		if (mount("/tmp/d2", "/tmp/d/m", NULL, MS_BIND, NULL)) {
			refused = errno;
			break;
		}
	held("no more mounts than there may be", refused == ENOSPC);
	refused = mount("/tmp", "/tmp/d2", NULL, MS_BIND | MS_REC, NULL) ? errno : 0;
	held("nor by copies of many", refused == ENOSPC);
	held("and all are gone", !umount2("/tmp/d", MNT_DETACH) && !is_mount("/tmp/d/m"));
	held("what is masked", strcmp(get("/masked"), "secret"));
	unlink("/tmp/mem"), unlink("/tmp/x/link"), unlink("/tmp/x/dir");
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	mkdir("/tmp/d", 0755), mkdir("/tmp/d2", 0755), put("/tmp/file", "file");
	if (argc > 1 && !strcmp(argv[1], "locked"))
		locked();
	else if (argc > 1 && !strcmp(argv[1], "attacks"))
		attacks();
	else
		errnos(), tmpfs(), binds(), busy(), again();
	return 0;
}
