package dev.caisson.tests.backends;

import dev.caisson.linux.bpf.BpfCode;
import dev.caisson.linux.bpf.BpfInsn;
import dev.caisson.linux.bpf.BpfProgram;
import dev.caisson.linux.bpf.SeccompAction;
import dev.caisson.linux.bpf.SeccompData;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The seccomp filter of a running process, read back from the kernel (ptrace(2), PTRACE_SECCOMP_GET_FILTER). */
final class InstalledFilter {
    private static final int SYS_PTRACE = 101;
    private static final int SYS_WAIT4 = 61;
    private static final int SEIZE = 0x4206;
    private static final int INTERRUPT = 0x4207;
    private static final int GET_FILTER = 0x420c;
    private static final int DETACH = 17;
    private static final int WALL = 0x40000000;

    private InstalledFilter() {}

    /** Stops the process for a moment. */
    static BpfProgram read(int pid) {
        KernelCalls kernel = new KernelCalls();
        try (NativeMemory memory = new NativeMemory(8 * BpfProgram.MAX_INSNS)) {
            require(kernel.call(SYS_PTRACE, SEIZE, pid, 0, 0), "seize");
            require(kernel.call(SYS_PTRACE, INTERRUPT, pid, 0, 0), "interrupt");
            require(kernel.call(SYS_WAIT4, pid, memory.address(), WALL, 0), "wait");
            long count = kernel.call(SYS_PTRACE, GET_FILTER, pid, 0, memory.address());
            kernel.call(SYS_PTRACE, DETACH, pid, 0, 0);
            require(count, "get filter");
            List<BpfInsn> insns = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                insns.add(new BpfInsn(
                        memory.getShort(8 * i),
                        memory.getByte(8 * i + 2),
                        memory.getByte(8 * i + 3),
                        memory.getInt(8 * i + 4)));
            }
            return new BpfProgram(insns);
        }
    }

    private static void require(long result, String what) {
        if (result < 0) {
            throw new IllegalStateException(what + ": errno " + -result);
        }
    }

    /** Whether a number comes through with some arguments: both sides of each comparison of an argument are followed, so rather yes than no. */
    static boolean mayReachTheKernel(BpfProgram program, int nr) {
        return walk(program, nr, 0, 0, true, new HashSet<>());
    }

    private static boolean walk(BpfProgram program, int nr, int from, int a, boolean known, Set<Long> seen) {
        int pc = from;
        int value = a;
        boolean isKnown = known;
        while (true) {
            if (!seen.add((long) pc << 33 | (isKnown ? 1L << 32 : 0) | (value & 0xffff_ffffL))) {
                return false;
            }
            BpfInsn insn = program.insns().get(pc++);
            switch (insn.code()) {
                case BpfCode.LD_W_ABS -> {
                    isKnown = insn.k() == SeccompData.NR || insn.k() == SeccompData.ARCH;
                    value = insn.k() == SeccompData.NR ? nr : isKnown ? SeccompData.AUDIT_ARCH_X86_64 : 0;
                }
                case BpfCode.AND_K -> value &= insn.k();
                case BpfCode.JA -> pc += insn.k();
                case BpfCode.RET_K -> {
                    SeccompAction action = SeccompAction.of(insn.k());
                    return action == SeccompAction.ALLOW || action == SeccompAction.LOG;
                }
                case BpfCode.JEQ_K, BpfCode.JGE_K, BpfCode.JGT_K -> {
                    if (!isKnown) {
                        if (walk(program, nr, pc + insn.jt(), 0, false, seen)) {
                            return true;
                        }
                        pc += insn.jf();
                    } else {
                        int order = Integer.compareUnsigned(value, insn.k());
                        boolean holds = insn.code() == BpfCode.JEQ_K
                                ? order == 0
                                : insn.code() == BpfCode.JGE_K ? order >= 0 : order > 0;
                        pc += holds ? insn.jt() : insn.jf();
                    }
                }
                default -> throw new IllegalStateException("instruction 0x" + Integer.toHexString(insn.code()));
            }
        }
    }
}
