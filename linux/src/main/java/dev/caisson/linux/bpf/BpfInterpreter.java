package dev.caisson.linux.bpf;

import java.util.List;

/** Runs classic BPF programs as the kernel would (net/core/filter.c), to test filters without installing them. */
public final class BpfInterpreter {
    private static final int SCRATCH_WORDS = 16;

    private BpfInterpreter() {}

    /**
     * The value that a program returns for a system call.
     *
     * @throws IllegalArgumentException the program has an instruction that seccomp does not accept
     */
    public static int run(BpfProgram program, SeccompData data) {
        List<BpfInsn> insns = program.insns();
        int[] m = new int[SCRATCH_WORDS];
        int a = 0;
        int x = 0;
        int pc = 0;
        while (true) {
            BpfInsn insn = insns.get(pc++);
            int code = insn.code();
            int k = insn.k();
            switch (code & 0x07) {
                case 0x00 -> a = load(code, k, m, data);
                case 0x01 -> {
                    if (code == (BpfCode.LD_W_ABS | 0x01)) {
                        throw unknown(code);
                    }
                    x = load(code & ~0x01, k, m, data);
                }
                case 0x02 -> m[k] = a;
                case 0x03 -> m[k] = x;
                case 0x04 -> {
                    int operand = (code & BpfCode.SRC_X) == 0 ? k : x;
                    if ((code & ~BpfCode.SRC_X) == BpfCode.DIV_K && operand == 0) {
                        return 0;
                    }
                    a = alu(code & ~BpfCode.SRC_X, a, operand);
                }
                case 0x05 -> {
                    if (code == BpfCode.JA) {
                        pc += k;
                    } else {
                        int operand = (code & BpfCode.SRC_X) == 0 ? k : x;
                        pc += holds(code & ~BpfCode.SRC_X, a, operand) ? insn.jt() : insn.jf();
                    }
                }
                case 0x06 -> {
                    return code == BpfCode.RET_A ? a : k;
                }
                default -> {
                    if (code == BpfCode.TAX) {
                        x = a;
                    } else if (code == BpfCode.TXA) {
                        a = x;
                    } else {
                        throw unknown(code);
                    }
                }
            }
        }
    }

    private static int load(int code, int k, int[] m, SeccompData data) {
        return switch (code) {
            case BpfCode.LD_W_ABS -> data.word(k);
            case BpfCode.LD_IMM -> k;
            case BpfCode.LD_MEM -> m[k];
            case BpfCode.LD_W_LEN -> SeccompData.SIZE;
            default -> throw unknown(code);
        };
    }

    private static int alu(int code, int a, int operand) {
        return switch (code) {
            case BpfCode.ADD_K -> a + operand;
            case BpfCode.SUB_K -> a - operand;
            case BpfCode.MUL_K -> a * operand;
            case BpfCode.DIV_K -> Integer.divideUnsigned(a, operand);
            case BpfCode.OR_K -> a | operand;
            case BpfCode.AND_K -> a & operand;
            case BpfCode.LSH_K -> a << operand;
            case BpfCode.RSH_K -> a >>> operand;
            case BpfCode.XOR_K -> a ^ operand;
            case BpfCode.NEG -> -a;
            default -> throw unknown(code);
        };
    }

    private static boolean holds(int code, int a, int operand) {
        return switch (code) {
            case BpfCode.JEQ_K -> a == operand;
            case BpfCode.JGT_K -> Integer.compareUnsigned(a, operand) > 0;
            case BpfCode.JGE_K -> Integer.compareUnsigned(a, operand) >= 0;
            case BpfCode.JSET_K -> (a & operand) != 0;
            default -> throw unknown(code);
        };
    }

    private static IllegalArgumentException unknown(int code) {
        return new IllegalArgumentException("instruction 0x" + Integer.toHexString(code) + " is not for seccomp");
    }
}
