package dev.caisson.linux.direct;

import dev.caisson.linux.ErrnoException;

/** A seccomp filter (seccomp(2)) for this process itself. Cannot be undone. */
public final class ProcessFilter {
    private static final int SYS_SECCOMP = 317;
    private static final int SECCOMP_SET_MODE_FILTER = 1;
    /** All threads, and SPEC_ALLOW: the mitigation of speculative store bypass would slow every call. */
    private static final int FLAGS = 1 | 1 << 2;

    private static final int INSN_BYTES = 8;
    private static final int PROGRAM = 16;
    private static final int EBUSY = 16;

    private ProcessFilter() {}

    /**
     * Loads a filter for all threads, those that will come included. Needs no_new_privs.
     *
     * @param program an array of {@code struct sock_filter}
     * @throws ErrnoException the kernel refuses; EBUSY: a thread could not be taken along
     */
    public static void load(byte[] program) throws ErrnoException {
        KernelCalls kernel = new KernelCalls();
        try (NativeMemory memory = new NativeMemory(PROGRAM + program.length)) {
            memory.putShort(0, program.length / INSN_BYTES);
            memory.putLong(8, memory.address(PROGRAM));
            memory.putBytes(PROGRAM, program);
            long result = kernel.call(SYS_SECCOMP, SECCOMP_SET_MODE_FILTER, FLAGS, memory.address());
            if (result != 0) {
                throw new ErrnoException(result < 0 ? (int) -result : EBUSY, "seccomp", "this process");
            }
        }
    }
}
