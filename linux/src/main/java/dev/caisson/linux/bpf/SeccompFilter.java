package dev.caisson.linux.bpf;

import java.util.List;

/**
 * A compiled seccomp profile.
 *
 * @param program the filter
 * @param flags {@code SECCOMP_FILTER_FLAG_*} bits for seccomp(SECCOMP_SET_MODE_FILTER)
 * @param listener whether the filter notifies, so that seccomp(2) returns a descriptor ({@link SeccompProfile#FLAG_NEW_LISTENER} is set)
 * @param unknownNames system call names that no ABI knows, each once; their rules have no effect
 */
public record SeccompFilter(BpfProgram program, int flags, boolean listener, List<String> unknownNames) {
    public SeccompFilter {
        unknownNames = List.copyOf(unknownNames);
    }
}
