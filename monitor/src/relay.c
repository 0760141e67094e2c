/* Relays ttrpc frames between containerd's connections and caissond, without reading bodies.
 *
 * Every request is kept until it is answered. When caissond dies, what it had not committed is sent
 * to the next one, and what it had is answered with ttrpc status 14 (unavailable). */
#define _GNU_SOURCE
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define TTRPC_HEADER 10
#define TTRPC_MAX (4u << 20)
#define TTRPC_REQUEST 1
#define TTRPC_RESPONSE 2
#define TTRPC_DATA 3
#define TTRPC_REMOTE_CLOSED 1
#define CODE_RESOURCE_EXHAUSTED 8
#define CODE_UNAVAILABLE 14

#define READ_CHUNK 16384
#define LINK_BACKLOG_MAX (1u << 20)  /* pause containerd above this */
#define CONN_REQUESTS_MAX (8u << 20) /* pause a connection above this */
#define CONN_ANSWERS_MAX (8u << 20)  /* a client that never reads is cut off above this */
#define CANNED_AFTER_MS 200
#define ACCEPT_AGAIN_MS 100
#define HOST_CID 2

#define LOST "caissond was lost while it worked on this request: unavailable"

/* An answer that waits here for its launch, because the way to caissond and back would take longer than all the rest. */
struct pledge {
	uint32_t launch;
	uint8_t on;	/* PLEDGE_* */
	uint32_t at[3]; /* in the frame */
	size_t len;
	uint8_t frame[];
};

struct request {
	struct request *next;
	struct pledge *pledge;
	uint32_t stream;
	uint64_t since;
	int committed;
	uint32_t launch; /* what it is to make, 0 unknown */
	int canned; /* a fallback answer exists */
	size_t len;
	uint8_t frame[];
};

struct conn {
	struct source src; /* first: on_conn casts back */
	struct conn *next;
	uint32_t id;
	int paused;
	size_t skip;	 /* bytes of an oversized frame still to discard */
	size_t held;	 /* bytes of unanswered requests */
	struct queue rx, tx;
	struct request *first, **last;
};

struct canned {
	struct canned *next;
	uint32_t launch;
	uint8_t at_once;
	size_t key_len, answer_len;
	uint8_t bytes[]; /* key, answer */
};

static struct source listen_src = { .fd = -1 };
static struct conn *conns;
static struct canned *cans;
static uint32_t next_conn = 1;

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static struct conn *find_conn(uint32_t id)
{
	struct conn *c = conns;

	while (c && c->id != id)
		c = c->next;
	return c;
}

static void close_conn(struct conn *c)
{
	struct conn **at = &conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	while (c->first) {
		struct request *r = c->first;
		c->first = r->next;
		free(r->pledge);
		free(r);
	}
	loop_close(&c->src);
	link_send(W_CONN_CLOSE, 0, c->id, 0, NULL, 0);
	queue_drop(&c->rx);
	queue_drop(&c->tx);
	loop_free(c);
}

static void set_mask(struct conn *c)
{
	c->paused = link_backlog() > LINK_BACKLOG_MAX || c->held > CONN_REQUESTS_MAX;
	loop_mask(&c->src, (c->paused ? 0u : EPOLLIN) | (c->tx.len > c->tx.off ? EPOLLOUT : 0u));
}

/* Returns -1 when the connection is gone. */
static int put_answer(struct conn *c, const uint8_t *frame, size_t len)
{
	queue_put(&c->tx, frame, len);
	if (queue_flush(&c->tx, c->src.fd) != 0 || c->tx.len - c->tx.off > CONN_ANSWERS_MAX) {
		close_conn(c);
		return -1;
	}
	set_mask(c);
	return 0;
}

static int put_response(struct conn *c, uint32_t stream, const uint8_t *body, size_t len)
{
	uint8_t h[TTRPC_HEADER];

	put_be32(h, (uint32_t)len);
	put_be32(h + 4, stream);
	h[8] = TTRPC_RESPONSE;
	h[9] = 0;
	queue_put(&c->tx, h, sizeof h);
	return put_answer(c, body, len);
}

