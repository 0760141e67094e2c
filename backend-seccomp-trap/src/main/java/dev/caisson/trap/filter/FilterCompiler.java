package dev.caisson.trap.filter;

import dev.caisson.linux.Errno;
import dev.caisson.linux.bpf.BpfAssembler;
import dev.caisson.linux.bpf.BpfCode;
import dev.caisson.linux.bpf.BpfProgram;
import dev.caisson.linux.bpf.SeccompAction;
import dev.caisson.linux.bpf.SeccompData;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Compiles a tier of the table to a seccomp filter: a binary search over runs of numbers with the same verdict, and a chain of comparisons for each
 * call with a rule. The kernel finds out by itself which numbers do not look at arguments, and does not run the filter for those that are
 * native (Linux 5.11).
 */
public final class FilterCompiler {
    /** Numbers from {@code start} on, up to the next run, end the same way. */
    private record Run(
            int start,
            int value,
            @org.jspecify.annotations.Nullable SystemCall ruled) {}

    /** Calls by which processes look into each other, which debuggers need. */
    private static final String DEBUG = "debug";

    private final BpfAssembler asm = new BpfAssembler();
    private final boolean debugs;

    private FilterCompiler(boolean debugs) {
        this.debugs = debugs;
    }

    /** The filter of a tier. */
    public static BpfProgram compile(Tier tier) {
        return compile(tier, false);
    }

    /** @param debugs whether the calls of the group debug are native, besides: they reach no further than the container's own processes */
    public static BpfProgram compile(Tier tier, boolean debugs) {
        return new FilterCompiler(debugs).program(tier);
    }

    private BpfProgram program(Tier tier) {
        BpfAssembler.Label known = asm.label();
        asm.load(SeccompData.ARCH);
        asm.branch(BpfCode.JEQ_K, SeccompData.AUDIT_ARCH_X86_64, known, null);
        asm.ret(SeccompAction.KILL_PROCESS.value());
        asm.bind(known).load(SeccompData.NR);
        List<Run> runs = runs(tier);
        Map<Run, BpfAssembler.Label> chains = new LinkedHashMap<>();
        search(runs, 0, runs.size(), chains);
        chains.forEach((run, label) -> {
            asm.bind(label);
            chain(java.util.Objects.requireNonNull(run.ruled));
        });
        return asm.assemble();
    }

    private List<Run> runs(Tier tier) {
        int unknown = SeccompAction.ERRNO.value(Errno.ENOSYS.number());
        List<Run> runs = new ArrayList<>();
        int next = 0;
        for (SystemCall call : CallTable.calls()) {
            if (call.number() != next) {
                append(runs, new Run(next, unknown, null));
            }
            Verdict verdict = debugs && call.group().equals(DEBUG) ? Verdict.parse("native") : call.verdict(tier);
            boolean ruled = call.rule() != null && verdict.isNative();
            append(runs, new Run(call.number(), verdict.value(), ruled ? call : null));
            next = call.number() + 1;
        }
        append(runs, new Run(next, unknown, null));
        return runs;
    }

    private static void append(List<Run> runs, Run run) {
        Run last = runs.isEmpty() ? null : runs.getLast();
        if (last == null || last.ruled != null || run.ruled != null || last.value != run.value) {
            runs.add(run);
        }
    }

    private void search(List<Run> runs, int from, int to, Map<Run, BpfAssembler.Label> chains) {
        if (to - from == 1) {
            Run run = runs.get(from);
            if (run.ruled == null) {
                asm.ret(run.value);
            } else {
                asm.jump(chains.computeIfAbsent(run, _ -> asm.label()));
            }
            return;
        }
        int middle = (from + to) >>> 1;
        BpfAssembler.Label upper = asm.label();
        asm.branch(BpfCode.JGE_K, runs.get(middle).start, upper, null);
        search(runs, from, middle, chains);
        asm.bind(upper);
        search(runs, middle, to, chains);
    }

    private void chain(SystemCall call) {
        for (List<ArgRule.Condition> all :
                java.util.Objects.requireNonNull(call.rule()).alternatives()) {
            BpfAssembler.Label fails = asm.label();
            for (ArgRule.Condition condition : all) {
                condition(condition, fails);
            }
            asm.ret(SeccompAction.ALLOW.value());
            asm.bind(fails);
        }
        asm.ret(call.otherwise().value());
    }

    /** Falls through when it holds. */
    private void condition(ArgRule.Condition condition, BpfAssembler.Label fails) {
        BpfAssembler.Label holds = asm.label();
        if (condition.wide()) {
            // All values of the table fit into the low half.
            for (long value : condition.values()) {
                if (value >>> 32 != 0) {
                    throw new IllegalStateException("a value of more than 32 bits: " + value);
                }
            }
            asm.load(SeccompData.argHigh(condition.index()));
            masked((int) (condition.mask() >>> 32));
            asm.branch(BpfCode.JEQ_K, 0, null, fails);
        }
        asm.load(SeccompData.argLow(condition.index()));
        masked((int) condition.mask());
        for (long value : condition.values()) {
            asm.branch(BpfCode.JEQ_K, (int) value, holds, null);
        }
        asm.jump(fails);
        asm.bind(holds);
    }

    private void masked(int mask) {
        if (mask != -1) {
            asm.add(BpfCode.AND_K, mask);
        }
    }
}
