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
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan.h"

#define NOTES_KEPT 16	/* for a caissond that attaches in the middle of a launch */
#define NOTES_MAX 1024	/* said by one plan; further ones come from no planner of ours */
#define GATE_MAX 4096	/* written at once: PIPE_BUF */

struct proc {
	struct source notes; /* first: on_notes casts back; open while somebody plays the plan */
	struct proc *next;
	uint32_t launch, io;
	pid_t pid;    /* 0 until the plan said it */
	pid_t player; /* 0 once reaped */
	int gate;
	int plan; /* of a player that waits for its plan: where that is written; -1 else */
	int plan_sent; /* and the pipe by which the player hears how long it is */
	int console;   /* descriptor in the process, -1 none or taken: its terminal's master */
	int console_is_players; /* it is one of whoever plays the plan instead */
	int has_tty;   /* the io's terminal is this process's */
	int has_failed; /* the plan: what becomes of it is caissond's to tell */
	unsigned said; /* notes read */
	struct queue held; /* for the gate, while the console is still to be taken */
	uint8_t held_flags;
	uint32_t flags; /* PROC_* */
	uint32_t status;
	uint64_t time_ns;
	unsigned kept_notes;
	struct note kept[NOTES_KEPT];
	char tag[];
};

/* Reaped before the launcher came to say whose pid it is. Kept only while a launch has no pid yet; orphans
 * of a container come here too, so that only a limit far above what it can make die meanwhile is safe. */
struct early {
	pid_t pid;
	uint32_t status;
	uint64_t time_ns;
};
#define EARLY_MAX 65536

static struct early *early;
static unsigned early_len, early_cap, early_next;
static struct source signal_src = { .fd = -1 };
static struct proc *procs;
static const struct hands *hands; /* NULL in a monitor */

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

static void remember_early(pid_t pid, uint32_t status)
{
	if (early_len == early_cap && early_cap < EARLY_MAX) {
		early_cap = early_cap ? 2 * early_cap : 16;
		early = grow(early, early_cap * sizeof *early);
	}
	if (early_len < early_cap)
		early_next = early_len++;
	else
		early_next = (early_next + 1) % EARLY_MAX;
	early[early_next] = (struct early){ pid, status, wall_ns() };
}

static void forget_early(void)
{
	free(early);
	early = NULL;
	early_len = early_cap = 0;
}

/* Called when both are known, in whatever order: process and launcher say one each. */
static void take_console(struct proc *p)
{
	pid_t holder = p->console_is_players ? p->player : p->pid;
	int pidfd, master;

	if (holder <= 0 || p->console < 0)
		return;
	pidfd = (int)syscall(SYS_pidfd_open, holder, 0);
	master = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, p->console, 0);
	p->console = -1;
	if (pidfd >= 0)
		close(pidfd);
	if (master >= 0 && io_terminal(p->io, master) == 0)
		p->has_tty = 1;
}

static void close_plan(struct proc *p)
{
	if (p->plan >= 0) {
		close(p->plan);
		close(p->plan_sent);
	}
	p->plan = -1;
}

static void end_of_launch(struct proc *p)
{
	loop_close(&p->notes);
	close_plan(p);
	if (p->gate >= 0)
		close(p->gate);
	p->gate = -1;
	p->flags |= PROC_LAUNCHED;
	if (p->pid == 0 || p->has_failed)
		relay_void(p->launch);
	else if (relay_redeem(p->launch, PLEDGE_LAUNCHED, (const uint32_t[3]){ (uint32_t)p->pid }))
		relay_process_gone(p->launch); /* its canned answers still say that it was not started */
	link_send(W_LAUNCHED, 0, p->launch, (uint32_t)p->pid, NULL, 0);
	if (hands && p->flags & PROC_EXITED) /* before its launcher had */
		hands->exited(p->launch, p->status);
}

static void ended(struct proc *p, uint32_t status, uint64_t time_ns);

static struct early *find_early(int64_t pid)
{
	for (unsigned i = 0; i < early_len; i++)
		if (early[i].pid == pid)
			return &early[i];
	return NULL;
}

