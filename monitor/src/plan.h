/* Launch plans: lists of system calls computed by caissond, played here without a decision.
 *
 *   header ops... data...
 *
 * A plan is position-independent: pointers are offsets into its data, behind which there is room, until they are used. */
#ifndef CAISSON_PLAN_H
#define CAISSON_PLAN_H

#include <stddef.h>
#include <stdint.h>

#define PLAN_MAGIC 0x4e4c5043u /* "CPLN" */
#define PLAN_VERSION 2
#define PLAN_SLOTS 4096
#define PLAN_ROOM (16u << 20)

struct plan_header {
	uint32_t magic;
	uint16_t version;
	uint16_t slots;
	uint32_t ops;
	uint32_t data_len;
	uint32_t room; /* zeros behind the data, which are not sent */
	uint32_t reserved;
};

struct plan_op {
	uint8_t code;  /* PLAN_* */
	uint8_t flags; /* PLAN_CALL: CALL_*; PLAN_JUMP: JUMP_*; PLAN_MATH: MATH_* */
	uint16_t dst;  /* slot of the result, PLAN_NO_SLOT for none */
	uint16_t nr;   /* PLAN_CALL: number */
	uint16_t kinds; /* 2 bits per argument: ARG_*; in the highest 4 how many there are, for who prints them */
	uint32_t arg[6]; /* PLAN_JUMP: arg[2], a constant, is the index of the op to go to */
};

enum { PLAN_CALL = 0, PLAN_JUMP, PLAN_STORE, PLAN_LOAD, PLAN_DECIMAL, PLAN_NOTE, PLAN_MATH, PLAN_FAIL };
enum { CALL_SOFT = 1 };			     /* a failure is a result like any other */
enum { JUMP_ALWAYS, JUMP_EQ, JUMP_NE, JUMP_LT }; /* signed, arg 0 against arg 1 */
enum { MATH_ADD, MATH_AND, MATH_OR };
enum { ARG_CONST = 0, ARG_DATA, ARG_SLOT, ARG_WIDE }; /* CONST: signed; WIDE: 8 bytes of the data */
#define PLAN_NO_SLOT 0xffff

/* The descriptors that a plan finds open, all close-on-exec; PRESERVED and above: those that a caller wants in
 * the process, which the plan moves to 3 and above; everything else is closed. */
enum {
	PLAN_FD_NOTE = 3,
	PLAN_FD_GATE = 4,
	PLAN_FD_STDIN = 5,
	PLAN_FD_STDOUT = 6,
	PLAN_FD_STDERR = 7,
	PLAN_FD_PRESERVED = 8
};

/* Checks every index, slot and offset of the bytes; returns 0 or -EINVAL. */
int plan_check(const uint8_t *bytes, size_t len);

/* Plays a checked plan in this process, with its data copied to where there is room behind them. Returns the exit code for
 * it when the plan ends (0) or a step fails (127, after a NOTE_FAILED). */
int plan_play(const uint8_t *bytes, int note_fd);

#endif
