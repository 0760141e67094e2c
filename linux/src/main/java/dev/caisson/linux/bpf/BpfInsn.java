package dev.caisson.linux.bpf;

/**
 * One classic BPF instruction: {@code struct sock_filter} (include/uapi/linux/filter.h).
 *
 * <pre>
 *   0        2    3    4        8
 *   +--------+----+----+--------+
 *   |  code  | jt | jf |   k    |
 *   +--------+----+----+--------+
 * </pre>
 *
 * @param code operation, 16 bit; see {@link BpfCode}
 * @param jt instructions to skip when a condition holds, 0 to 255
 * @param jf instructions to skip when it does not, 0 to 255
 * @param k operand, a 32-bit pattern
 */
public record BpfInsn(int code, int jt, int jf, int k) {
    public BpfInsn {
        if ((code & ~0xffff) != 0 || (jt & ~0xff) != 0 || (jf & ~0xff) != 0) {
            throw new IllegalArgumentException(
                    "instruction field out of range: code " + code + " jt " + jt + " jf " + jf);
        }
    }

    /** An instruction that is not a conditional jump. */
    public static BpfInsn of(int code, int k) {
        return new BpfInsn(code, 0, 0, k);
    }
}