/* A plan's notes are believed only where they cannot hurt: W_KILL must never reach a stranger. */
static int may_be_pid(const struct proc *p, int64_t pid)
{
	siginfo_t si;

	if (p->pid != 0 || pid <= 0 || pid > INT32_MAX)
		return 0;
	for (struct proc *q = procs; q; q = q->next)
		if (!(q->flags & PROC_EXITED) && (q->pid == pid || (q != p && q->player == pid)))
			return 0;
	return find_early(pid) || waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void said_pid(struct proc *p, pid_t pid)
{
	struct early *e = find_early(pid);

	p->pid = pid;
	if (e) {
		e->pid = 0;
		ended(p, e->status, e->time_ns);
	} else if (p->console >= 0) {
		take_console(p);
		if (p->held.len > 0 || p->held_flags)
			procs_gate(p->launch, p->held_flags, p->held.bytes, p->held.len);
		queue_drop(&p->held);
	}
}

static void on_note(struct proc *p, const struct note *n)
{
	int is_pid = n->kind == NOTE_SAID && n->code == SAID_PID;
	int is_console = n->kind == NOTE_SAID && (n->code == SAID_CONSOLE || n->code == SAID_PLAYERS_CONSOLE);

	if (p->said++ >= NOTES_MAX || (is_pid && !may_be_pid(p, n->value)))
		return;
	if (p->kept_notes < NOTES_KEPT)
		p->kept[p->kept_notes++] = *n;
	if (n->kind == NOTE_FAILED) {
		p->has_failed = 1;
		relay_void(p->launch);
	}
	link_send(W_NOTE, 0, p->launch, 0, n, sizeof *n);
	if (is_pid) {
		said_pid(p, (pid_t)n->value);
	} else if (is_console && !p->has_tty && (!hands || hands->copies)) {
		p->console = (int)(n->value & INT32_MAX);
		p->console_is_players = n->code == SAID_PLAYERS_CONSOLE;
		take_console(p);
	}
}

/* Reads what the pipe holds, but not for ever what a player writes meanwhile. */
static void read_notes(struct proc *p)
{
	struct note n;

	for (unsigned i = 0; p->notes.fd >= 0 && i < NOTES_MAX; i++) {
		ssize_t got = read(p->notes.fd, &n, sizeof n);
		if (got < 0)
			return;
		if (got != (ssize_t)sizeof n) /* the end, or half a note, which no plan writes */
			end_of_launch(p);
		else
			on_note(p, &n);
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

static void redeem_exit(const struct proc *p)
{
	int code = WIFSIGNALED(p->status) ? 128 + WTERMSIG(p->status) : WEXITSTATUS(p->status);
	uint32_t numbers[3] = { (uint32_t)code, (uint32_t)(p->time_ns / 1000000000u), (uint32_t)(p->time_ns % 1000000000u) };

	if (!p->has_failed)
		(void)relay_redeem(p->launch, PLEDGE_EXITED, numbers);
}

static void ended(struct proc *p, uint32_t status, uint64_t time_ns)
{
	p->flags |= PROC_EXITED;
	p->status = status;
	p->time_ns = time_ns;
	relay_process_gone(p->launch);
	redeem_exit(p);
	if (p->has_tty)
		io_process_gone(p->io);
	send_exit(p);
	link_need();
	if (hands)
		hands->exited(p->launch, status);
}

/* What is to stay the caller's child is looked at and left: its own parent to be waits for it. */
static void look_after_own(void)
{
	for (struct proc *p = procs, *next; p; p = next) {
		int is_ours = p->player == p->pid || (p->launch == HANDS_MAIN && hands->reaps);
		siginfo_t si = { 0 };
		int status;

		next = p->next;
		read_notes(p);
		if (p->player > 0 && p->player != p->pid && waitpid(p->player, NULL, WNOHANG) == p->player)
			p->player = 0;
		if (p->pid <= 0 || p->flags & PROC_EXITED)
			continue;
		if (is_ours && waitpid(p->pid, &status, WNOHANG) == p->pid)
			ended(p, (uint32_t)status, wall_ns());
		else if (!is_ours && waitid(P_PID, (id_t)p->pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid != 0)
			ended(p, (uint32_t)(si.si_code == CLD_EXITED ? si.si_status << 8 : si.si_status), wall_ns());
	}
}

static void on_child(struct source *s, uint32_t events)
{
	struct signalfd_siginfo drop[8];
	siginfo_t si;

	(void)events;
	while (read(s->fd, drop, sizeof drop) > 0)
		continue;
	if (hands) {
		look_after_own();
		return;
	}
	for (;;) {
		int status;
		struct proc *p;

		si.si_pid = 0;
		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) != 0 || si.si_pid == 0)
			return;
		for (p = procs; p; p = p->next)
			read_notes(p);
		for (p = procs; p; p = p->next)
			if (p->player == si.si_pid)
				p->player = 0;
		for (p = procs; p; p = p->next)
			if (p->pid == si.si_pid && !(p->flags & PROC_EXITED))
				break;
		/* From here on the pid may be somebody else's. */
		waitpid(si.si_pid, &status, 0);
		if (p)
			ended(p, (uint32_t)status, wall_ns());
		else if (is_starting()) /* or a launcher, or an orphan of a container: then nobody asks */
			remember_early(si.si_pid, (uint32_t)status);
		else
			forget_early();
	}
}

void procs_init(void)
{
	sigset_t mask;
	int fd;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	signal_src.ready = on_child;
	if (fd < 0 || loop_watch(&signal_src, fd, EPOLLIN) != 0)
		_exit(125);
}

/* Pipes that outlive this program: opened for both directions in the process, so that it waits at the gate
 * whoever else comes and goes, and is not killed by a note that nobody reads. */
static int open_fifo(const char *name, int flags, int *own, int *players)
{
	char path[4096];

	if (!hands || strlen(hands->fifos) + sizeof "/notes" > sizeof path) {
		errno = EINVAL;
		return -1;
	}
	strcat(strcat(strcpy(path, hands->fifos), "/"), name);
	if (mkfifo(path, 0600) != 0 && errno != EEXIST)
		return -1;
	*players = open(path, O_RDWR | O_CLOEXEC);
	*own = open(path, flags | O_NONBLOCK | O_CLOEXEC);
	return *own < 0 || *players < 0 ? -1 : 0;
}

static int open_pipes(int flags, int notes[2], int gate[2])
{
	if (!(flags & SPAWN_FIFOS))
		return pipe2(notes, O_CLOEXEC) != 0 || pipe2(gate, O_CLOEXEC) != 0 ? -1 : 0;
	return open_fifo("notes", O_RDONLY, &notes[0], &notes[1]) != 0 ||
			       open_fifo("gate", O_WRONLY, &gate[1], &gate[0]) != 0
		       ? -1
		       : 0;
}

/* The plan behind the tag, or what SPAWN_AHEAD has there; -errno. */
static int read_spawn(const uint8_t *p, size_t len, int flags, struct ahead *ahead)
{
	if (!(flags & SPAWN_AHEAD))
		return plan_check(p, len);
	if (len != sizeof ahead->namespaces || flags & SPAWN_SELF)
		return -EINVAL;
	memcpy(&ahead->namespaces, p, sizeof ahead->namespaces);
	ahead->plan = (int)memfd_create("plan", MFD_CLOEXEC);
	if (ahead->plan < 0)
		return -errno;
	if (pipe2(ahead->sent, O_CLOEXEC) != 0) {
		int err = errno;

		close(ahead->plan);
		ahead->plan = -1;
		return -err;
	}
	return 0;
}

void procs_spawn(uint32_t launch, uint32_t io, uint8_t flags, uint8_t *payload, size_t len)
{
	size_t tag_len = strnlen((char *)payload, len);
	struct note failed = { NOTE_FAILED, NO_PLAN, -EINVAL };
	struct ahead ahead = { .plan = -1 };
	int notes[2] = { -1, -1 }, gate[2] = { -1, -1 }, fds[3];
	struct proc *p;
	pid_t pid = -1, monitor = getpid();

	if (launch == 0 || tag_len == len || tag_len > 0xffff || find_launch(launch))
		return;
	if (!is_starting())
		forget_early(); /* pids come round again */
	p = grow(NULL, sizeof *p + tag_len + 1);
	memset(p, 0, sizeof *p);
	memcpy(p->tag, payload, tag_len + 1);
	p->launch = launch;
	p->io = io;
	p->gate = p->console = p->plan = -1;
	p->notes.fd = -1;
	p->notes.ready = on_notes;
	p->next = procs;
	procs = p;
	payload += tag_len + 1;
	len -= tag_len + 1;
	failed.value = read_spawn(payload, len, flags, &ahead);
	if (!io_is_known(io))
		failed.value = -EBADF; /* caissond did not wait to hear that its streams could not be opened */
	if (failed.value == 0) {
		io_for_launch(io, flags & SPAWN_LOGGER, fds);
		if (open_pipes(flags, notes, gate) == 0 &&
		    loop_watch(&p->notes, notes[0], EPOLLIN) == 0)
			pid = fork();
		if (pid == 0)
			play_in_copy(notes[1], gate[0], fds, flags & SPAWN_AHEAD ? NULL : payload, &ahead, flags & SPAWN_SELF,
			     hands && launch == HANDS_MAIN ? hands->preserved : 0, monitor);
		failed.value = pid < 0 ? -errno : 0;
		p->gate = gate[1];
	}
	close(notes[1]);
	close(gate[0]);
	if (ahead.plan >= 0) {
		close(ahead.sent[0]);
		p->plan = ahead.plan;
		p->plan_sent = ahead.sent[1];
	}
	if (pid < 0) {
		if (p->notes.fd < 0)
			close(notes[0]);
		p->has_failed = 1;
		p->kept[p->kept_notes++] = failed;
		link_send(W_NOTE, 0, launch, 0, &failed, sizeof failed);
		end_of_launch(p);
		return;
	}
	io_handed_over(io, flags & SPAWN_LOGGER);
	p->player = pid;
	if (flags & SPAWN_SELF)
		p->pid = pid;
	fcntl(notes[0], F_SETFL, O_NONBLOCK);
	fcntl(gate[1], F_SETFL, O_NONBLOCK);
}

void procs_plan(uint32_t launch, const uint8_t *plan, size_t n)
{
	struct proc *p = find_launch(launch);
	uint64_t len = n;

	if (!p || p->plan < 0)
		return;
	for (size_t done = 0; done < n;) {
		ssize_t w = write(p->plan, plan + done, n - done);

		if (w < 0 && errno != EINTR)
			len = 0; /* no plan at all, says the player */
		if (w < 0 && errno != EINTR)
			break;
		done += w < 0 ? 0 : (size_t)w;
	}
	if (write(p->plan_sent, &len, sizeof len) != sizeof len && p->player > 0)
		kill(p->player, SIGKILL);
	close_plan(p);
}

void procs_gate(uint32_t launch, uint8_t flags, const uint8_t *bytes, size_t len)
{
	struct proc *p = find_launch(launch);

	if (!p || p->gate < 0)
		return;
	if (p->console >= 0 && p->held.len + len <= GATE_MAX) {
		queue_put(&p->held, bytes, len); /* it would exec, and its master be closed */
		p->held_flags |= flags;
		return;
	}
	if (len > 0) {
		if (!(flags & 2))
			p->flags |= PROC_GATE_USED;
		/* All or nothing. A plan that does not get all sees the end of the gate and gives up. */
		if (len > GATE_MAX || write(p->gate, bytes, len) != (ssize_t)len)
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

	/* Unreaped, so the pid is still ours. Before there is a process, its player stands for it. */
	if (p && p->pid > 0 && !(p->flags & PROC_EXITED))
		kill(p->pid, sig);
	else if (p && p->pid == 0 && p->player > 0)
		kill(p->player, sig);
}

void procs_forget(uint32_t launch)
{
	struct proc **at = &procs;

	while (*at && (*at)->launch != launch)
		at = &(*at)->next;
	if (*at) {
		struct proc *p = *at;
		*at = p->next;
		relay_process_gone(launch);
		/* A player that hangs in a call would be nobody's; a SELF one is the process. */
		if (p->player > 0 && p->player != p->pid)
			kill(p->player, SIGKILL);
		loop_close(&p->notes);
		close_plan(p);
		if (p->gate >= 0)
			close(p->gate);
		queue_drop(&p->held);
		loop_free(p);
	}
}

void procs_pledged(uint32_t launch)
{
	struct proc *p = find_launch(launch);

	if (p && p->has_failed)
		relay_void(launch);
	else if (p && p->flags & PROC_EXITED)
		redeem_exit(p);
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

void procs_lost(uint32_t launch)
{
	struct proc *p = find_launch(launch);

	if (p)
		p->flags |= PROC_LOST;
}

int procs_is_alive(uint32_t launch)
{
	struct proc *p = find_launch(launch);

	return p && !(p->flags & PROC_EXITED) && (p->pid != 0 || !(p->flags & PROC_LAUNCHED));
}

int procs_has_run(uint32_t launch)
{
	struct proc *p = find_launch(launch);

	return p && !p->has_failed && p->flags & PROC_LAUNCHED && p->flags & PROC_EXITED;
}

int procs_want_daemon(void)
{
	if (!procs)
		return 1;
	for (struct proc *p = procs; p; p = p->next)
		if (p->flags & PROC_EXITED)
			return 1;
	return 0;
}

void procs_hands(const struct hands *h)
{
	hands = h;
}

pid_t procs_pid(uint32_t launch)
{
	struct proc *p = find_launch(launch);

	return p && !(p->flags & PROC_EXITED) ? p->pid : 0;
}

int procs_resume(uint32_t launch, uint32_t *status)
{
	struct proc *p = find_launch(launch);

	if (!p || p->pid == 0 || !(p->flags & PROC_LAUNCHED))
		return 0;
	*status = p->status;
	return p->flags & PROC_EXITED ? RESUME_ENDED : RESUME_RUNS;
}

void procs_drop_all(void)
{
	while (procs) {
		if (procs->pid > 0 && !(procs->flags & PROC_EXITED))
			kill(procs->pid, SIGKILL);
		if (procs->player > 0) {
			kill(procs->player, SIGKILL);
			waitpid(procs->player, NULL, 0);
		}
		procs_forget(procs->launch);
	}
}
