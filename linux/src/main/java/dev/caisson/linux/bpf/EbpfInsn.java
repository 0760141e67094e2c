package dev.caisson.linux.bpf;

/**
 * One extended BPF instruction: {@code struct bpf_insn} (include/uapi/linux/bpf.h).
 *
 * <pre>
 *   0       1         2         4         8
 *   +-------+---------+---------+---------+
 *   | code  | src dst |   off   |   imm   |     dst is the low half of its byte
 *   +-------+---------+---------+---------+
 * </pre>
 *
 * @param code operation, 8 bit
 * @param dst destination register, 0 to 10
 * @param src source register, 0 to 10
 * @param off signed 16-bit offset: of a memory access, or of a jump from the next instruction
 * @param imm signed 32-bit operand
 */
public record EbpfInsn(int code, int dst, int src, int off, int imm) {
    /** dst = *(u32 *)(src + off). */
    public static final int LDX_W = 0x61;
    /** dst = imm, 64 bit. */
    public static final int MOV64_IMM = 0xb7;
    /** dst = src, 32 bit, zero-extended. */
    public static final int MOV32_REG = 0xbc;
    /** dst &amp;= imm, 32 bit, zero-extended. */
    public static final int AND32_IMM = 0x54;
    /** dst &gt;&gt;= imm, 32 bit, unsigned. */
    public static final int RSH32_IMM = 0x74;
    /** Jump when dst != imm, 64 bit; imm is sign-extended. */
    public static final int JNE_IMM = 0x55;
    /** Jump when the low halves differ from imm; Linux 5.1. */
    public static final int JNE32_IMM = 0x56;
    /** Jump when dst != src, 64 bit. */
    public static final int JNE_REG = 0x5d;
    /** Jump when dst == imm, 64 bit; imm is sign-extended. */
    public static final int JEQ_IMM = 0x15;
    /** Return r0. */
    public static final int EXIT = 0x95;

    /** Size in bytes. */
    public static final int BYTES = 8;

    public EbpfInsn {
        if ((code & ~0xff) != 0 || dst < 0 || dst > 10 || src < 0 || src > 10 || off != (short) off) {
            throw new IllegalArgumentException(
                    "instruction field out of range: code " + code + " dst " + dst + " src " + src + " off " + off);
        }
    }
}
