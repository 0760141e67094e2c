package dev.caisson.linux.bpf;

import dev.caisson.linux.bpf.SeccompProfile.Condition;
import dev.caisson.linux.bpf.SeccompProfile.Rule;
import dev.caisson.linux.bpf.SeccompRules.Alternative;
import dev.caisson.linux.bpf.SeccompRules.Outcome;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Compiles a seccomp profile to the filter that runc and libseccomp would install in meaning, though not in bytes.
 *
 * <p>Layout: dispatch on the architecture, on x86-64 also on the x32 bit; then numbers above the largest one that the profile names; then a
 * binary search over ranges of numbers with the same outcome; then the conditions.
 *
 * <p>Decisions that a reader of a profile cannot see in it:
 *
 * <ul>
 *   <li>A call of an ABI that the profile does not list kills the process. (libseccomp kills the thread, which leaves the others running
 *       in a state that their program never expected.)
 *   <li>A number above the largest one named for the ABI gets ENOSYS, unless the default action permits or is ENOSYS itself, so that
 *       programs fall back from calls that are newer than the profile (as in runc since 1.0.0-rc93).
 *   <li>Number -1, by which a tracer skips a call, has the default outcome.
 *   <li>Precedence of rules: see {@link SeccompRules}. Arguments of i386 calls are compared by their low 32 bits, as in libseccomp.
 * </ul>
 */
public final class SeccompCompiler {
    private static final int EPERM = 1;
    private static final int ENOSYS = 38;
    private static final int MAX_ERRNO = 4095;

    private final BpfAssembler asm = new BpfAssembler();
    private final int defaultValue;
    private final boolean unknownIsEnosys;

    private SeccompCompiler(int defaultValue) {
        this.defaultValue = defaultValue;
        this.unknownIsEnosys =
                !SeccompAction.of(defaultValue).permits() && defaultValue != SeccompAction.ERRNO.value(ENOSYS);
    }

    /**
     * A filter for a process of this project's own, as a word of its command line: what no rule allows fails with EPERM.
     *
     * @return the program in base 64
     */
    public static String ownFilter(List<SeccompProfile.Rule> rules) {
        try {
            return Base64.getEncoder()
                    .encodeToString(
                            compile(new SeccompProfile(SeccompAction.ERRNO, null, Set.of(SyscallAbi.X86_64), 0, rules))
                                    .program()
                                    .toBytes());
        } catch (InvalidProfileException e) {
            throw new AssertionError("our own filter", e);
        }
    }

    /**
     * Compiles a profile.
     *
     * @throws InvalidProfileException notification where it cannot work, data out of range, or a program longer than the kernel takes
     */
    public static SeccompFilter compile(SeccompProfile profile) throws InvalidProfileException {
        check(profile);
        int defaultValue = value(profile.defaultAction(), profile.defaultErrno());
        BpfProgram program;
        try {
            program = new SeccompCompiler(defaultValue).program(profile);
        } catch (ProgramTooLongException e) {
            throw new InvalidProfileException(
                    "seccomp profile needs more than " + BpfProgram.MAX_INSNS + " instructions");
        }
        boolean listener = false;
        Set<String> unknown = new LinkedHashSet<>();
        for (Rule rule : profile.rules()) {
            listener |= rule.action() == SeccompAction.NOTIFY;
            for (String name : rule.names()) {
                if (!SyscallTable.isKnown(name)) {
                    unknown.add(name);
                }
            }
        }
        return new SeccompFilter(program, flags(profile.flags(), listener), listener, List.copyOf(unknown));
    }

    /** A filter's return value for an action with optional data. */
    static int value(SeccompAction action, @Nullable Integer data) {
        return action.takesData() ? action.value(data == null ? EPERM : data) : action.value();
    }

    private static int flags(int wanted, boolean listener) {
        // The filter is loaded by a single thread just before execve(2), and TSYNC excludes a listener before Linux
        // 5.7.
        int flags = wanted & ~SeccompProfile.FLAG_TSYNC;
        if (listener) {
            return flags | SeccompProfile.FLAG_NEW_LISTENER;
        }
        // EINVAL without a listener.
        return flags & ~(SeccompProfile.FLAG_WAIT_KILLABLE_RECV | SeccompProfile.FLAG_NEW_LISTENER);
    }

