/* Users, rights and what files they reach; threads with users of their own. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define T(x) do { errno = 0; long r_ = (long)(x); printf("%-60.60s %ld %s\n", #x, r_ < 0 ? -1 : r_ > 2 && is_fd ? 3 : r_, strerrorname_np(errno)); } while (0)
static int is_fd;

static void *as_other(void *unused)
{
	(void)unused;
	is_fd = 1;
	T(syscall(SYS_setresuid, 1001, 1001, 1001)); /* this thread alone */
	T(open("private", O_RDONLY)); T(open("new", O_CREAT | O_WRONLY, 0600));
	is_fd = 0;
	return NULL;
}

int main(void)
{
	struct stat st;
	pthread_t t;
	pid_t p;

	setvbuf(stdout, NULL, _IOLBF, 0);
	umask(022);
	T(mkdir("shared", 01777)); T(chmod("shared", 01777)); T(chdir("shared"));
	is_fd = 1;
	T(open("private", O_CREAT | O_WRONLY, 0600));
	is_fd = 0;
	pthread_create(&t, NULL, as_other, NULL);
	pthread_join(t, NULL);
	is_fd = 1;
	T(open("private", O_RDONLY)); /* still root here */
	is_fd = 0;
	fflush(stdout);
	if ((p = fork()) == 0) {
		gid_t groups[2] = { 2000, 2001 };
		T(setgroups(2, groups)); T(setgid(1000)); T(setuid(1000)); T(getuid()); T(geteuid()); T(setuid(0)); T(setgid(0)); T(setgroups(0, NULL));
		is_fd = 1;
		T(open("private", O_RDONLY)); T(open("mine", O_CREAT | O_RDWR, 0666));
		is_fd = 0;
		T(stat("mine", &st)); printf("%d %d %o\n", st.st_uid, st.st_gid, st.st_mode); T(unlink("private")); T(chown("mine", 0, 0)); T(chown("mine", 1000, 2001)); T(chown("mine", 1000, 77));
		T(chmod("private", 0777)); T(rename("private", "stolen")); T(kill(1, 0)); T(mknod("dev", S_IFCHR | 0600, 0x103)); T(chroot(".")); T(access("private", R_OK)); T(umask(077)); T(umask(022));
		fflush(stdout);
		_exit(0);
	}
	waitpid(p, NULL, 0);
	T(setfsuid(1234)); is_fd = 1; T(open("private", O_RDONLY)); is_fd = 0; T(setfsuid(0)); is_fd = 1; T(open("private", O_RDONLY)); is_fd = 0;
	T(seteuid(1000)); T(access("private", R_OK)); T(faccessat(AT_FDCWD, "private", R_OK, AT_EACCESS)); T(seteuid(0)); T(faccessat(AT_FDCWD, "private", R_OK, AT_EACCESS));
	T(prctl(PR_SET_NAME, "renamed")); T(prctl(PR_SET_KEEPCAPS, 1)); T(prctl(12345)); T(syscall(1000));
	return 0;
}
