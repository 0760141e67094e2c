package dev.caisson.linux.bpf;

import java.util.List;

/** Prints classic BPF programs, one instruction a line, for logs and reviewed golden files. */
public final class BpfPrinter {
    private BpfPrinter() {}

    /** The whole program; jump targets are absolute line numbers. */
    public static String print(BpfProgram program) {
        StringBuilder b = new StringBuilder();
        List<BpfInsn> insns = program.insns();
        for (int pc = 0; pc < insns.size(); pc++) {
            String number = Integer.toString(pc);
            b.repeat(' ', 4 - number.length()).append(number).append(": ");
            print(b, pc, insns.get(pc));
            b.append('\n');
        }
        return b.toString();
    }

    private static void print(StringBuilder b, int pc, BpfInsn insn) {
        int code = insn.code();
        String operand = (code & BpfCode.SRC_X) != 0 ? "x" : "0x" + Integer.toHexString(insn.k());
        switch (code & 0x07) {
            case 0x00, 0x01 -> b.append((code & 0x07) == 0 ? "ld " : "ldx ").append(source(code & ~0x01, insn.k()));
            case 0x02 -> b.append("st M[").append(insn.k()).append(']');
            case 0x03 -> b.append("stx M[").append(insn.k()).append(']');
            case 0x04 -> {
                b.append(aluName(code & ~BpfCode.SRC_X));
                if (code != BpfCode.NEG) {
                    b.append(' ').append(operand);
                }
            }
            case 0x05 -> {
                if (code == BpfCode.JA) {
                    b.append("ja ").append(pc + 1 + insn.k());
                } else {
                    b.append(jumpName(code & ~BpfCode.SRC_X)).append(' ').append(operand);
                    b.append(", ").append(pc + 1 + insn.jt()).append(", ").append(pc + 1 + insn.jf());
                }
            }
            case 0x06 -> b.append("ret ").append(code == BpfCode.RET_A ? "a" : SeccompAction.describe(insn.k()));
            default ->
                b.append(
                        code == BpfCode.TAX
                                ? "tax"
                                : code == BpfCode.TXA ? "txa" : "unknown 0x" + Integer.toHexString(code));
        }
    }

    private static String source(int code, int k) {
        return switch (code) {
            case BpfCode.LD_W_ABS -> field(k);
            case BpfCode.LD_IMM -> "0x" + Integer.toHexString(k);
            case BpfCode.LD_MEM -> "M[" + k + "]";
            case BpfCode.LD_W_LEN -> "len";
            default -> "unknown 0x" + Integer.toHexString(code);
        };
    }

    private static String field(int offset) {
        if (offset == SeccompData.NR) {
            return "nr";
        }
        if (offset == SeccompData.ARCH) {
            return "arch";
        }
        String half = (offset & 4) == 0 ? ".lo" : ".hi";
        return offset < SeccompData.ARGS ? "ip" + half : "arg" + (offset - SeccompData.ARGS) / 8 + half;
    }

    private static String aluName(int code) {
        return switch (code) {
            case BpfCode.ADD_K -> "add";
            case BpfCode.SUB_K -> "sub";
            case BpfCode.MUL_K -> "mul";
            case BpfCode.DIV_K -> "div";
            case BpfCode.OR_K -> "or";
            case BpfCode.AND_K -> "and";
            case BpfCode.LSH_K -> "lsh";
            case BpfCode.RSH_K -> "rsh";
            case BpfCode.NEG -> "neg";
            case BpfCode.XOR_K -> "xor";
            default -> "unknown 0x" + Integer.toHexString(code);
        };
    }

    private static String jumpName(int code) {
        return switch (code) {
            case BpfCode.JEQ_K -> "jeq";
            case BpfCode.JGT_K -> "jgt";
            case BpfCode.JGE_K -> "jge";
            case BpfCode.JSET_K -> "jset";
            default -> "unknown 0x" + Integer.toHexString(code);
        };
    }
}
