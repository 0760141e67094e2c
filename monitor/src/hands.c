/* A command that launches something is a monitor for its own length: caissond's plans are played here, so that a
 * container's init is a descendant of whoever ran the command, and stays so when the command is gone. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "monitor.h"
#include "roles.h"

#define DRAIN_MS 10

static struct hands hands;
static struct source signals = { .fd = -1 };
static struct termios saved;
static int has_begun, is_foreground, is_raw, is_orphaned;
static int end_code = -1;     /* what to end with once the terminal is drained */
static uint32_t end_as;       /* the launch whose status that will be */
static uint32_t end_with;     /* that will be it if it comes to its program */
static struct queue remains;  /* what is to be removed before that */
static uint64_t pending;      /* signals that came before there was a process */

static void restore_terminal(void)
{
	if (is_raw)
		tcsetattr(0, TCSADRAIN, &saved);
}

static void finish(void)
{
	if (io_is_drained(HANDS_IO))
		command_finish(end_code);
	loop_after(DRAIN_MS, finish);
}

static int code_of(uint32_t status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void take_size(void)
{
	struct winsize w;

	if (ioctl(0, TIOCGWINSZ, &w) == 0)
		io_resize(HANDS_IO, w.ws_row, w.ws_col);
}

static void pass_on(void)
{
	pid_t pid = procs_pid(HANDS_MAIN);

	for (int sig = 1; pid > 0 && pending && sig < 64; sig++)
		if (pending & 1ull << sig)
			kill(pid, sig);
	if (pid > 0)
		pending = 0;
}

static void on_signals(struct source *s, uint32_t events)
{
	struct signalfd_siginfo si;

	(void)events;
	while (read(s->fd, &si, sizeof si) == (ssize_t)sizeof si) {
		if (si.ssi_signo == SIGWINCH && is_raw)
			take_size();
		else if (si.ssi_signo < 64)
			pending |= 1ull << si.ssi_signo;
	}
	pass_on();
}

static void take_signals(void)
{
	sigset_t mask;
	int fd;

	sigfillset(&mask);
	sigdelset(&mask, SIGCHLD); /* procs.c's */
	sigdelset(&mask, SIGPIPE);
	fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signals.ready = on_signals;
	if (fd < 0 || loop_watch(&signals, fd, EPOLLIN) != 0)
		_exit(125);
}

static void make_raw(void)
{
	struct termios raw;

	if (tcgetattr(0, &saved) != 0)
		return;
	raw = saved;
	cfmakeraw(&raw);
	is_raw = 1;
	atexit(restore_terminal);
	tcsetattr(0, TCSADRAIN, &raw);
	take_size();
}

/* 0, or errno of what at begins with then. */
static int remove_remains(const char **at)
{
	const char *end = (const char *)remains.bytes + remains.len - 1; /* the NUL that was put behind it */

	for (; *at < end; *at += strlen(*at) + 1) {
		const char *path = *at + 1;
		int r = **at == REMAINS_FILE ? unlink(path) : rmdir(path);

		if (r != 0 && **at != REMAINS_SHARED)
			return errno;
	}
	return 0;
}

/* Removing it here saves the way to caissond and back. What is not as it was expected is for caissond to look at. */
static int has_cleared_up(uint32_t status)
{
	const char *at = (const char *)remains.bytes;
	int err;

	if (remains.len == 0)
		return 1;
	err = remove_remains(&at);
	link_send(W_REMOVED, 0, (uint32_t)err, 0, err ? at + 1 : NULL, err ? strlen(at + 1) : 0);
	queue_drop(&remains);
	if (err == 0)
		return 1;
	end_as = 0;
	if (!link_is_up())
		command_ask(RESUME_ENDED | status << 8);
	return 0;
}

static void exited(uint32_t launch, uint32_t status)
{
	if (launch != HANDS_MAIN)
		return;
	if (launch == end_as || (launch == end_with && procs_has_run(launch))) {
		if (!has_cleared_up(status))
			return;
		end_code = code_of(status);
		finish();
	} else if (is_orphaned) {
		is_orphaned = 0;
		command_ask(RESUME_ENDED | status << 8);
	}
}

static void on_frame(const struct wire *h, const uint8_t *p)
{
	uint32_t status;

	if (h->kind == W_OUTPUT)
		command_output(h, p);
	if (h->kind == W_END_WITH)
		end_with = h->a;
	if (h->kind != W_END)
		return;
	if (h->flags & 1) {
		end_as = h->a;
		if (h->flags & 2) {
			queue_put(&remains, p, h->length);
			queue_put(&remains, "", 1);
		}
		if (procs_resume(h->a, &status) == RESUME_ENDED)
			exited(h->a, status);
		return;
	}
	end_code = (int)h->a;
	finish();
}

/* What has come to its program goes on, and the next caissond is told of it; anything less is taken back. */
static void on_lost(void)
{
	uint32_t status = 0;
	int resume = procs_resume(HANDS_MAIN, &status);

	if (end_as || end_code >= 0)
		return;
	if (resume == RESUME_RUNS && is_foreground) {
		is_orphaned = 1;
		return;
	}
	if (!resume) {
		procs_drop_all();
		end_with = 0;
		io_close(HANDS_IO); /* they were handed over */
		io_own(hands.copies);
	}
	command_ask((uint32_t)resume | (resume == RESUME_ENDED ? status << 8 : 0));
}

void hands_begin(int fd, const struct wire *h, const uint8_t *fifos)
{
	if (!has_begun) {
		has_begun = 1;
		is_foreground = h->a & HANDS_FOREGROUND;
		hands.reaps = is_foreground;
		hands.copies = h->a & HANDS_TERMINAL;
		hands.preserved = h->b;
		hands.fifos = strdup((const char *)fifos);
		hands.exited = exited;
		signal(SIGCHLD, SIG_DFL); /* ignored, it would throw exit statuses away */
		loop_init();
		procs_hands(&hands);
		procs_init();
		io_own(hands.copies);
		if (is_foreground)
			take_signals();
		if (hands.copies)
			make_raw();
	}
	link_adopt(fd, on_lost, on_frame);
}
