package dev.caisson.linux.bpf;

/**
 * What a seccomp filter sees of a system call: {@code struct seccomp_data} (include/uapi/linux/seccomp.h), little-endian.
 *
 * <pre>
 *   0      4      8                    16             64
 *   +------+------+--------------------+---- ... -----+
 *   |  nr  | arch |instruction_pointer | args[0..5]   |
 *   +------+------+--------------------+---- ... -----+
 * </pre>
 *
 * @param nr system call number; with {@link #X32_BIT} for the x32 ABI
 * @param arch AUDIT_ARCH_* value
 * @param instructionPointer address after the call
 * @param arg0 first argument
 * @param arg1 second argument
 * @param arg2 third argument
 * @param arg3 fourth argument
 * @param arg4 fifth argument
 * @param arg5 sixth argument
 */
public record SeccompData(
        int nr, int arch, long instructionPointer, long arg0, long arg1, long arg2, long arg3, long arg4, long arg5) {
    /** Offset of {@code nr}. */
    public static final int NR = 0;
    /** Offset of {@code arch}. */
    public static final int ARCH = 4;
    /** Offset of {@code instruction_pointer}. */
    public static final int INSTRUCTION_POINTER = 8;
    /** Offset of {@code args}. */
    public static final int ARGS = 16;
    /** Size in bytes. */
    public static final int SIZE = 64;

    /** AUDIT_ARCH_X86_64. */
    public static final int AUDIT_ARCH_X86_64 = 0xc000_003e;
    /** AUDIT_ARCH_I386. */
    public static final int AUDIT_ARCH_I386 = 0x4000_0003;
    /** {@code __X32_SYSCALL_BIT}. */
    public static final int X32_BIT = 0x4000_0000;

    /** Offset of the low half of an argument. */
    public static int argLow(int index) {
        return ARGS + 8 * index;
    }

    /** Offset of the high half of an argument. */
    public static int argHigh(int index) {
        return ARGS + 8 * index + 4;
    }

    /** An argument by index, 0 to 5. */
    public long arg(int index) {
        return switch (index) {
            case 0 -> arg0;
            case 1 -> arg1;
            case 2 -> arg2;
            case 3 -> arg3;
            case 4 -> arg4;
            case 5 -> arg5;
            default -> throw new IllegalArgumentException("argument " + index);
        };
    }

    /** The 32-bit word at an offset, which must be a multiple of four inside the structure. */
    public int word(int offset) {
        if ((offset & 3) != 0 || offset < 0 || offset >= SIZE) {
            throw new IllegalArgumentException("offset " + offset + " in seccomp_data");
        }
        if (offset < INSTRUCTION_POINTER) {
            return offset == NR ? nr : arch;
        }
        long wide = offset < ARGS ? instructionPointer : arg((offset - ARGS) / 8);
        return (int) ((offset & 4) == 0 ? wide : wide >>> 32);
    }
}
