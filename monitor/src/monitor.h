/* The monitor role: what lives as long as a pod. Each part owns one kind of object. */
#ifndef CAISSON_MONITOR_H
#define CAISSON_MONITOR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "loop.h"
#include "wire.h"

/* link.c: the connection to caissond. */
void link_init(const char *state_dir, const char *program, const char *pod);
int link_is_up(void);
size_t link_backlog(void); /* bytes that wait for caissond */
void link_send(uint8_t kind, uint8_t flags, uint32_t a, uint32_t b, const void *, size_t);
void link_send_aged(uint8_t kind, uint8_t flags, uint16_t age, uint32_t a, uint32_t b, const void *, size_t);
/* Somebody waits for an answer: start caissond when it is not there. */
void link_need(void);

/* In a command instead of link_init: serves this connection; frames that are no monitor's go to other. */
void link_adopt(int fd, void (*lost)(void), void (*other)(const struct wire *, const uint8_t *));

/* copy.c: from now on this program is not kept waiting by whoever has the processor; what it runs is as others are. */
void take_short_turns(void);
/* A plan that is still to come. */
struct ahead {
	int plan, sent[2]; /* plan: a file; sent: the pipe by which its length comes */
	uint32_t namespaces;
};

/* In a forked copy: exactly the descriptors that a plan may count on, then the plan, which is NULL if it is to come. */
void play_in_copy(int note, int gate, const int io[3], const uint8_t *plan, struct ahead *ahead, int is_self,
		  unsigned preserved, pid_t monitor) __attribute__((noreturn));

/* relay.c: containerd's connections and requests. */
void relay_init(int listener);
void relay_answer(uint32_t conn, const uint8_t *frame, size_t len);
void relay_commit(uint32_t conn, uint32_t stream, const uint8_t *, size_t len);
void relay_canned(uint32_t launch, uint8_t flags, const uint8_t *, size_t len);
void relay_process_gone(uint32_t launch);
void relay_pledge(uint32_t conn, uint32_t stream, uint8_t on, const uint8_t *, size_t len);
/* Answers what was pledged on it; 0 when nothing was. */
int relay_redeem(uint32_t launch, uint8_t on, const uint32_t numbers[3]);
void relay_void(uint32_t launch); /* caissond answers, then */
void relay_snapshot(void);	   /* sends connections and unanswered requests */
void relay_link_lost(void);	   /* answers what must not run twice */
void relay_link_drained(void);	   /* reads on after back-pressure */
int relay_has_requests(void);
void relay_finish(void);	   /* last bytes out, before QUIT */

/* procs.c: launches, the processes that came from them, and their exits. */
void procs_init(void);
/* Differs in a command: only what this program launched is waited for, init not even reaped unless it is in the foreground. */
struct hands {
	int reaps;		 /* the process of HANDS_MAIN is ours to reap */
	unsigned preserved;	 /* descriptors from 3 on that HANDS_MAIN is to have */
	int copies;		 /* its terminal's master is taken; otherwise caissond takes it */
	const char *fifos;	 /* directory */
	void (*exited)(uint32_t launch, uint32_t status);
};
void procs_hands(const struct hands *);
pid_t procs_pid(uint32_t launch);
void procs_drop_all(void); /* kills what has not come to its program */
int procs_resume(uint32_t launch, uint32_t *status); /* RESUME_*, 0: nothing worth it */
void procs_spawn(uint32_t launch, uint32_t io, uint8_t flags, uint8_t *payload, size_t len);
void procs_plan(uint32_t launch, const uint8_t *, size_t len); /* for a SPAWN_AHEAD */
void procs_gate(uint32_t launch, uint8_t flags, const uint8_t *, size_t len);
void procs_kill(uint32_t launch, int sig);
void procs_forget(uint32_t launch);
void procs_lost(uint32_t launch); /* who asked for it has been told that it is not there */
void procs_pledged(uint32_t launch); /* it may have come so far already */
void procs_snapshot(void);
/* Whether a caissond has work here: an exit to hear of, or a pod without processes to fill or to end. */
int procs_want_daemon(void);
int procs_is_alive(uint32_t launch);
int procs_has_run(uint32_t launch); /* it came to its program, and has ended */

/* stdio.c: fifos, files, logger pipes and terminals. */
struct io;
/* HANDS_IO: the program's own three. */
void io_own(int terminal);
int io_is_drained(uint32_t id);
void io_open(uint32_t id, const uint8_t *, size_t len);
void io_close(uint32_t id);
void io_close_stdin(uint32_t id);
void io_resize(uint32_t id, unsigned rows, unsigned columns);
int io_is_known(uint32_t id); /* 0, which is none, is */
/* The three descriptors for a plan, -1 for /dev/null. */
void io_for_launch(uint32_t id, int logger, int fds[3]);
/* The launch has its copies. */
void io_handed_over(uint32_t id, int logger);
/* Takes the master over; 0 when it is a terminal and the io's first one. */
int io_terminal(uint32_t id, int master);
void io_process_gone(uint32_t id);

#endif
