/* Launches and their processes. A launch is one plan being played by a forked copy of this program;
 * the container's process is made by the plan with CLONE_PARENT, so that this program is its parent
 * and the only one who can reap it. */
#define _GNU_SOURCE
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan.h"

#define NOTES_KEPT 16 /* for a caissond that attaches in the middle of a launch */

struct proc {
	struct source notes; /* first: on_notes casts back; open while somebody plays the plan */
	struct proc *next;
	uint32_t launch, io;
	pid_t pid; /* 0 until the plan said it */
	int gate;
	uint32_t flags; /* PROC_* */
	uint32_t status;
	uint64_t time_ns;
	unsigned kept_notes;
	struct note kept[NOTES_KEPT];
	char tag[];
};

/* Reaped before the launcher came to say whose pid it is. */
struct early {
	pid_t pid;
	uint32_t status;
	uint64_t time_ns;
};
#define EARLY_MAX 64

static struct early early[EARLY_MAX];
static unsigned early_next;
static struct source signal_src = { .fd = -1 };
static struct proc *procs;

static struct proc *find_launch(uint32_t launch)
{
	struct proc *p = procs;

	while (p && p->launch != launch)
		p = p->next;
	return p;
}

static int is_starting(void)
{
	for (struct proc *p = procs; p; p = p->next)
		if (p->pid == 0 && p->notes.fd >= 0)
			return 1;
	return 0;
}

static void take_console(struct proc *p, int fd_there)
{
	int pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	int master = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, fd_there, 0);

	if (pidfd >= 0)
		close(pidfd);
	if (master >= 0)
		io_terminal(p->io, master);
}

static void end_of_launch(struct proc *p)
{
	loop_close(&p->notes);
	if (p->gate >= 0)
		close(p->gate);
	p->gate = -1;
	p->flags |= PROC_LAUNCHED;
	link_send(W_LAUNCHED, 0, p->launch, (uint32_t)p->pid, NULL, 0);
}

static void ended(struct proc *p, uint32_t status, uint64_t time_ns);

static void said_pid(struct proc *p, pid_t pid)
{
	p->pid = pid;
	for (unsigned i = 0; i < EARLY_MAX; i++) {
		if (early[i].pid == pid) {
			early[i].pid = 0;
			ended(p, early[i].status, early[i].time_ns);
			return;
		}
	}
}

static void read_notes(struct proc *p)
{
	struct note n;

	while (p->notes.fd >= 0) {
		ssize_t got = read(p->notes.fd, &n, sizeof n);
		if (got != (ssize_t)sizeof n) {
			if (got == 0)
				end_of_launch(p);
			return;
		}
		if (p->kept_notes < NOTES_KEPT)
			p->kept[p->kept_notes++] = n;
		link_send(W_NOTE, 0, p->launch, 0, &n, sizeof n);
		if (n.kind == NOTE_SAID && n.code == SAID_PID)
			said_pid(p, (pid_t)n.value);
		else if (n.kind == NOTE_SAID && n.code == SAID_CONSOLE)
			take_console(p, (int)n.value);
	}
}

static void on_notes(struct source *s, uint32_t events)
{
	(void)events;
	read_notes((struct proc *)s);
}

static void send_exit(const struct proc *p)
{
	uint8_t b[12];

	memcpy(b, &p->status, 4);
	memcpy(b + 4, &p->time_ns, 8);
	link_send(W_EXIT, 0, (uint32_t)p->pid, p->launch, b, sizeof b);
}

static void ended(struct proc *p, uint32_t status, uint64_t time_ns)
{
	p->flags |= PROC_EXITED;
	p->status = status;
	p->time_ns = time_ns;
	relay_process_gone(p->launch);
	io_process_gone(p->io);
	send_exit(p);
	link_need();
}

static void on_child(struct source *s, uint32_t events)
{
	struct signalfd_siginfo drop[8];
	siginfo_t si;

	(void)events;
	while (read(s->fd, drop, sizeof drop) > 0)
		continue;
	for (;;) {
		int status;
		struct proc *p;

		si.si_pid = 0;
		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) != 0 || si.si_pid == 0)
			return;
		for (p = procs; p; p = p->next)
			read_notes(p);
		for (p = procs; p; p = p->next)
			if (p->pid == si.si_pid && !(p->flags & PROC_EXITED))
				break;
		/* From here on the pid may be somebody else's. */
		waitpid(si.si_pid, &status, 0);
		if (p)
			ended(p, (uint32_t)status, wall_ns());
		else if (is_starting()) /* or a launcher, or an orphan of a container: then nobody asks */
			early[early_next++ % EARLY_MAX] =
				(struct early){ si.si_pid, (uint32_t)status, wall_ns() };
	}
}

void procs_init(void)
{
	sigset_t mask;
	int fd;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		_exit(125);
	signal_src.ready = on_child;
	loop_watch(&signal_src, fd, EPOLLIN);
}

