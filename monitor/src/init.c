/* The init role: first process of a pid namespace. Starts one program, passes signals on to it, reaps
 * whatever becomes its child, and ends with the program's status. Without a program it waits to be
 * ended, which is all that a pod's sandbox process has to do. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "roles.h"

static int ends_pause(int sig)
{
	return sig == SIGTERM || sig == SIGINT;
}

int init_main(int argc, char **argv, char **envp)
{
	sigset_t all, old;
	pid_t program = 0;

	signal(SIGCHLD, SIG_DFL); /* ignored, it would throw the program's status away */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	if (argc > 1) {
		program = fork();
		if (program == 0) {
			setsid();
			sigprocmask(SIG_SETMASK, &old, NULL);
			execve(argv[1], argv + 1, envp);
			_exit(errno == ENOENT ? 127 : 126);
		}
		if (program < 0)
			return 125;
	}
	for (;;) {
		siginfo_t si;
		int sig = sigwaitinfo(&all, &si), status;
		pid_t pid;

		if (sig < 0)
			continue;
		if (sig != SIGCHLD) {
			if (program > 0)
				kill(program, sig);
			else if (ends_pause(sig))
				return 0;
			continue;
		}
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (pid == program)
				return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
}
