#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "monitor.h"
#include "roles.h"

#define LISTENER 3

/* One above containerd's, which it came with: of the two, the kernel's killer takes the pod first. */
static void raise_oom_score(void)
{
	int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC), score;
	char text[16] = "";

	if (fd >= 0 && read(fd, text, sizeof text - 1) > 0 && (score = atoi(text)) < 1000) {
		char *at = text + sizeof text, sign = score + 1 < 0 ? '-' : '+';
		unsigned digits = (unsigned)(score + 1 < 0 ? -score - 1 : score + 1);

		do
			*--at = (char)('0' + digits % 10);
		while (digits /= 10);
		*--at = sign;
		if (pwrite(fd, at, (size_t)(text + sizeof text - at), 0) < 0)
			digits = 0; /* it stays as it was: no reason not to serve */
	}
	close(fd);
}

int monitor_main(int argc, char **argv)
{
	if (argc != 4)
		return 64;
	prctl(PR_SET_NAME, "caisson-monitor");
	raise_oom_score();
	take_short_turns();
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
	/* By its name only: a command may be process 1 too, of a container that somebody runs it in. */
	/* As the kernel starts it out of an initramfs, whose plan it then plays. */
	if (argc > 0 && strcmp(argv[0], "/init") == 0 && getpid() == 1 && access("/boot.plan", F_OK) == 0)
		return boot_main(argc, argv, envp);
	if (strcmp(name, "caisson-init") == 0 || (strcmp(name, "init") == 0 && getpid() == 1))
		return init_main(argc, argv, envp);
	if (argc == 2 && strcmp(argv[1], "--play") == 0)
		return player_main();
	return command_main(argc, argv, envp);
}
