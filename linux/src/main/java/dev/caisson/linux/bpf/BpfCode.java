package dev.caisson.linux.bpf;

/**
 * Operations of classic BPF that seccomp accepts (include/uapi/linux/bpf_common.h, kernel/seccomp.c {@code seccomp_check_filter}). A is the
 * accumulator, X the index register, M the 16 words of scratch memory.
 */
public final class BpfCode {
    /** A = 32-bit word of the data at k. */
    public static final int LD_W_ABS = 0x20;
    /** A = k. */
    public static final int LD_IMM = 0x00;
    /** A = M[k]. */
    public static final int LD_MEM = 0x60;
    /** A = length of the data, 64. */
    public static final int LD_W_LEN = 0x80;
    /** X = k. */
    public static final int LDX_IMM = 0x01;
    /** X = M[k]. */
    public static final int LDX_MEM = 0x61;
    /** X = length of the data, 64. */
    public static final int LDX_W_LEN = 0x81;
    /** M[k] = A. */
    public static final int ST = 0x02;
    /** M[k] = X. */
    public static final int STX = 0x03;
    /** A += k. */
    public static final int ADD_K = 0x04;
    /** A -= k. */
    public static final int SUB_K = 0x14;
    /** A *= k. */
    public static final int MUL_K = 0x24;
    /** A /= k, unsigned. */
    public static final int DIV_K = 0x34;
    /** A |= k. */
    public static final int OR_K = 0x44;
    /** A &amp;= k. */
    public static final int AND_K = 0x54;
    /** A &lt;&lt;= k. */
    public static final int LSH_K = 0x64;
    /** A &gt;&gt;= k, unsigned. */
    public static final int RSH_K = 0x74;
    /** A = -A. */
    public static final int NEG = 0x84;
    /** A ^= k. */
    public static final int XOR_K = 0xa4;
    /** Added to one of the ALU or conditional jump operations on k: the operand is X. */
    public static final int SRC_X = 0x08;
    /** Skip k instructions. */
    public static final int JA = 0x05;
    /** Condition A == k. */
    public static final int JEQ_K = 0x15;
    /** Condition A &gt; k, unsigned. */
    public static final int JGT_K = 0x25;
    /** Condition A &gt;= k, unsigned. */
    public static final int JGE_K = 0x35;
    /** Condition (A &amp; k) != 0. */
    public static final int JSET_K = 0x45;
    /** Return k. */
    public static final int RET_K = 0x06;
    /** Return A. */
    public static final int RET_A = 0x16;
    /** X = A. */
    public static final int TAX = 0x07;
    /** A = X. */
    public static final int TXA = 0x87;

    private BpfCode() {}
}
