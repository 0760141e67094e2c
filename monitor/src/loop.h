/* The event loop, byte queues and the few calls that every part shares. One thread, no locks. */
#ifndef CAISSON_LOOP_H
#define CAISSON_LOOP_H

#include <stddef.h>
#include <stdint.h>

/* One descriptor in the epoll set. Embedded in the object that owns the descriptor. */
struct source {
	int fd; /* -1: not open */
	uint32_t mask;
	void (*ready)(struct source *, uint32_t events);
};

void loop_init(void);
/* Takes the descriptor over, even when it fails (-errno: no memory, or too many watches). */
int loop_watch(struct source *, int fd, uint32_t mask);
/* With mask 0 not even a hang-up is reported. */
int loop_mask(struct source *, uint32_t mask);
/* Closes the descriptor; an event of it that was already fetched is dropped. */
void loop_close(struct source *);
/* Frees memory that holds a source once the events at hand are served. */
void loop_free(void *);
/* Calls fn once after at most ms milliseconds. One timer per fn: an earlier time that was asked for stays,
 * or a steady stream of reasons would put it off for ever. */
void loop_after(int ms, void (*fn)(void));
void loop_run(void) __attribute__((noreturn));

/* Bytes waiting for a descriptor that would block. Holds no memory while empty. */
struct queue {
	uint8_t *bytes;
	size_t off, len, cap;
};
void queue_put(struct queue *, const void *, size_t);
/* Makes room for n bytes behind the queue's end and returns it; queue.len is the caller's to move. */
uint8_t *queue_room(struct queue *, size_t n);
void queue_take(struct queue *, size_t);
void queue_drop(struct queue *);
/* Writes what the descriptor takes; 0 or -errno (EAGAIN is no failure). */
int queue_flush(struct queue *, int fd);

/* How much to make room for before a read: what large buffers cost is mapped and unmapped each time. */
size_t readable(int fd, size_t most);

uint64_t now_ms(void);	    /* CLOCK_MONOTONIC */
uint64_t wall_ns(void);	    /* CLOCK_REALTIME */
void *grow(void *, size_t); /* realloc that ends the program when memory is gone */
void close_from(int first); /* close_range(2), which musl has no name for */
int connect_unix(const char *path, int flags); /* descriptor or -errno */
/* Starts the daemon's launcher unless somebody is already at it. */
void start_daemon(const char *state_dir, const char *program);

#endif
