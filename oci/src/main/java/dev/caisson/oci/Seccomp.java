package dev.caisson.oci;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * System call filter of a container (runtime-spec {@code linux.seccomp}).
 *
 * @param defaultAction what happens to a call that no rule names
 * @param defaultErrnoRet errno of the default action; null = EPERM
 * @param architectures ABIs that the rules apply to besides the native one
 * @param flags seccomp(2) filter flags; null (absent) and empty differ: absent lets the runtime choose
 * @param listenerPath unix socket that receives the notification descriptor
 * @param listenerMetadata opaque text for the listener
 * @param syscalls rules
 */
public record Seccomp(
        SeccompAction defaultAction,
        @Nullable Integer defaultErrnoRet,
        List<SeccompArch> architectures,
        @Nullable List<SeccompFlag> flags,
        @Nullable String listenerPath,
        @Nullable String listenerMetadata,
        List<Rule> syscalls) {
    public Seccomp {
        architectures = List.copyOf(architectures);
        flags = flags == null ? null : List.copyOf(flags);
        syscalls = List.copyOf(syscalls);
    }

    /**
     * What happens to some system calls.
     *
     * @param names system call names; those unknown to the runtime are passed over
     * @param action what happens
     * @param errnoRet errno for {@link SeccompAction#ERRNO} and {@link SeccompAction#TRACE}; null = EPERM
     * @param args conditions on arguments; none = always
     */
    public record Rule(
            List<String> names,
            SeccompAction action,
            @Nullable Integer errnoRet,
            List<Arg> args) {
        public Rule {
            names = List.copyOf(names);
            args = List.copyOf(args);
        }
    }

    /**
     * A condition on one argument. Values are unsigned 64-bit patterns.
     *
     * @param index which argument, 0 to 5
     * @param value operand; the mask for {@link SeccompOperator#MASKED_EQ}
     * @param valueTwo the datum for {@link SeccompOperator#MASKED_EQ}
     * @param op comparison
     */
    public record Arg(int index, long value, long valueTwo, SeccompOperator op) {}
}
