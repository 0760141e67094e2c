#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wire.h"

static int is_range(uint64_t off, uint64_t len, uint64_t total)
{
	return off <= total && len <= total - off;
}

static int arg_kind(const struct plan_op *op, int i)
{
	return (op->kinds >> (2 * i)) & 3;
}

/* Whether argument i points to that many bytes which may be written to. */
static int is_place(const struct plan_op *op, int i, uint64_t len, const struct plan_header *h)
{
	return arg_kind(op, i) == ARG_DATA && is_range(op->arg[i], len, (uint64_t)h->data_len + h->room);
}

static int check_op(const struct plan_op *op, const struct plan_header *h)
{
	if (op->code > PLAN_FAIL || (op->dst != PLAN_NO_SLOT && op->dst >= h->slots))
		return -EINVAL;
	for (int i = 0; i < 6; i++) {
		int kind = arg_kind(op, i);
		if ((kind == ARG_SLOT && op->arg[i] >= h->slots) ||
		    (kind == ARG_DATA && op->arg[i] > h->data_len + h->room) ||
		    (kind == ARG_WIDE && !is_range(op->arg[i], 8, h->data_len)))
			return -EINVAL;
	}
	switch (op->code) {
	case PLAN_JUMP:
		return arg_kind(op, 2) == ARG_CONST && op->arg[2] <= h->ops && op->flags <= JUMP_LT ? 0 : -EINVAL;
	case PLAN_STORE:
	case PLAN_LOAD:
		return arg_kind(op, 2) == ARG_CONST && op->arg[2] >= 1 && op->arg[2] <= 8 &&
				       is_place(op, 1, op->arg[2], h)
			       ? 0
			       : -EINVAL;
	case PLAN_DECIMAL:
		return is_place(op, 1, 21, h) ? 0 : -EINVAL;
	case PLAN_MATH:
		return op->flags <= MATH_OR ? 0 : -EINVAL;
	default:
		return 0;
	}
}

int plan_check(const uint8_t *bytes, size_t len)
{
	struct plan_header h;

	if (len < sizeof h)
		return -EINVAL;
	memcpy(&h, bytes, sizeof h);
	if (h.magic != PLAN_MAGIC || h.version != PLAN_VERSION || h.slots > PLAN_SLOTS ||
	    h.ops > (WIRE_MAX / sizeof(struct plan_op)) || h.data_len > WIRE_MAX || h.room > PLAN_ROOM ||
	    len != sizeof h + (uint64_t)h.ops * sizeof(struct plan_op) + h.data_len)
		return -EINVAL;
	for (uint32_t i = 0; i < h.ops; i++) {
		struct plan_op op;
		memcpy(&op, bytes + sizeof h + i * sizeof op, sizeof op);
		if (check_op(&op, &h) != 0)
			return -EINVAL;
	}
	return 0;
}

static void say(int fd, uint32_t kind, uint32_t code, int64_t value)
{
	struct note n = { kind, code, value };
	/* If nobody listens any more, there is nobody to tell that to. */
	if (write(fd, &n, sizeof n) < 0)
		return;
}

static long raw_call(long nr, const uint64_t *a)
{
	long r;
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];

	/* Not syscall(3): after clone3 with CLONE_VM the two sides must not share an errno. */
	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return r;
}

static int decimal(char *to, int64_t value)
{
	char digits[21];
	int n = 0, len = 0;
	uint64_t v = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

	do
		digits[n++] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	if (value < 0)
		to[len++] = '-';
	while (n > 0)
		to[len++] = digits[--n];
	if (len < 21)
		to[len] = '\0';
	return len;
}

static int64_t math(uint8_t how, int64_t a, int64_t b)
{
	switch (how) {
	case MATH_AND:
		return a & b;
	case MATH_OR:
		return a | b;
	default:
		return (int64_t)((uint64_t)a + (uint64_t)b);
	}
}

static int jumps(uint8_t how, int64_t a, int64_t b)
{
	switch (how) {
	case JUMP_EQ:
		return a == b;
	case JUMP_NE:
		return a != b;
	case JUMP_LT:
		return a < b;
	default:
		return 1;
	}
}

static uint64_t value_of(const struct plan_op *op, int i, const int64_t *slot, uint8_t *data)
{
	uint64_t wide;

	switch (arg_kind(op, i)) {
	case ARG_SLOT:
		return (uint64_t)slot[op->arg[i]];
	case ARG_DATA:
		return (uint64_t)(uintptr_t)(data + op->arg[i]);
	case ARG_WIDE:
		memcpy(&wide, data + op->arg[i], sizeof wide);
		return wide;
	default:
		return (uint64_t)(int64_t)(int32_t)op->arg[i];
	}
}

static int play(const struct plan_header *h, const uint8_t *ops, uint8_t *data, int note_fd)
{
	struct plan_op op;
	int64_t slot[PLAN_SLOTS];
	uint32_t pc = 0;

	memset(slot, 0, h->slots * sizeof slot[0]);
	while (pc < h->ops) {
		uint64_t a[6];
		int64_t r = 0;

		memcpy(&op, ops + (size_t)pc * sizeof op, sizeof op);
		for (int i = 0; i < 6; i++)
			a[i] = value_of(&op, i, slot, data);
		pc++;
		switch (op.code) {
		case PLAN_CALL:
			do
				r = raw_call(op.nr, a);
			while (r == -EINTR && op.nr != SYS_close); /* close has closed even then */
			if (r < 0 && r >= -4095 && !(op.flags & CALL_SOFT)) {
				say(note_fd, NOTE_FAILED, pc - 1, r);
				return 127;
			}
			break;
		case PLAN_JUMP:
			if (jumps(op.flags, (int64_t)a[0], (int64_t)a[1]))
				pc = op.arg[2];
			continue;
		case PLAN_STORE:
			memcpy(data + op.arg[1], &a[0], op.arg[2]);
			continue;
		case PLAN_LOAD:
			memcpy(&r, data + op.arg[1], op.arg[2]);
			if (op.arg[2] == 4)
				r = (int32_t)r;
			break;
		case PLAN_DECIMAL:
			r = decimal((char *)data + op.arg[1], (int64_t)a[0]);
			break;
		case PLAN_NOTE:
			say(note_fd, NOTE_SAID, (uint32_t)a[0], (int64_t)a[1]);
			continue;
		case PLAN_MATH:
			r = math(op.flags, (int64_t)a[0], (int64_t)a[1]);
			break;
		case PLAN_FAIL:
			say(note_fd, NOTE_FAILED, pc - 1, (int64_t)a[0]);
			return 127;
		}
		if (op.dst != PLAN_NO_SLOT)
			slot[op.dst] = r;
	}
	return 0;
}

int plan_play(const uint8_t *bytes, int note_fd)
{
	const uint8_t *ops = bytes + sizeof(struct plan_header);
	struct plan_header h;
	uint8_t *data;
	int code;

	memcpy(&h, bytes, sizeof h);
	data = calloc(1, (size_t)h.data_len + h.room + 1);
	if (!data) {
		say(note_fd, NOTE_FAILED, NO_PLAN, -ENOMEM);
		return 127;
	}
	memcpy(data, ops + (size_t)h.ops * sizeof(struct plan_op), h.data_len);
	code = play(&h, ops, data, note_fd);
	free(data);
	return code;
}
