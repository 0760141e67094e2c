package dev.caisson.linux.bpf;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What {@link SeccompCompiler} compiles: the content of a container's seccomp section without its JSON spellings.
 *
 * @param defaultAction what happens to a call that no rule covers
 * @param defaultErrno data of the default action where it takes any; null = EPERM
 * @param abis ABIs that the rules are for; {@link SyscallAbi#X86_64} is always included
 * @param flags {@code SECCOMP_FILTER_FLAG_*} bits that are asked for
 * @param rules rules, in order
 */
public record SeccompProfile(
        SeccompAction defaultAction,
        @Nullable Integer defaultErrno,
        Set<SyscallAbi> abis,
        int flags,
        List<Rule> rules) {
    /** SECCOMP_FILTER_FLAG_TSYNC. */
    public static final int FLAG_TSYNC = 1;
    /** SECCOMP_FILTER_FLAG_LOG. */
    public static final int FLAG_LOG = 1 << 1;
    /** SECCOMP_FILTER_FLAG_SPEC_ALLOW. */
    public static final int FLAG_SPEC_ALLOW = 1 << 2;
    /** SECCOMP_FILTER_FLAG_NEW_LISTENER. */
    public static final int FLAG_NEW_LISTENER = 1 << 3;
    /** SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV. */
    public static final int FLAG_WAIT_KILLABLE_RECV = 1 << 5;

    public SeccompProfile {
        EnumSet<SyscallAbi> all = EnumSet.of(SyscallAbi.X86_64);
        all.addAll(abis);
        abis = Set.copyOf(all);
        rules = List.copyOf(rules);
    }

    /**
     * What happens to some calls.
     *
     * @param names system call names
     * @param action what happens
     * @param errno data of the action where it takes any; null = EPERM
     * @param conditions what has to hold; none = always. All must hold, except that conditions of which two speak of the same argument are
     *     alternatives, as in runc
     */
    public record Rule(
            List<String> names,
            SeccompAction action,
            @Nullable Integer errno,
            List<Condition> conditions) {
        public Rule {
            names = List.copyOf(names);
            conditions = List.copyOf(conditions);
        }
    }

    /** Comparisons of an argument, unsigned. */
    public enum Comparison {
        /** argument != value. */
        NE,
        /** argument &lt; value. */
        LT,
        /** argument &lt;= value. */
        LE,
        /** argument == value. */
        EQ,
        /** argument &gt;= value. */
        GE,
        /** argument &gt; value. */
        GT,
        /** (argument &amp; value) == (datum &amp; value). */
        MASKED_EQ
    }

    /**
     * A condition on an argument.
     *
     * @param index which argument, 0 to 5
     * @param comparison how it is compared
     * @param value operand, or mask of {@link Comparison#MASKED_EQ}; unsigned 64-bit pattern
     * @param datum expected bits of {@link Comparison#MASKED_EQ}; bits outside the mask do not count, as in libseccomp
     */
    public record Condition(int index, Comparison comparison, long value, long datum) {
        public Condition {
            if (index < 0 || index > 5) {
                throw new IllegalArgumentException("system call argument " + index);
            }
        }
    }
}
