/* Has a file of /data open, a directory of it as its own, and locks of both kinds; says so at SIGUSR1, ends at SIGTERM. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static int refused(const char *what)
{
	perror(what);
	return 1;
}

int main(void)
{
	struct flock first = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10 };
	sigset_t awaited;
	char text[100];
	int signal;

	sigemptyset(&awaited);
	sigaddset(&awaited, SIGUSR1);
	sigaddset(&awaited, SIGTERM);
	sigprocmask(SIG_BLOCK, &awaited, NULL);
	if (chdir("/data/below"))
		return refused("chdir");
	int log = open("/data/log", O_WRONLY | O_APPEND | O_CREAT, 0600), lock = open("lock", O_RDWR | O_CREAT, 0600);
	if (log < 0 || lock < 0 || flock(lock, LOCK_EX) || fcntl(lock, F_SETLK, &first))
		return refused("open and lock");
	dprintf(log, "begin\n");
	printf("ready\n");
	fflush(stdout);
	while (!sigwait(&awaited, &signal) && signal == SIGUSR1) {
		FILE *here = fopen("here", "r");
		if (!here || dprintf(log, "again\n") != 6 || !getcwd(text, sizeof(text)))
			return refused("go on");
		printf("%s\n", text);
		printf("%s", fgets(text, sizeof(text), here));
		fflush(stdout);
		fclose(here);
	}
	return 6;
}
