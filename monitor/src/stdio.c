/* Standard streams. A fifo, file or logger pipe is opened once and handed to the process itself; only
 * a terminal's bytes are copied here.
 *
 * What stays open here for a process that has its own copies:
 * - of its stdin fifo a write end: a client that goes away is a detach, not an end of file;
 * - of its output fifos a read end: a containerd that restarts causes no EPIPE, and what stands in
 *   the fifo waits for it. Readers see the end of file when the process's own copies are closed. */
#define _GNU_SOURCE
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define PIPE_SIZE (256 << 10)
#define COPY_BYTES 4096
#define COPY_ROUNDS 16 /* then the loop's other objects get their turn */
#define DRAIN_EVERY_MS 100
#define DRAIN_MS 2000 /* for a terminal that others still hold after its process ended */

/* One direction of a terminal: what was read and is not written yet. */
struct copy {
	size_t off, len;
	uint8_t bytes[COPY_BYTES];
};

struct terminal {
	struct source master, in, out;
	int slave; /* held while the process runs: between a getty and the next nobody else may */
	uint64_t close_at; /* 0: its process runs */
	struct copy to_master, to_out;
};

struct io {
	struct io *next;
	uint32_t id;
	int end[3];    /* for the process */
	int logger[3]; /* for the logger program */
	int hold[3];   /* see above */
	int terminal;  /* its bytes will be copied here, once the plan has made it */
	unsigned rows, columns;
	struct terminal *tty;
};

static struct io *ios;

static struct io *find_io(uint32_t id)
{
	struct io *io = ios;

	while (io && io->id != id)
		io = io->next;
	return io;
}

