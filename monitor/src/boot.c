/* The first process of a virtual machine: plays the plan that the guest's image has for it (mounts, kernel
 * modules), then is an init like any other, and switches the machine off when its program has ended. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plan.h"
#include "roles.h"

#define BOOT_PLAN "/boot.plan"
#define BOOT_PLAN_LIMIT (1 << 20)

/* Onto the console, which is all that anybody sees of a guest that goes no further. */
static void complain(const char *what, uint32_t number)
{
	char line[80] = "caisson: boot: ", *at = line + sizeof line;
	size_t used = strlen(line), len = strlen(what);

	memcpy(line + used, what, len);
	*--at = '\n';
	do
		*--at = (char)('0' + number % 10);
	while ((number /= 10) != 0);
	memmove(line + used + len, at, (size_t)(line + sizeof line - at));
	if (write(2, line, used + len + (size_t)(line + sizeof line - at)) < 0)
		return;
}

static uint8_t *read_plan(size_t *len)
{
	struct stat st;
	uint8_t *plan;
	int fd = open(BOOT_PLAN, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= 0 || st.st_size > BOOT_PLAN_LIMIT)
		return NULL;
	plan = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	close(fd);
	*len = (size_t)st.st_size;
	return plan == MAP_FAILED || plan_check(plan, *len) != 0 ? NULL : plan;
}

static int play_plan(void)
{
	size_t len = 0;
	uint8_t *plan = read_plan(&len);
	struct note said;
	int notes[2], code;

	if (!plan || pipe2(notes, O_CLOEXEC | O_NONBLOCK) != 0) {
		complain("no plan, errno ", (uint32_t)errno);
		return 125;
	}
	code = plan_play(plan, notes[1]);
	while (code != 0 && read(notes[0], &said, sizeof said) == (ssize_t)sizeof said)
		if (said.kind == NOTE_FAILED) {
			complain("failed step ", said.code);
			complain("its errno ", (uint32_t)-said.value);
		}
	close(notes[0]);
	close(notes[1]);
	munmap(plan, len);
	return code;
}

int boot_main(int argc, char **argv, char **envp)
{
	int code = play_plan();

	if (code == 0) {
		code = init_main(argc, argv, envp);
		complain("program ended with ", (uint32_t)code);
	}
	sync();
	reboot(RB_POWER_OFF);
	return code;
}
