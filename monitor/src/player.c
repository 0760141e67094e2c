/* caisson --play: plays one launch plan that caissond writes to standard input, its length first (u32), and becomes what the plan
 * makes of it. For processes that belong to no pod yet: the Java that forks this cannot drop a capability or set
 * no_new_privs for all its threads, and a plan can. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "plan.h"
#include "roles.h"

#define ABOVE 64

static int read_all(uint8_t *to, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t got = read(0, to + done, len - done);

		if (got <= 0)
			return -1;
		done += (size_t)got;
	}
	return 0;
}

/* Standard input goes on as the plan's gate, standard output takes its notes, standard error is its standard error. */
int player_main(void)
{
	int from[5] = { 1, 0, -1, -1, 2 };
	uint32_t len;
	uint8_t *plan;

	if (read_all((uint8_t *)&len, sizeof len) != 0 || len > WIRE_MAX)
		return 64;
	plan = malloc(len);
	if (!plan || read_all(plan, len) != 0 || plan_check(plan, len) != 0)
		return 64;
	for (int i = 0; i < 5; i++) {
		int fd = from[i] >= 0 ? from[i] : open("/dev/null", O_RDWR | O_CLOEXEC);

		from[i] = fcntl(fd, F_DUPFD_CLOEXEC, ABOVE);
	}
	for (int i = 0; i < 5; i++)
		if (dup3(from[i], PLAN_FD_NOTE + i, O_CLOEXEC) < 0)
			return 126;
	for (int i = 0; i < 5; i++)
		close(from[i]);
	return plan_play(plan, PLAN_FD_NOTE);
}
