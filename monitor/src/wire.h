/* The private protocol between caissond and this program (docs/monitor-protocol.md).
 *
 *   0        4      5       6       8       12      16
 *   +--------+------+-------+-------+-------+-------+----------...
 *   | length | kind | flags | age   |   a   |   b   | payload
 *   +--------+------+-------+-------+-------+-------+----------...
 *
 * Little-endian; length counts the payload only; age is how long the payload has waited here, in
 * units of 10 ms, saturating. Unknown kinds are skipped by their length, so that either side may be
 * one version ahead. */
#ifndef CAISSON_WIRE_H
#define CAISSON_WIRE_H

#include <stdint.h>

#define WIRE_VERSION 1
#define WIRE_HEADER 16
#define WIRE_MAX (16u << 20) /* a SPAWN carries a whole launch plan; a ttrpc frame has at most 4 MiB */

struct wire {
	uint32_t length;
	uint8_t kind;
	uint8_t flags;
	uint16_t age;
	uint32_t a;
	uint32_t b;
};

enum wire_kind {
	/* monitor -> caissond */
	W_HELLO = 1,	  /* a version, b pid of the monitor; payload: the pod's string from argv */
	W_PROC = 2,	  /* a pid, b launch; payload: struct proc_snapshot, tag, notes */
	W_EXIT = 3,	  /* a pid, b launch; payload: u32 wait status, u64 CLOCK_REALTIME ns */
	W_CONN_OPEN = 4,  /* a connection */
	W_CONN_CLOSE = 5, /* a connection */
	W_REQUEST = 6,	  /* a connection; flags 1: redelivered; payload: one ttrpc frame */
	W_ATTACHED = 7,	  /* the snapshot is complete */
	W_NOTE = 8,	  /* a launch; payload: struct note */
	W_LAUNCHED = 9,	  /* a launch, b pid: nobody plays that plan any more */
	W_IO = 10,	  /* a io, b errno of IO_OPEN; flags: which of the three failed */
	/* caissond -> monitor */
	W_ANSWER = 32,	    /* a connection; payload: one ttrpc frame */
	W_COMMIT = 33,	    /* a connection, b stream: do not redeliver this request; payload: u32 launch or none: if the
			       request is answered as lost, PROC of that launch says so */
	W_FORGET = 34,	    /* a launch: its exit is stored and published */
	W_IO_OPEN = 35,	    /* a io; payload: three times (u8 kind, path, NUL) */
	W_IO_CLOSE = 36,    /* a io */
	W_SPAWN = 37,	    /* a launch, b io (0 none); flags SPAWN_*; payload: tag, NUL, plan */
	W_GATE = 38,	    /* a launch; payload: bytes for the plan's gate; flags 1: close it then, 2: it is not the start, and
			       no PROC_GATE_USED */
	W_KILL = 39,	    /* a launch, b signal: only while the process is not reaped */
	W_CANNED = 40,	    /* a launch (0: always valid); flags 1: answer at once;
			       payload: u32 key length, key, Response (none: forget the key) */
	W_RESIZE = 41,	    /* a io, b rows << 16 | columns */
	W_CLOSE_STDIN = 42, /* a io */
	W_QUIT = 43,
	W_PLAN = 45,	    /* a launch; payload: the plan of a SPAWN_AHEAD */
	W_PLEDGE = 44, /* a connection, b stream; flags PLEDGE_*; payload: u32 launch, three times u32 place (0 none), ttrpc
			  frame: the answer to this request once the launch has come so far */
	/* command -> caissond */
	W_COMMAND = 64, /* a pid, b 0, or RESUME_* of what an earlier daemon launched; flags 1: an earlier daemon was asked; payload: u32 argc, envc, stdin length; argv, cwd, env: NUL-ended; stdin */
	W_STARTED = 67, /* a errno, b pid; flags 1: the socket was served already */
	W_REMOVED = 71, /* a errno: of what END named all is removed, or END follows; payload: the path that is still there */
	/* caissond -> command */
	W_OUTPUT = 65,	      /* a descriptor (1 or 2); flags 1: print it now */
	W_START_MONITOR = 66, /* payload: executable, socket path, argv...: NUL-ended */
	W_END = 68,	      /* a exit code; 0 does not count after a START_MONITOR that failed;
				 flags 1: when launch a has ended, as it ended; 3: and what the payload names is removed before,
				 which is a list of u8 REMAINS_*, path, NUL: REMOVED says how that went */
	W_HANDS = 69,	      /* a HANDS_*, b descriptors to preserve; payload: directory for fifos,
				 NUL-ended: from here on SPAWN, GATE, KILL and FORGET are understood, and NOTE,
				 LAUNCHED and EXIT sent, as by a monitor */
	W_END_WITH = 70,      /* a launch: end when it has ended, as it ended, if it came to its program; END follows for else */
};

