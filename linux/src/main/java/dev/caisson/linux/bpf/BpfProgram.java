package dev.caisson.linux.bpf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;

/**
 * A classic BPF program with at most {@value #MAX_INSNS} instructions, which end in a return on every path.
 *
 * @param insns instructions
 */
public record BpfProgram(List<BpfInsn> insns) {
    /** BPF_MAXINSNS. */
    public static final int MAX_INSNS = 4096;

    /** Size of {@code struct sock_filter} in bytes. */
    public static final int INSN_BYTES = 8;

    /**
     * Checks what the kernel checks (net/core/filter.c {@code bpf_check_classic}): jumps go forward and stay inside, the last instruction
     * returns.
     *
     * @throws ProgramTooLongException too many instructions
     * @throws IllegalArgumentException names the offending instruction
     */
    public BpfProgram {
        insns = List.copyOf(insns);
        int n = insns.size();
        if (n > MAX_INSNS) {
            throw new ProgramTooLongException(n);
        }
        if (n == 0) {
            throw new IllegalArgumentException("an empty program");
        }
        for (int pc = 0; pc < n; pc++) {
            BpfInsn insn = insns.get(pc);
            boolean jump = (insn.code() & 0x07) == 0x05;
            long target = pc + 1L;
            if (jump) {
                target += insn.code() == BpfCode.JA ? insn.k() & 0xffff_ffffL : Math.max(insn.jt(), insn.jf());
            }
            if (target >= n && !(pc == n - 1 && isReturn(insn))) {
                throw new IllegalArgumentException("instruction " + pc + " leads outside the program");
            }
        }
    }

    private static boolean isReturn(BpfInsn insn) {
        return insn.code() == BpfCode.RET_K || insn.code() == BpfCode.RET_A;
    }

    /**
     * One program that asks this one first: where it says {@code passes}, the other one decides.
     *
     * @param passes what a return of a constant must be to be none, for example SECCOMP_RET_ALLOW
     * @throws ProgramTooLongException together too many instructions
     */
    public BpfProgram inFrontOf(BpfProgram next, IntPredicate passes) {
        List<BpfInsn> all = new ArrayList<>(insns.size() + next.insns.size());
        for (int pc = 0; pc < insns.size(); pc++) {
            BpfInsn insn = insns.get(pc);
            boolean ends = insn.code() == BpfCode.RET_K && passes.test(insn.k());
            all.add(ends ? BpfInsn.of(BpfCode.JA, insns.size() - pc - 1) : insn);
        }
        all.addAll(next.insns);
        return new BpfProgram(all);
    }

    /** Number of instructions: {@code sock_fprog.len}. */
    public int size() {
        return insns.size();
    }

    /** The array of {@code struct sock_filter} that {@code sock_fprog.filter} points to, in little-endian order. */
    public byte[] toBytes() {
        ByteBuffer out = ByteBuffer.allocate(insns.size() * INSN_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (BpfInsn insn : insns) {
            out.putShort((short) insn.code());
            out.put((byte) insn.jt());
            out.put((byte) insn.jf());
            out.putInt(insn.k());
        }
        return out.array();
    }
}
