#define _GNU_SOURCE
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#define RETRY_MS 2000	    /* when inotify told nothing */
#define FIRST_MS 20	    /* until a look for another caissond, after one that hung up soon */
#define IDLE_MS 300	    /* until a monitor without work goes to a new caissond */
#define START_MS 500	    /* between the first two starts of a caissond that does not come up */
#define START_MAX_MS 30000
#define READ_CHUNK 65536

static struct source link_src = { .fd = -1 };
static struct source dir_src = { .fd = -1 };
static struct queue rx, tx;
static const char *state_dir, *program, *pod;
static char *socket_path;
static uint64_t up_since;
static int start_ms = START_MS;
static int again_ms = FIRST_MS; /* until we look for another caissond, if the last one hung up soon */
static void (*on_lost)(void);
static void (*on_other)(const struct wire *, const uint8_t *);

static void try_connect(void);

int link_is_up(void)
{
	return link_src.fd >= 0;
}

size_t link_backlog(void)
{
	return tx.len - tx.off;
}

static void write_more(void)
{
	/* A failed write is no loss yet: what caissond wrote before it died is still readable. */
	if (queue_flush(&tx, link_src.fd) != 0)
		queue_drop(&tx);
	loop_mask(&link_src, tx.len > tx.off ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void link_send_aged(uint8_t kind, uint8_t flags, uint16_t age, uint32_t a, uint32_t b, const void *p,
		    size_t n)
{
	struct wire h = { (uint32_t)n, kind, flags, age, a, b };

	if (!link_is_up())
		return;
	queue_put(&tx, &h, sizeof h);
	queue_put(&tx, p, n);
	write_more();
}

void link_send(uint8_t kind, uint8_t flags, uint32_t a, uint32_t b, const void *p, size_t n)
{
	link_send_aged(kind, flags, 0, a, b, p, n);
}

static void quit(void)
{
	relay_finish();
	_exit(0);
}

static void dispatch(const struct wire *h, uint8_t *p)
{
	switch (h->kind) {
	case W_ANSWER:
		relay_answer(h->a, p, h->length);
		break;
	case W_COMMIT:
		relay_commit(h->a, h->b, p, h->length);
		break;
	case W_FORGET:
		procs_forget(h->a);
		break;
	case W_IO_OPEN:
		io_open(h->a, p, h->length);
		break;
	case W_IO_CLOSE:
		io_close(h->a);
		break;
	case W_SPAWN:
		procs_spawn(h->a, h->b, h->flags, p, h->length);
		break;
	case W_PLAN:
		procs_plan(h->a, p, h->length);
		break;
	case W_GATE:
		procs_gate(h->a, h->flags, p, h->length);
		break;
	case W_KILL:
		procs_kill(h->a, (int)h->b);
		break;
	case W_CANNED:
		relay_canned(h->a, h->flags, p, h->length);
		break;
	case W_RESIZE:
		io_resize(h->a, h->b >> 16, h->b & 0xffff);
		break;
	case W_CLOSE_STDIN:
		io_close_stdin(h->a);
		break;
	case W_PLEDGE:
		relay_pledge(h->a, h->b, h->flags, p, h->length);
		break;
	case W_QUIT:
		quit();
		break;
	default:
		if (on_other)
			on_other(h, p);
		break;
	}
}

static int is_wanted(void)
{
	return relay_has_requests() || procs_want_daemon();
}

static void lost(void)
{
	loop_close(&link_src);
	queue_drop(&rx);
	queue_drop(&tx);
	if (on_lost) {
		on_lost();
		return;
	}
	relay_link_lost();
	relay_link_drained();
	/* An upgraded daemon listens within moments: who is waited for looks at once, the others a little later, and
	 * then inotify tells. One that hangs up soon, and again, does not like this monitor's version, or a request
	 * of ours ends it: less and less hurry. */
	if (now_ms() - up_since > 1000) {
		again_ms = FIRST_MS;
		loop_after(is_wanted() ? 0 : IDLE_MS, try_connect);
	} else {
		loop_after(again_ms, try_connect);
		again_ms = again_ms > RETRY_MS / 4 ? RETRY_MS : 4 * again_ms;
	}
}

static void read_frames(void)
{
	while (rx.len - rx.off >= WIRE_HEADER) {
		struct wire h;

		memcpy(&h, rx.bytes + rx.off, sizeof h);
		if (h.length > WIRE_MAX) {
			lost();
			return;
		}
		if (rx.len - rx.off - WIRE_HEADER < h.length)
			return;
		dispatch(&h, rx.bytes + rx.off + WIRE_HEADER);
		if (!link_is_up())
			return;
		queue_take(&rx, WIRE_HEADER + (size_t)h.length);
	}
}

static void on_link(struct source *s, uint32_t events)
{
	if (events & EPOLLOUT) {
		write_more();
		relay_link_drained();
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	size_t room = readable(s->fd, READ_CHUNK);
	ssize_t n = read(s->fd, queue_room(&rx, room), room);
	if (n > 0) {
		rx.len += (size_t)n;
		read_frames();
		if (rx.len == rx.off)
			queue_drop(&rx);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		lost();
	}
}

static void try_connect(void)
{
	int fd;

	if (link_is_up())
		return;
	fd = connect_unix(socket_path, SOCK_NONBLOCK);
	if (fd < 0) {
		int wanted = is_wanted();

		/* EAGAIN: it is there and has a long queue. */
		if (wanted && (fd == -ENOENT || fd == -ECONNREFUSED)) {
			start_daemon(state_dir, program);
			loop_after(start_ms, try_connect);
			start_ms = start_ms > START_MAX_MS / 2 ? START_MAX_MS : 2 * start_ms;
		} else {
			loop_after(wanted ? START_MS : RETRY_MS, try_connect);
		}
		return;
	}
	link_src.ready = on_link;
	up_since = now_ms();
	if (loop_watch(&link_src, fd, EPOLLIN) != 0) {
		lost();
		return;
	}
	start_ms = START_MS;
	link_send(W_HELLO, 0, WIRE_VERSION, (uint32_t)getpid(), pod, strlen(pod));
	procs_snapshot();
	relay_snapshot();
	link_send(W_ATTACHED, 0, 0, 0, NULL, 0);
}

static void on_directory(struct source *s, uint32_t events)
{
	char buf[4096];

	(void)events;
	while (read(s->fd, buf, sizeof buf) > 0)
		continue;
	/* Of a hundred monitors that see a new caissond, those come first that somebody waits for. */
	loop_after(is_wanted() ? 0 : IDLE_MS, try_connect);
}

void link_need(void)
{
	if (!link_is_up() && !on_lost)
		loop_after(0, try_connect);
}

void link_adopt(int fd, void (*lost_fn)(void), void (*other)(const struct wire *, const uint8_t *))
{
	on_lost = lost_fn;
	on_other = other;
	link_src.ready = on_link;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (loop_watch(&link_src, fd, EPOLLIN) != 0)
		_exit(125);
}

void link_init(const char *dir, const char *prog, const char *pod_string)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	state_dir = dir;
	program = prog;
	pod = pod_string;
	socket_path = grow(NULL, strlen(dir) + sizeof "/caissond.sock");
	strcat(strcpy(socket_path, dir), "/caissond.sock");
	/* caissond renames its socket into place: before that, connecting would race with listen. */
	if (fd >= 0 && inotify_add_watch(fd, dir, IN_MOVED_TO) >= 0) {
		dir_src.ready = on_directory;
		loop_watch(&dir_src, fd, EPOLLIN);
	}
	try_connect();
}
