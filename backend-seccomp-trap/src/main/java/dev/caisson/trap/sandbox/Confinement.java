package dev.caisson.trap.sandbox;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import java.io.IOException;
import java.util.Base64;

/** Gives up every system call that a sandbox process does not need any more. Cannot be undone. */
final class Confinement {
    private static final int SYS_SECCOMP = 317;
    private static final int SECCOMP_SET_MODE_FILTER = 1;
    /** All threads, and SPEC_ALLOW: the mitigation of speculative store bypass would slow every answer. */
    private static final int FLAGS = 1 | 1 << 2;

    private static final int INSN_BYTES = 8;
    private static final int PROGRAM = 16;

    private Confinement() {}

    /**
     * Loads a filter for all threads, those that will come included.
     *
     * @param encoded the program, an array of {@code struct sock_filter}, in Base64
     */
    static void enter(String encoded) throws IOException {
        byte[] program = Base64.getDecoder().decode(encoded);
        KernelCalls kernel = new KernelCalls();
        try (NativeMemory memory = new NativeMemory(PROGRAM + program.length)) {
            memory.putShort(0, program.length / INSN_BYTES);
            memory.putLong(8, memory.address(PROGRAM));
            memory.putBytes(PROGRAM, program);
            long result = kernel.call(SYS_SECCOMP, SECCOMP_SET_MODE_FILTER, FLAGS, memory.address());
            if (result != 0) {
                // A positive one is a thread that could not be taken along.
                throw new IOException(
                        "load the sandbox process's filter: " + (result < 0 ? "errno " + -result : "thread " + result));
            }
        }
    }
}
