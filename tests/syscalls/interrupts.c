/* Calls that wait for nobody, under a shower of signals: nothing is done twice or half. With an argument prints how many were interrupted all the same. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 1000

static volatile long signals;

static void on(int s) { (void)s; signals++; }

static void shower(int flags, int us)
{
	struct sigaction a = { .sa_handler = on, .sa_flags = flags };
	struct itimerval t = { { 0, us }, { 0, us } };
	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
}

/* How often a call was interrupted before it was done; what it says then is not of one that had been done already. */
static long interrupted;
#define DONE(call) ({ long r_; while ((r_ = (call)) < 0 && errno == EINTR) interrupted++; r_; })

static long rounds(const char *name)
{
	long wrong = 0;
	char path[64], text[64];
	struct stat s;

	snprintf(path, sizeof path, "/tmp/interrupts.%s", name);
	for (int i = 0; i < ROUNDS; i++) {
		int fd;
		wrong += DONE(mkdir(path, 0700)) != 0;
		wrong += DONE(stat(path, &s)) != 0;
		wrong += DONE(rmdir(path)) != 0;
		wrong += (fd = DONE(open(path, O_CREAT | O_EXCL | O_WRONLY, 0600))) != 3;
		wrong += DONE(write(fd, "text", 4)) != 4;
		wrong += close(fd) != 0; /* an interrupted one would have closed the descriptor, so nobody makes it again */
		wrong += DONE(symlink(path, "/tmp/interrupts.link")) != 0;
		wrong += DONE(readlink("/tmp/interrupts.link", text, sizeof text)) != (long)strlen(path);
		wrong += DONE(unlink("/tmp/interrupts.link")) != 0;
		wrong += DONE(unlink(path)) != 0;
	}
	return wrong;
}

int main(int argc, char **argv)
{
	(void)argv;
	shower(SA_RESTART, 500);
	printf("wrong %ld, interrupted %ld\n", rounds("restarted"), interrupted);
	shower(0, 500);
	printf("wrong %ld\n", rounds("told"));
	shower(0, 0);
	if (argc > 1)
		printf("%d calls, interrupted %ld, signals %ld\n", ROUNDS * 9 /* close is none of them */, interrupted, signals);
	return 0;
}
