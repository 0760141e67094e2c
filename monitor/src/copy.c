/* What a forked copy of this program does until it plays its plan. */
#define _GNU_SOURCE
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "plan.h"

/* struct sched_attr, include/uapi/linux/sched/types.h, SCHED_ATTR_SIZE_VER0 */
struct turns {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};
#define SHORT_TURN_NS 100000u

/* Linux 6.12: a thread with a shorter slice, when it is woken, goes before one whose turn is longer; it gets no more time than before.
 * Without, a pod's monitor waits behind the pod's own processes. Older kernels take no notice. */
static void set_turns(uint64_t ns)
{
	struct turns t = { 0 };

	if (syscall(SYS_sched_getattr, 0, &t, sizeof t, 0) != 0 || t.policy != SCHED_OTHER)
		return;
	t.runtime = ns;
	syscall(SYS_sched_setattr, 0, &t, 0);
}

static int has_short_turns;

void take_short_turns(void)
{
	has_short_turns = 1;
	set_turns(SHORT_TURN_NS);
}

static void give_up(int note, uint32_t why, int err)
{
	struct note n = { NOTE_FAILED, why, -err };

	_exit(write(note, &n, sizeof n) == sizeof n ? 127 : 126);
}

/* In a player that was made ahead. Whoever gives up on it closes the pipe. */
static const uint8_t *await_plan(const struct ahead *ahead, int note)
{
	uint64_t len = 0;
	const uint8_t *plan;

	if (unshare((int)ahead->namespaces) != 0)
		give_up(note, NO_NAMESPACES, errno);
	if (read(ahead->sent[0], &len, sizeof len) != sizeof len)
		_exit(126);
	plan = mmap(NULL, len, PROT_READ, MAP_PRIVATE, ahead->plan, 0);
	if (plan == MAP_FAILED || plan_check(plan, len) != 0)
		give_up(note, NO_PLAN, plan == MAP_FAILED ? errno : EINVAL);
	close(ahead->sent[0]);
	close(ahead->plan);
	return plan;
}

void play_in_copy(int note, int gate, const int io[3], const uint8_t *plan, struct ahead *ahead,
		  int is_self, unsigned preserved, pid_t monitor)
{
	static const uint64_t by_default[4]; /* the kernel's struct sigaction: handler, flags, restorer, mask */
	int fds[5] = { note, gate, io[0], io[1], io[2] };
	int above = PLAN_FD_PRESERVED + (int)preserved;
	sigset_t none;

	if (has_short_turns)
		set_turns(0); /* as it would be without us */
	for (int i = 0; i < 5; i++) {
		if (fds[i] < 0)
			fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, above + 64);
	}
	/* Downwards, so that none is overwritten before it has been moved. Its own descriptors this program opened
	 * close-on-exec: no caller gave it those. */
	for (int i = (int)preserved - 1; i >= 0; i--)
		if (fcntl(3 + i, F_GETFD) != 0 || dup3(3 + i, PLAN_FD_PRESERVED + i, O_CLOEXEC) < 0)
			close(PLAN_FD_PRESERVED + i);
	for (int i = 0; i < 5; i++)
		if (dup3(fds[i], PLAN_FD_NOTE + i, O_CLOEXEC) < 0)
			_exit(126); /* the plan would take a descriptor of this program's for its own */
	note = PLAN_FD_NOTE;
	if (preserved > 0) /* whose places include that one */
		note = dup3(fds[0], above++, O_CLOEXEC);
	if (!plan) {
		ahead->plan = fcntl(ahead->plan, F_DUPFD_CLOEXEC, above + 64);
		ahead->sent[0] = fcntl(ahead->sent[0], F_DUPFD_CLOEXEC, above + 64);
		ahead->plan = dup3(ahead->plan, above++, O_CLOEXEC);
		ahead->sent[0] = dup3(ahead->sent[0], above++, O_CLOEXEC);
	}
	close_from(above);
	/* What this program inherited as ignored would be so in a container. Not by sigaction(3), which
	 * refuses the libc's own 32 and 33. */
	for (int i = 1; i <= 64; i++)
		syscall(SYS_rt_sigaction, i, by_default, NULL, 8);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* What the player becomes decides for itself: a logger outlives its pod by the last lines. */
	if (!is_self && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != monitor))
		_exit(126);
	if (!plan)
		plan = await_plan(ahead, note);
	_exit(plan_play(plan, note));
}