enum {
	SPAWN_LOGGER = 1, /* the plan gets the logger's ends of the io */
	SPAWN_SELF = 2,	  /* the player of the plan becomes the process (hooks, loggers) */
	SPAWN_AHEAD = 8,  /* payload: tag, NUL, u32 flags for unshare(2): the player makes these namespaces while caissond makes
			     the plan, which follows as PLAN */
	SPAWN_FIFOS = 4,  /* command only: "notes" and "gate" are fifos in the directory of HANDS; they outlive this program */
};

/* What a pledged answer waits for. At its places are varints of five bytes, for numbers that are known only then. */
enum {
	PLEDGE_LAUNCHED = 1, /* the program runs: its pid */
	PLEDGE_EXITED = 2,   /* the process was reaped: exit status (128 + signal), seconds and nanoseconds of the time */
};

enum {
	HANDS_FOREGROUND = 1, /* the process of launch 1 is this program's: signals go to it, it is reaped */
	HANDS_TERMINAL = 2,   /* and its terminal is copied to and from this program's streams */
};
/* What COMMAND says of launch 1 when an earlier daemon was lost. */
enum { RESUME_RUNS = 1, RESUME_ENDED = 2 }; /* ENDED: | wait status << 8; a is the command's pid, always */
/* What is removed behind the end of launch 1, in the order of the list: nothing of it may be missing, or another's. */
enum {
	REMAINS_DIRECTORY = 1, /* empty; a group without processes is */
	REMAINS_FILE = 2,
	REMAINS_SHARED = 3, /* a directory, which stays if it is not empty */
};
#define HANDS_IO 1u   /* this program's own streams */
#define HANDS_MAIN 1u /* the launch that the command is about */

/* One message of a running plan, written atomically to its note pipe. */
struct note {
	uint32_t kind; /* NOTE_* */
	uint32_t code; /* NOTE_SAID: the planner's code; NOTE_FAILED: index of the step, or NO_* */
	int64_t value; /* NOTE_SAID: a value; NOTE_FAILED: -errno */
};
enum { NOTE_SAID = 1, NOTE_FAILED = 2 };
#define NO_PLAN (~0u)	     /* it was impossible, or there was no process to play it */
#define NO_NAMESPACES (~1u) /* those of a SPAWN_AHEAD could not be made */
/* Codes that the monitor itself understands; the others are between planner and caissond. */
enum { SAID_PID = 1, SAID_CONSOLE = 2, SAID_PLAYERS_CONSOLE = 3 };

struct proc_snapshot {
	uint32_t flags; /* PROC_* */
	uint32_t status;
	uint64_t time_ns;
	uint16_t tag_len;
	uint16_t notes;
	uint32_t io;
};
enum { PROC_GATE_USED = 1, PROC_LAUNCHED = 2, PROC_EXITED = 4, PROC_LOST = 8 };

/* How IO_OPEN opens one of a process's three standard descriptors. */
enum io_kind {
	IO_NULL = 0,
	IO_PATH = 1,   /* fifo, or a file to append to */
	IO_CREATE = 2, /* a file to create and append to */
	IO_SAME = 3,   /* stderr: the descriptor of stdout */
	IO_PIPE = 4,   /* to a logger program */
	IO_TTY = 5,    /* stderr of a terminal: there is none */
};

#endif
