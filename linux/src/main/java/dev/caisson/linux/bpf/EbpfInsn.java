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
    /** dst = *(u8 *)(src + off). */
    public static final int LDX_B = 0x71;
    /** dst = a 64-bit constant of two instructions; with src {@link #MAP_VALUE}, an address in a map's value. */
    public static final int LD_IMM64 = 0x18;
    /** Source of {@link #LD_IMM64}: imm is a map's descriptor, that of the second half an offset (BPF_PSEUDO_MAP_VALUE, Linux 5.2). */
    public static final int MAP_VALUE = 2;
    /** dst = imm, 64 bit. */
    public static final int MOV64_IMM = 0xb7;
    /** dst = src, 64 bit. */
    public static final int MOV64_REG = 0xbf;
    /** dst += imm, 64 bit. */
    public static final int ADD64_IMM = 0x07;
    /** dst = the low imm bits of dst, to or from the network's order, zero-extended. */
    public static final int TO_BE = 0xdc;
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
    /** Jump when the low halves are equal; Linux 5.1. */
    public static final int JEQ32_IMM = 0x16;
    /** Jump when the low half is greater than imm, unsigned; Linux 5.1. */
    public static final int JGT32_IMM = 0x26;
    /** Jump when the low half is less than imm, unsigned; Linux 5.1. */
    public static final int JLT32_IMM = 0xa6;
    /** Jump when the low halves differ; Linux 5.1. */
    public static final int JNE32_REG = 0x5e;
    /** Calls helper imm with r1 to r5; r0 is its result, and r1 to r5 are gone. */
    public static final int CALL = 0x85;
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