static void close_at(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Never waits, whatever lies there: for a fifo's other end, say. Nor does a terminal become ours. */
static int open_now(const char *path, int flags)
{
	return open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
}

static int is_fifo(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

static int open_input(struct io *io, const char *path)
{
	io->end[0] = open_now(path, O_RDONLY);
	if (io->end[0] < 0)
		return errno;
	if (is_fifo(io->end[0]))
		io->hold[0] = open_now(path, O_WRONLY);
	fcntl(io->end[0], F_SETFL, 0);
	return 0;
}

static int open_output(struct io *io, int i, int kind, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISFIFO(st.st_mode)) {
		io->hold[i] = open_now(path, O_RDONLY);
		if (io->hold[i] < 0)
			return errno;
	}
	io->end[i] = open_now(path, O_WRONLY | O_APPEND | (kind == IO_CREATE ? O_CREAT : 0));
	if (io->end[i] < 0)
		return errno;
	/* The writer and its reader change places a quarter as often; the kernel allocates what is written only. */
	if (is_fifo(io->end[i]))
		fcntl(io->end[i], F_SETPIPE_SZ, PIPE_SIZE);
	fcntl(io->end[i], F_SETFL, is_fifo(io->end[i]) ? 0 : O_APPEND);
	return 0;
}

static int open_one(struct io *io, int i, int kind, const char *path)
{
	int p[2];

	switch (kind) {
	case IO_PATH:
	case IO_CREATE:
		return i == 0 ? open_input(io, path) : open_output(io, i, kind, path);
	case IO_SAME:
		if (io->end[1] < 0)
			return 0; /* /dev/null too */
		io->end[i] = fcntl(io->end[1], F_DUPFD_CLOEXEC, 3);
		return io->end[i] < 0 ? errno : 0;
	case IO_PIPE:
		if (pipe2(p, O_CLOEXEC) != 0)
			return errno;
		io->logger[i] = p[0];
		io->end[i] = p[1];
		return 0;
	default:
		return 0;
	}
}

static void end_terminal(struct terminal *t)
{
	loop_close(&t->master);
	loop_close(&t->in);
	loop_close(&t->out);
	close_at(&t->slave);
}

static void free_io(struct io *io)
{
	for (int i = 0; i < 3; i++) {
		close_at(&io->end[i]);
		close_at(&io->logger[i]);
		close_at(&io->hold[i]);
	}
	if (io->tty) {
		end_terminal(io->tty);
		loop_free(io->tty);
	}
	free(io);
}

void io_open(uint32_t id, const uint8_t *p, size_t len)
{
	struct io *io;
	int err = 0, i;

	if (find_io(id)) {
		link_send(W_IO, 0, id, EEXIST, NULL, 0);
		return;
	}
	io = grow(NULL, sizeof *io);
	memset(io, 0, sizeof *io);
	io->id = id;
	for (i = 0; i < 3; i++)
		io->end[i] = io->logger[i] = io->hold[i] = -1;
	for (i = 0; i < 3 && err == 0; i++) {
		size_t n = len > 1 ? strnlen((const char *)p + 1, len - 1) : 0;
		if (len < 2 || n == len - 1) {
			err = EINVAL;
			break;
		}
		io->terminal |= p[0] == IO_TTY;
		err = open_one(io, i, p[0], (const char *)p + 1);
		if (err)
			break;
		p += n + 2;
		len -= n + 2;
	}
	if (err) {
		free_io(io);
	} else {
		io->next = ios;
		ios = io;
	}
	link_send(W_IO, (uint8_t)i, id, (uint32_t)err, NULL, 0);
}

/* A terminal is opened anew: what is set on the description that this program was given, its parent would see. */
static int own_stream(int fd, int terminal)
{
	char path[] = "/proc/self/fd/0";
	int r = -1;

	path[sizeof path - 2] = (char)('0' + fd);
	if (terminal)
		r = open_now(path, fd == 0 ? O_RDONLY : O_WRONLY);
	return r >= 0 ? r : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

void io_own(int terminal)
{
	struct io *io = grow(NULL, sizeof *io);

	memset(io, 0, sizeof *io);
	io->id = HANDS_IO;
	io->terminal = terminal;
	for (int i = 0; i < 3; i++) {
		io->logger[i] = io->hold[i] = -1;
		io->end[i] = own_stream(i, terminal);
	}
	io->next = ios;
	ios = io;
}

int io_is_drained(uint32_t id)
{
	struct io *io = find_io(id);

	return !io || !io->tty || io->tty->master.fd < 0;
}

void io_close(uint32_t id)
{
	struct io **at = &ios;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	if (*at) {
		struct io *io = *at;
		*at = io->next;
		free_io(io);
	}
}

void io_close_stdin(uint32_t id)
{
	struct io *io = find_io(id);

	if (io)
		close_at(&io->hold[0]);
}

int io_is_known(uint32_t id)
{
	return id == 0 || find_io(id);
}

void io_for_launch(uint32_t id, int logger, int fds[3])
{
	struct io *io = find_io(id);

	for (int i = 0; i < 3; i++)
		fds[i] = !io ? -1 : logger ? io->logger[i] : io->terminal ? -1 : io->end[i];
}

void io_handed_over(uint32_t id, int logger)
{
	struct io *io = find_io(id);

	/* A terminal's fifos stay: this program reads and writes them itself. */
	for (int i = 0; io && i < 3; i++) {
		if (logger)
			close_at(&io->logger[i]);
		else if (!io->terminal)
			close_at(&io->end[i]);
	}
}

static void set_size(struct io *io)
{
	struct winsize w = { .ws_row = (unsigned short)io->rows, .ws_col = (unsigned short)io->columns };

	if (io->tty && io->tty->master.fd >= 0 && io->rows | io->columns)
		ioctl(io->tty->master.fd, TIOCSWINSZ, &w);
}

void io_resize(uint32_t id, unsigned rows, unsigned columns)
{
	struct io *io = find_io(id);

	if (io) {
		io->rows = rows;
		io->columns = columns;
		set_size(io);
	}
}

enum { COPY_IDLE, COPY_FULL, COPY_MORE, COPY_ENDED };

/* Moves bytes until one side would block, or for long enough (COPY_MORE, with nothing left in hand). */
static int copy_some(struct copy *c, int from, int to)
{
	for (int i = 0;; i++) {
		ssize_t n;
		while (c->off < c->len) {
			/* With nobody to write to, the process must not block: discard. */
			n = to < 0 ? (ssize_t)(c->len - c->off) : write(to, c->bytes + c->off, c->len - c->off);
			if (n < 0 && errno == EAGAIN)
				return COPY_FULL;
			c->off = n < 0 ? c->len : c->off + (size_t)n;
		}
		if (i == COPY_ROUNDS)
			return COPY_MORE;
		n = from < 0 ? -1 : read(from, c->bytes, sizeof c->bytes);
		if (n <= 0)
			return from >= 0 && n < 0 && errno == EAGAIN ? COPY_IDLE : COPY_ENDED;
		c->off = 0;
		c->len = (size_t)n;
	}
}

static void pump(struct terminal *t)
{
	int in, out;

	if (t->master.fd < 0)
		return;
	in = copy_some(&t->to_master, t->in.fd, t->master.fd);
	out = copy_some(&t->to_out, t->master.fd, t->out.fd);
	if (in == COPY_ENDED && t->in.fd >= 0)
		loop_close(&t->in); /* every writer is gone; the terminal stays open */
	if (out == COPY_ENDED || (t->close_at && out == COPY_IDLE && now_ms() >= t->close_at)) {
		end_terminal(t);
		return;
	}
	loop_mask(&t->in, in == COPY_IDLE ? EPOLLIN : 0u);
	loop_mask(&t->out, out == COPY_FULL ? EPOLLOUT : 0u);
	/* With COPY_MORE of in that is a file, which cannot be watched, the master is what calls again. */
	loop_mask(&t->master, (out == COPY_FULL ? 0u : EPOLLIN) |
				      (in == COPY_FULL || in == COPY_MORE ? EPOLLOUT : 0u));
}

static void pump_ended(void)
{
	int again = 0;

	for (struct io *io = ios; io; io = io->next) {
		if (io->tty && io->tty->close_at && io->tty->master.fd >= 0) {
			pump(io->tty);
			/* After that time only a slow reader is waited for, and its fifo tells. */
			again |= io->tty->master.fd >= 0 && now_ms() <= io->tty->close_at;
		}
	}
	if (again)
		loop_after(DRAIN_EVERY_MS, pump_ended);
}

static void on_master(struct source *s, uint32_t events)
{
	(void)events;
	pump((struct terminal *)(void *)((uint8_t *)s - offsetof(struct terminal, master)));
}

static void on_in(struct source *s, uint32_t events)
{
	(void)events;
	pump((struct terminal *)(void *)((uint8_t *)s - offsetof(struct terminal, in)));
}

static void on_out(struct source *s, uint32_t events)
{
	(void)events;
	pump((struct terminal *)(void *)((uint8_t *)s - offsetof(struct terminal, out)));
}

static void adopt(struct source *s, int *fd, void (*ready)(struct source *, uint32_t))
{
	s->fd = -1;
	s->ready = ready;
	if (*fd < 0)
		return;
	fcntl(*fd, F_SETFL, fcntl(*fd, F_GETFL) | O_NONBLOCK);
	loop_watch(s, *fd, 0); /* with mask 0 it cannot fail */
	*fd = -1;
}

int io_terminal(uint32_t id, int master)
{
	struct io *io = find_io(id);
	struct terminal *t;
	unsigned number;

	/* It comes out of a process in a container: something else could keep this program busy for ever. */
	if (!io || !io->terminal || io->tty || ioctl(master, TIOCGPTN, &number) != 0) {
		close(master);
		return -1;
	}
	t = grow(NULL, sizeof *t);
	memset(t, 0, sizeof *t);
	io->tty = t;
	t->slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	adopt(&t->master, &master, on_master);
	adopt(&t->in, &io->end[0], on_in);
	adopt(&t->out, &io->end[1], on_out);
	set_size(io);
	pump(t);
	return 0;
}

void io_process_gone(uint32_t id)
{
	struct io *io = find_io(id);

	if (io && io->tty && io->tty->master.fd >= 0) {
		io->tty->close_at = now_ms() + DRAIN_MS;
		close_at(&io->tty->slave);
		pump_ended();
	}
}
