/* Random launch plans for plan_check and plan_play: plan-fuzz SEED SECONDS. Built with sanitizers only.
 *
 * Three in four plans are random in every field, the others are well-formed but for one changed byte. A
 * plan that the check lets through is played, except for its system calls, which would be real ones: they
 * become notes first. The plan's bytes lie in a block of exactly their size, so that any access outside is
 * reported. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../src/plan.h"

static uint64_t state;

static uint64_t next(void) /* splitmix64 */
{
	uint64_t z = state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t below(uint64_t n)
{
	return next() % n;
}

/* Near the limit n, where mistakes are. */
static uint64_t around(uint64_t n)
{
	switch (below(6)) {
	case 0:
		return n;
	case 1:
		return n + 1;
	case 2:
		return next();
	case 3:
		return n ? n - 1 : 0;
	default:
		return below(n + 1);
	}
}

static struct plan_op random_op(const struct plan_header *h, int tame)
{
	struct plan_op op = { 0 };

	op.code = (uint8_t)below(tame ? 8 : 10);
	op.flags = (uint8_t)below(tame ? 3 : 6);
	op.dst = (uint16_t)(below(4) == 0 || !h->slots ? PLAN_NO_SLOT : tame ? below(h->slots) : around(h->slots));
	op.nr = (uint16_t)next();
	for (int i = 0; i < 6; i++) {
		uint32_t kind = (uint32_t)below(4), all = h->data_len + h->room;
		if ((kind == ARG_SLOT && h->slots == 0) || (kind == ARG_WIDE && h->data_len < 8))
			kind = ARG_CONST;
		op.kinds |= (uint16_t)(kind << (2 * i));
		op.arg[i] = (uint32_t)(!tame		    ? around(below(2) ? all : h->data_len)
				       : kind == ARG_SLOT ? below(h->slots)
				       : kind == ARG_WIDE ? below(h->data_len - 7)
							  : below(all + 1));
	}
	if (op.code == PLAN_JUMP) {
		/* Its target is a constant, mostly. */
		if (below(8))
			op.kinds = (uint16_t)(op.kinds & ~(3u << 4));
		op.arg[2] = (uint32_t)(tame ? below(h->ops + 1) : around(h->ops));
	}
	if (op.code == PLAN_STORE || op.code == PLAN_LOAD || op.code == PLAN_DECIMAL) {
		/* The place is one, mostly, and the width a constant. */
		if (below(8))
			op.kinds = (uint16_t)((op.kinds & ~(15u << 2)) | ARG_DATA << 2);
		op.arg[2] = (uint32_t)(tame ? 1 + below(8) : around(8));
	}
	return op;
}

static void one(int null)
{
	int tame = below(4) == 0;
	struct plan_header h = { PLAN_MAGIC, PLAN_VERSION, (uint16_t)below(20), (uint32_t)below(12),
				 (uint32_t)below(80), (uint32_t)(below(16) ? below(80) : around(PLAN_ROOM)), 0 };
	size_t len = sizeof h + h.ops * sizeof(struct plan_op) + h.data_len;
	uint8_t *plan = calloc(1, len), *exact;

	for (uint32_t i = 0; i < h.ops; i++) {
		struct plan_op op = random_op(&h, tame);
		memcpy(plan + sizeof h + i * sizeof op, &op, sizeof op);
	}
	memcpy(plan, &h, sizeof h);
	if (below(4) == 0)
		plan[below(len)] = (uint8_t)next();
	if (below(8) == 0)
		len -= below(len);
	exact = malloc(len ? len : 1);
	memcpy(exact, plan, len);
	if (plan_check(exact, len) == 0) {
		memcpy(&h, exact, sizeof h);
		for (uint32_t i = 0; i < h.ops; i++) {
			struct plan_op op;
			uint8_t *at = exact + sizeof h + i * sizeof op;
			memcpy(&op, at, sizeof op);
			if (op.code == PLAN_CALL)
				op.code = PLAN_NOTE;
			if (op.code == PLAN_JUMP && op.arg[2] <= i)
				op.arg[2] = i + 1; /* or it might never end */
			memcpy(at, &op, sizeof op);
		}
		plan_play(exact, null);
	}
	free(exact);
	free(plan);
}

int main(int argc, char **argv)
{
	int null = open("/dev/null", O_WRONLY);
	unsigned long plans = 0;
	time_t end;

	if (argc != 3 || null < 0)
		return 64;
	state = strtoull(argv[1], NULL, 0);
	end = time(NULL) + atoi(argv[2]);
	do {
		for (int i = 0; i < 1000; i++, plans++)
			one(null);
	} while (time(NULL) < end);
	printf("%lu plans\n", plans);
	return 0;
}