/* Response { 1 Status { 1 code, 2 message } }: both short enough for one-byte lengths. */
static int put_status(struct conn *c, uint32_t stream, uint8_t code, const char *message)
{
	uint8_t b[128];
	size_t n = strlen(message);

	b[0] = 1 << 3 | 2;
	b[1] = (uint8_t)(n + 4);
	b[2] = 1 << 3;
	b[3] = code;
	b[4] = 2 << 3 | 2;
	b[5] = (uint8_t)n;
	memcpy(b + 6, message, n);
	return put_response(c, stream, b, n + 6);
}

static struct request **find_request(struct conn *c, uint32_t stream)
{
	struct request **at = &c->first;

	while (*at && (*at)->stream != stream)
		at = &(*at)->next;
	return at;
}

static void drop_request(struct conn *c, struct request **at)
{
	struct request *r = *at;

	*at = r->next;
	if (!*at)
		c->last = at;
	c->held -= r->len;
	free(r->pledge);
	free(r);
}

static struct canned *find_canned(const uint8_t *body, size_t len)
{
	struct canned *k = cans;

	while (k && (k->key_len > len || memcmp(k->bytes, body, k->key_len) != 0))
		k = k->next;
	return k;
}

static void send_request(struct conn *c, struct request *r, uint8_t flags)
{
	uint64_t age = (now_ms() - r->since) / 10;

	link_send_aged(W_REQUEST, flags, age > 0xffff ? 0xffff : (uint16_t)age, c->id, 0, r->frame, r->len);
}

static void answer_overdue(void)
{
	struct conn *c, *next;
	int waiting = 0;

	for (c = conns; c; c = next) {
		struct request **at = &c->first;
		next = c->next;
		while (*at) {
			struct request *r = *at;
			struct canned *k = r->canned ? find_canned(r->frame + TTRPC_HEADER,
								   r->len - TTRPC_HEADER)
						     : NULL;
			uint32_t stream = r->stream;
			if (!k || (link_is_up() && now_ms() - r->since < CANNED_AFTER_MS)) {
				waiting |= k != NULL;
				at = &r->next;
				continue;
			}
			drop_request(c, at);
			if (put_response(c, stream, k->bytes + k->key_len, k->answer_len) != 0)
				break;
		}
	}
	if (waiting)
		loop_after(CANNED_AFTER_MS, answer_overdue);
}

/* One whole frame from containerd. Returns -1 when the connection is gone. */
static int on_frame(struct conn *c, const uint8_t *frame, size_t len)
{
	uint32_t stream = be32(frame + 4);
	struct request *r;
	struct canned *k;

	if (frame[8] == TTRPC_DATA) {
		struct request **at = find_request(c, stream);

		/* A stream that has begun cannot be redelivered: its data is not kept. */
		if (*at && !link_is_up()) {
			drop_request(c, at);
			return put_status(c, stream, CODE_UNAVAILABLE, LOST);
		}
		if (*at)
			(*at)->committed = 1;
		link_send(W_REQUEST, 0, c->id, 0, frame, len);
		return 0;
	}
	if (frame[8] != TTRPC_REQUEST)
		return 0;
	k = find_canned(frame + TTRPC_HEADER, len - TTRPC_HEADER);
	if (k && (k->at_once || !link_is_up()))
		return put_response(c, stream, k->bytes + k->key_len, k->answer_len);
	r = grow(NULL, sizeof *r + len);
	r->next = NULL;
	r->pledge = NULL;
	r->stream = stream;
	r->since = now_ms();
	r->committed = 0;
	r->canned = k != NULL;
	r->len = len;
	memcpy(r->frame, frame, len);
	*c->last = r;
	c->last = &r->next;
	c->held += len;
	if (k)
		loop_after(CANNED_AFTER_MS, answer_overdue);
	if (link_is_up())
		send_request(c, r, 0);
	else
		link_need();
	return 0;
}

static int read_frames(struct conn *c)
{
	for (;;) {
		size_t have = c->rx.len - c->rx.off;
		const uint8_t *p = c->rx.bytes + c->rx.off;

		if (c->skip > 0) {
			size_t n = have < c->skip ? have : c->skip;
			c->skip -= n;
			if (n > 0)
				queue_take(&c->rx, n);
			if (c->skip > 0)
				return 0;
			continue;
		}
		if (have < TTRPC_HEADER)
			return 0;
		uint32_t len = be32(p);
		if (len > TTRPC_MAX) {
			uint32_t stream = be32(p + 4);
			c->skip = (size_t)len + TTRPC_HEADER;
			if (put_status(c, stream, CODE_RESOURCE_EXHAUSTED,
				       "message exceeds the maximum size of 4194304 bytes") != 0)
				return -1;
			continue;
		}
		if (have - TTRPC_HEADER < len)
			return 0;
		if (on_frame(c, p, TTRPC_HEADER + (size_t)len) != 0)
			return -1;
		queue_take(&c->rx, TTRPC_HEADER + (size_t)len);
	}
}