/* In the forked copy: exactly the descriptors a plan may count on, then the plan. */
static void play(int note, int gate, const int io[3], uint8_t *plan)
{
	int fds[5] = { note, gate, io[0], io[1], io[2] };
	sigset_t none;

	for (int i = 0; i < 5; i++) {
		if (fds[i] < 0)
			fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 64);
	}
	for (int i = 0; i < 5; i++)
		dup3(fds[i], PLAN_FD_NOTE + i, O_CLOEXEC);
	close_from(PLAN_FD_STDERR + 1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	_exit(plan_play(plan, PLAN_FD_NOTE));
}

void procs_spawn(uint32_t launch, uint32_t io, uint8_t flags, uint8_t *payload, size_t len)
{
	size_t tag_len = strnlen((char *)payload, len);
	struct note failed = { NOTE_FAILED, 0, -EINVAL };
	int notes[2] = { -1, -1 }, gate[2] = { -1, -1 }, fds[3];
	struct proc *p;
	pid_t pid = -1;

	if (tag_len == len || tag_len > 0xffff || find_launch(launch))
		return;
	if (!is_starting())
		memset(early, 0, sizeof early); /* pids come round again */
	p = grow(NULL, sizeof *p + tag_len + 1);
	memset(p, 0, sizeof *p);
	memcpy(p->tag, payload, tag_len + 1);
	p->launch = launch;
	p->io = io;
	p->gate = -1;
	p->notes.fd = -1;
	p->notes.ready = on_notes;
	p->next = procs;
	procs = p;
	payload += tag_len + 1;
	len -= tag_len + 1;
	failed.value = plan_check(payload, len);
	if (failed.value == 0) {
		io_for_launch(io, flags & SPAWN_LOGGER, fds);
		if (pipe2(notes, O_CLOEXEC) == 0 && pipe2(gate, O_CLOEXEC) == 0)
			pid = fork();
		if (pid == 0)
			play(notes[1], gate[0], fds, payload);
		failed.value = pid < 0 ? -errno : 0;
	}
	close(notes[1]);
	close(gate[0]);
	if (pid < 0) {
		close(notes[0]);
		close(gate[1]);
		p->kept[p->kept_notes++] = failed;
		link_send(W_NOTE, 0, launch, 0, &failed, sizeof failed);
		end_of_launch(p);
		return;
	}
	io_handed_over(io, flags & SPAWN_LOGGER);
	if (flags & SPAWN_SELF)
		p->pid = pid;
	fcntl(notes[0], F_SETFL, O_NONBLOCK);
	p->gate = gate[1];
	loop_watch(&p->notes, notes[0], EPOLLIN);
}

void procs_gate(uint32_t launch, uint8_t flags, const uint8_t *bytes, size_t len)
{
	struct proc *p = find_launch(launch);

	if (!p || p->gate < 0)
		return;
	if (len > 0) {
		p->flags |= PROC_GATE_USED;
		/* A few bytes into an empty pipe: never blocks; a dead reader shows as its exit. */
		if (write(p->gate, bytes, len) < 0)
			flags |= 1;
	}
	if (flags & 1) {
		close(p->gate);
		p->gate = -1;
	}
}

void procs_kill(uint32_t launch, int sig)
{
	struct proc *p = find_launch(launch);

	/* Unreaped, so the pid is still ours. */
	if (p && p->pid > 0 && !(p->flags & PROC_EXITED))
		kill(p->pid, sig);
}

void procs_forget(uint32_t launch)
{
	struct proc **at = &procs;

	while (*at && (*at)->launch != launch)
		at = &(*at)->next;
	if (*at) {
		struct proc *p = *at;
		*at = p->next;
		loop_close(&p->notes);
		if (p->gate >= 0)
			close(p->gate);
		loop_free(p);
	}
}

void procs_snapshot(void)
{
	for (struct proc *p = procs; p; p = p->next) {
		size_t tag_len = strlen(p->tag), notes_len = p->kept_notes * sizeof p->kept[0];
		struct proc_snapshot s = { p->flags,
					   p->status,
					   p->time_ns,
					   (uint16_t)tag_len,
					   (uint16_t)p->kept_notes,
					   p->io };
		uint8_t *b = grow(NULL, sizeof s + tag_len + notes_len);

		memcpy(b, &s, sizeof s);
		memcpy(b + sizeof s, p->tag, tag_len);
		memcpy(b + sizeof s + tag_len, p->kept, notes_len);
		link_send(W_PROC, 0, (uint32_t)p->pid, p->launch, b, sizeof s + tag_len + notes_len);
		free(b);
	}
}

int procs_has_exits(void)
{
	for (struct proc *p = procs; p; p = p->next)
		if (p->flags & PROC_EXITED)
			return 1;
	return 0;
}
