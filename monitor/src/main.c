#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "monitor.h"
#include "roles.h"

#define LISTENER 3

int monitor_main(int argc, char **argv)
{
	if (argc != 4)
		return 64;
	prctl(PR_SET_NAME, "caisson-monitor");
	/* Orphans of a container come here and not to containerd or pid 1. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	/* An ignored SIGCHLD, inherited from whoever, would throw the exit statuses away. */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	fcntl(LISTENER, F_SETFD, FD_CLOEXEC);
	fcntl(LISTENER, F_SETFL, O_NONBLOCK);
	if (chdir("/") != 0)
		return 125;
	loop_init();
	procs_init();
	relay_init(LISTENER);
	link_init(argv[1], argv[2], argv[3]);
	loop_run();
}

int main(int argc, char **argv, char **envp)
{
	const char *name = argc > 0 ? argv[0] : "caisson";

	if (strrchr(name, '/'))
		name = strrchr(name, '/') + 1;
	if (strcmp(name, "caisson-monitor") == 0)
		return monitor_main(argc, argv);
	if (strcmp(name, "caisson-init") == 0 || getpid() == 1)
		return init_main(argc, argv, envp);
	return command_main(argc, argv, envp);
}