static void on_conn(struct source *s, uint32_t events)
{
	struct conn *c = (struct conn *)s;

	if (events & EPOLLOUT && queue_flush(&c->tx, s->fd) != 0) {
		close_conn(c);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		size_t room = readable(s->fd, READ_CHUNK);
		ssize_t n = read(s->fd, queue_room(&c->rx, room), room);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			close_conn(c);
			return;
		}
		if (n > 0) {
			c->rx.len += (size_t)n;
			if (read_frames(c) != 0)
				return;
		}
		if (c->rx.len == c->rx.off)
			queue_drop(&c->rx);
	}
	set_mask(c);
}

static void accept_again(void)
{
	loop_mask(&listen_src, EPOLLIN);
}

/* Root, this program's user, or the host of the machine whose process 1 this is (struct sockaddr_vm, linux/vm_sockets.h). */
static int may_ask(int fd)
{
	struct sockaddr_storage from;
	struct ucred peer;
	socklen_t len = sizeof from;
	uint32_t cid;

	memset(&from, 0, sizeof from);
	if (getpeername(fd, (struct sockaddr *)&from, &len) == 0 && from.ss_family == AF_VSOCK) {
		memcpy(&cid, (uint8_t *)&from + 8, sizeof cid);
		return cid == HOST_CID;
	}
	len = sizeof peer;
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

static void on_listener(struct source *s, uint32_t events)
{
	struct conn *c;
	int fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0) {
		/* Out of descriptors, say: the listener stays readable, so look away for a while. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			loop_mask(s, 0);
			loop_after(ACCEPT_AGAIN_MS, accept_again);
		}
		return;
	}
	/* The socket's mode keeps others out already; this holds when somebody changed it. */
	if (!may_ask(fd)) {
		close(fd);
		return;
	}
	c = grow(NULL, sizeof *c);
	memset(c, 0, sizeof *c);
	c->id = next_conn++;
	c->last = &c->first;
	c->next = conns;
	conns = c;
	c->src.ready = on_conn;
	link_send(W_CONN_OPEN, 0, c->id, 0, NULL, 0);
	if (loop_watch(&c->src, fd, EPOLLIN) != 0)
		close_conn(c);
}

void relay_init(int listener)
{
	listen_src.ready = on_listener;
	if (loop_watch(&listen_src, listener, EPOLLIN) != 0)
		_exit(125);
}

void relay_answer(uint32_t conn, const uint8_t *frame, size_t len)
{
	struct conn *c = find_conn(conn);
	struct request **at;

	if (!c || len < TTRPC_HEADER)
		return;
	at = find_request(c, be32(frame + 4));
	if (!*at)
		return; /* answered already, from canned bytes */
	if (frame[8] == TTRPC_RESPONSE || frame[9] & TTRPC_REMOTE_CLOSED)
		drop_request(c, at);
	else
		(*at)->committed = 1;
	put_answer(c, frame, len);
}

void relay_commit(uint32_t conn, uint32_t stream, const uint8_t *p, size_t len)
{
	struct conn *c = find_conn(conn);
	struct request *r = c ? *find_request(c, stream) : NULL;

	if (!r)
		return;
	r->committed = 1;
	if (len >= sizeof r->launch)
		memcpy(&r->launch, p, sizeof r->launch);
}

static void forget_canned(struct canned **at)
{
	struct canned *k = *at;

	*at = k->next;
	free(k);
}

void relay_canned(uint32_t launch, uint8_t flags, const uint8_t *p, size_t len)
{
	struct canned **at = &cans, *k;
	uint32_t key_len;

	if (len < 4)
		return;
	memcpy(&key_len, p, 4);
	if (key_len == 0 || key_len > len - 4) /* an empty key would fit every request */
		return;
	while (*at && ((*at)->key_len != key_len || memcmp((*at)->bytes, p + 4, key_len) != 0))
		at = &(*at)->next;
	if (*at)
		forget_canned(at);
	/* Its process may have ended while the frame was under way. */
	if (len - 4 == key_len || (launch != 0 && !procs_is_alive(launch)))
		return;
	k = grow(NULL, sizeof *k + len - 4);
	k->launch = launch;
	k->at_once = flags & 1;
	k->key_len = key_len;
	k->answer_len = len - 4 - key_len;
	memcpy(k->bytes, p + 4, len - 4);
	k->next = cans;
	cans = k;
}

void relay_process_gone(uint32_t launch)
{
	struct canned **at = &cans;

	while (*at) {
		if ((*at)->launch == launch)
			forget_canned(at);
		else
			at = &(*at)->next;
	}
}

void relay_pledge(uint32_t conn, uint32_t stream, uint8_t on, const uint8_t *p, size_t len)
{
	struct conn *c = find_conn(conn);
	struct request *r = c ? *find_request(c, stream) : NULL;
	struct pledge *g;

	if (!r || len < 16 + TTRPC_HEADER)
		return;
	g = grow(NULL, sizeof *g + len - 16);
	memcpy(&g->launch, p, 4);
	memcpy(g->at, p + 4, 12);
	g->on = on;
	g->len = len - 16;
	memcpy(g->frame, p + 16, len - 16);
	free(r->pledge);
	r->pledge = g;
	for (int i = 0; i < 3; i++)
		if (g->at[i] > g->len - 5 || (g->at[i] != 0 && g->at[i] < TTRPC_HEADER))
			g->on = 0; /* no place for a number: nothing is answered */
	procs_pledged(g->launch);
}

/* A varint may be longer than it need be (protobuf encoding, base 128 varints). */
static void put_varint(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++, v >>= 7)
		p[i] = (uint8_t)(v | 0x80);
	p[4] = (uint8_t)v;
}