    private static void check(SeccompProfile profile) throws InvalidProfileException {
        if (profile.defaultAction() == SeccompAction.NOTIFY) {
            throw new InvalidProfileException("notify cannot be the default action");
        }
        checkData(profile.defaultAction(), profile.defaultErrno());
        for (Rule rule : profile.rules()) {
            checkData(rule.action(), rule.errno());
            if (rule.action() == SeccompAction.NOTIFY && rule.names().contains("write")) {
                throw new InvalidProfileException("notify cannot be used for write");
            }
        }
    }

    private static void checkData(SeccompAction action, @Nullable Integer data) throws InvalidProfileException {
        int max = action == SeccompAction.TRACE ? 0xffff : MAX_ERRNO;
        if (data != null && (data < 0 || data > max)) {
            throw new InvalidProfileException(data + " is not an errno");
        }
    }

    private BpfProgram program(SeccompProfile profile) {
        BpfAssembler.Label other = asm.label();
        BpfAssembler.Label i386 = asm.label();
        BpfAssembler.Label x32 = asm.label();
        boolean hasI386 = profile.abis().contains(SyscallAbi.I386);
        boolean hasX32 = profile.abis().contains(SyscallAbi.X32);
        asm.load(SeccompData.ARCH);
        asm.branch(BpfCode.JEQ_K, SeccompData.AUDIT_ARCH_X86_64, null, hasI386 ? i386 : other);
        asm.load(SeccompData.NR);
        BpfAssembler.Label native64 = asm.label();
        asm.branch(BpfCode.JGE_K, SeccompData.X32_BIT, null, native64);
        BpfAssembler.Label minusOne = asm.label();
        asm.branch(BpfCode.JEQ_K, -1, minusOne, hasX32 ? x32 : other);
        asm.bind(minusOne).ret(defaultValue);
        asm.bind(native64);
        abi(profile, SyscallAbi.X86_64);
        if (hasX32) {
            asm.bind(x32).add(BpfCode.AND_K, ~SeccompData.X32_BIT);
            abi(profile, SyscallAbi.X32);
        }
        if (hasI386) {
            asm.bind(i386).branch(BpfCode.JEQ_K, SeccompData.AUDIT_ARCH_I386, null, other);
            asm.load(SeccompData.NR);
            abi(profile, SyscallAbi.I386);
        }
        asm.bind(other).ret(SeccompAction.KILL_PROCESS.value());
        return asm.assemble();
    }

    /** A run of numbers with the same outcome, up to the start of the next. */
    private record Range(int start, Outcome outcome) {}

    /** Emits everything for one ABI; A holds the number. */
    private void abi(SeccompProfile profile, SyscallAbi abi) {
        SeccompRules rules = new SeccompRules(profile, abi, defaultValue);
        List<Range> ranges = ranges(rules);
        // One copy of each chain of conditions, however many calls share it.
        Map<Outcome, BpfAssembler.Label> chains = new HashMap<>();
        search(ranges, 0, ranges.size(), chains);
        List<Map.Entry<Outcome, BpfAssembler.Label>> ordered = new ArrayList<>();
        for (Range range : ranges) {
            BpfAssembler.Label label = chains.remove(range.outcome);
            if (label != null) {
                ordered.add(Map.entry(range.outcome, label));
            }
        }
        for (Map.Entry<Outcome, BpfAssembler.Label> chain : ordered) {
            asm.bind(chain.getValue());
            chain(chain.getKey(), abi);
        }
    }

    private List<Range> ranges(SeccompRules rules) {
        Outcome byDefault = new Outcome(List.of(), defaultValue);
        List<Range> ranges = new ArrayList<>();
        ranges.add(new Range(0, byDefault));
        int next = 0;
        for (Map.Entry<Integer, Outcome> e : rules.outcomes().entrySet()) {
            if (e.getKey() != next) {
                append(ranges, new Range(next, byDefault));
            }
            append(ranges, new Range(e.getKey(), e.getValue()));
            next = e.getKey() + 1;
        }
        append(ranges, new Range(next, byDefault));
        if (unknownIsEnosys && rules.largestNamed() >= 0) {
            Range beyond =
                    new Range(rules.largestNamed() + 1, new Outcome(List.of(), SeccompAction.ERRNO.value(ENOSYS)));
            append(ranges, beyond);
            // i386 -1 is a tracer's "skip", not a new call.
            append(ranges, new Range(-1, byDefault));
        }
        return ranges;
    }

    /** Adds a range, which starts at or after the start of the last one, and merges neighbours with the same outcome. */
    private static void append(List<Range> ranges, Range range) {
        Range last = ranges.getLast();
        if (last.start == range.start) {
            ranges.removeLast();
        }
        if (ranges.isEmpty() || !ranges.getLast().outcome.equals(range.outcome)) {
            ranges.add(range);
        }
    }

    private void search(List<Range> ranges, int from, int to, Map<Outcome, BpfAssembler.Label> chains) {
        if (to - from == 1) {
            Outcome outcome = ranges.get(from).outcome;
            if (outcome.isConstant()) {
                asm.ret(outcome.otherwise());
            } else {
                asm.jump(chains.computeIfAbsent(outcome, _ -> asm.label()));
            }
            return;
        }
        int middle = (from + to) >>> 1;
        BpfAssembler.Label upper = asm.label();
        asm.branch(BpfCode.JGE_K, ranges.get(middle).start, upper, null);
        search(ranges, from, middle, chains);
        asm.bind(upper);
        search(ranges, middle, to, chains);
    }

    private void chain(Outcome outcome, SyscallAbi abi) {
        for (Alternative alternative : outcome.alternatives()) {
            BpfAssembler.Label fails = asm.label();
            for (Condition condition : alternative.conditions()) {
                condition(condition, abi, fails);
            }
            asm.ret(alternative.value());
            asm.bind(fails);
        }
        asm.ret(outcome.otherwise());
    }

    /** Falls through when the condition holds. */
    private void condition(Condition c, SyscallAbi abi, BpfAssembler.Label fails) {
        switch (c.comparison()) {
            case EQ -> equal(c.index(), c.value(), -1L, abi, null, fails);
            case MASKED_EQ -> equal(c.index(), c.datum() & c.value(), c.value(), abi, null, fails);
            case NE -> {
                BpfAssembler.Label differs = asm.label();
                equal(c.index(), c.value(), -1L, abi, fails, differs);
                asm.bind(differs);
            }
            case GT -> order(BpfCode.JGT_K, c, abi, true, fails);
            case GE -> order(BpfCode.JGE_K, c, abi, true, fails);
            case LT -> order(BpfCode.JGE_K, c, abi, false, fails);
            case LE -> order(BpfCode.JGT_K, c, abi, false, fails);
        }
    }

    private void equal(
            int index,
            long value,
            long mask,
            SyscallAbi abi,
            BpfAssembler.@Nullable Label same,
            BpfAssembler.Label differs) {
        if (!abi.hasWordArguments()) {
            asm.load(SeccompData.argHigh(index));
            masked((int) (mask >>> 32));
            asm.branch(BpfCode.JEQ_K, (int) (value >>> 32), null, differs);
        }
        asm.load(SeccompData.argLow(index));
        masked((int) mask);
        asm.branch(BpfCode.JEQ_K, (int) value, same, differs);
    }

    private void masked(int mask) {
        if (mask != -1) {
            asm.add(BpfCode.AND_K, mask);
        }
    }

    /** Falls through when "argument OP value" is as wanted; {@code low} is OP for the low halves, and the high halves use "greater". */
    private void order(int low, Condition c, SyscallAbi abi, boolean wanted, BpfAssembler.Label fails) {
        BpfAssembler.Label holds = asm.label();
        BpfAssembler.Label ifGreater = wanted ? holds : fails;
        BpfAssembler.Label ifNot = wanted ? fails : holds;
        if (!abi.hasWordArguments()) {
            int high = (int) (c.value() >>> 32);
            asm.load(SeccompData.argHigh(c.index()));
            asm.branch(BpfCode.JGT_K, high, ifGreater, null);
            asm.branch(BpfCode.JEQ_K, high, null, ifNot);
        }
        asm.load(SeccompData.argLow(c.index()));
        asm.branch(low, (int) c.value(), ifGreater, ifNot);
        asm.bind(holds);
    }
}