int relay_redeem(uint32_t launch, uint8_t on, const uint32_t numbers[3])
{
	struct conn *c, *next;
	int redeemed = 0;

	for (c = conns; c; c = next) {
		struct request **at = &c->first;
		next = c->next;
		while (*at) {
			struct pledge *g = (*at)->pledge;
			int is_gone;

			if (!g || g->launch != launch || g->on != on) {
				at = &(*at)->next;
				continue;
			}
			(*at)->pledge = NULL;
			drop_request(c, at);
			for (int i = 0; i < 3; i++)
				if (g->at[i] != 0)
					put_varint(g->frame + g->at[i], numbers[i]);
			is_gone = put_answer(c, g->frame, g->len) != 0;
			free(g);
			redeemed = 1;
			if (is_gone)
				break;
		}
	}
	return redeemed;
}

void relay_void(uint32_t launch)
{
	for (struct conn *c = conns; c; c = c->next)
		for (struct request *r = c->first; r; r = r->next)
			if (r->pledge && r->pledge->launch == launch) {
				free(r->pledge);
				r->pledge = NULL;
			}
}

void relay_snapshot(void)
{
	for (struct conn *c = conns; c; c = c->next) {
		link_send(W_CONN_OPEN, 0, c->id, 0, NULL, 0);
		for (struct request *r = c->first; r; r = r->next)
			send_request(c, r, 1);
	}
}

void relay_link_lost(void)
{
	struct conn *c, *next;

	for (c = conns; c; c = next) {
		struct request **at = &c->first;
		next = c->next;
		while (*at) {
			uint32_t stream = (*at)->stream;
			if (!(*at)->committed) {
				at = &(*at)->next;
				continue;
			}
			procs_lost((*at)->launch);
			drop_request(c, at);
			if (put_status(c, stream, CODE_UNAVAILABLE, LOST) != 0)
				break;
		}
	}
	answer_overdue();
}

void relay_link_drained(void)
{
	for (struct conn *c = conns; c; c = c->next)
		if (c->paused)
			set_mask(c);
}

int relay_has_requests(void)
{
	for (struct conn *c = conns; c; c = c->next)
		if (c->first)
			return 1;
	return 0;
}

void relay_finish(void)
{
	struct timeval second = { .tv_sec = 1 };

	for (struct conn *c = conns; c; c = c->next) {
		if (c->tx.len == c->tx.off)
			continue;
		fcntl(c->src.fd, F_SETFL, 0); /* SO_SNDTIMEO limits blocking calls only */
		setsockopt(c->src.fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
		queue_flush(&c->tx, c->src.fd);
	}
}
