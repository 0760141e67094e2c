package dev.caisson.linux.bpf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** Runs the subset of extended BPF that {@link DeviceProgram} and {@link EgressProgram} emit. */
final class EbpfInterpreter {
    private static final int STACK = 512;
    private static final int SKB_LOAD_BYTES = 26;

    private EbpfInterpreter() {}

    /**
     * The value that a program returns.
     *
     * @param context 32-bit words of the structure in r1
     */
    static long run(List<EbpfInsn> insns, long[] context) {
        return run(insns, context, new byte[0]);
    }

    /** @param table the value of the map that is loaded */
    static long run(List<EbpfInsn> insns, long[] context, byte[] table) {
        return run(insns, context, table, new byte[0]);
    }

    /** @param packet what the context is of, from its network header on */
    static long runOn(List<EbpfInsn> insns, byte[] packet) {
        return run(insns, new long[0], new byte[0], packet);
    }

    private static long run(List<EbpfInsn> insns, long[] context, byte[] table, byte[] packet) {
        int tableRegister = -1;
        byte[] stack = new byte[STACK];
        long[] r = new long[11];
        r[10] = STACK;
        int pc = 0;
        while (true) {
            EbpfInsn i = insns.get(pc++);
            switch (i.code()) {
                case EbpfInsn.LDX_W ->
                    r[i.dst()] = i.src() == tableRegister
                            ? ByteBuffer.wrap(table)
                                            .order(ByteOrder.LITTLE_ENDIAN)
                                            .getInt(i.off())
                                    & 0xffff_ffffL
                            : context[i.off() / 4] & 0xffff_ffffL;
                case EbpfInsn.LD_IMM64 -> {
                    tableRegister = i.dst();
                    pc++;
                }
                case EbpfInsn.TO_BE -> r[i.dst()] = Short.reverseBytes((short) r[i.dst()]) & 0xffffL;
                case EbpfInsn.JEQ32_IMM -> pc += (int) r[i.dst()] == i.imm() ? i.off() : 0;
                case EbpfInsn.JLT32_IMM -> pc += Integer.compareUnsigned((int) r[i.dst()], i.imm()) < 0 ? i.off() : 0;
                case EbpfInsn.JGT32_IMM -> pc += Integer.compareUnsigned((int) r[i.dst()], i.imm()) > 0 ? i.off() : 0;
                case EbpfInsn.JNE32_REG -> pc += (int) r[i.dst()] != (int) r[i.src()] ? i.off() : 0;
                case EbpfInsn.MOV64_IMM -> r[i.dst()] = i.imm();
                case EbpfInsn.MOV32_REG -> r[i.dst()] = r[i.src()] & 0xffff_ffffL;
                case EbpfInsn.AND32_IMM -> r[i.dst()] = r[i.dst()] & i.imm() & 0xffff_ffffL;
                case EbpfInsn.RSH32_IMM -> r[i.dst()] = (r[i.dst()] & 0xffff_ffffL) >>> i.imm();
                case EbpfInsn.JNE_IMM -> pc += r[i.dst()] != i.imm() ? i.off() : 0;
                case EbpfInsn.JNE32_IMM -> pc += (int) r[i.dst()] != i.imm() ? i.off() : 0;
                case EbpfInsn.JNE_REG -> pc += r[i.dst()] != r[i.src()] ? i.off() : 0;
                case EbpfInsn.JEQ_IMM -> pc += r[i.dst()] == i.imm() ? i.off() : 0;
                case EbpfInsn.MOV64_REG -> r[i.dst()] = r[i.src()];
                case EbpfInsn.ADD64_IMM -> r[i.dst()] += i.imm();
                case EbpfInsn.LDX_B -> r[i.dst()] = stack[(int) r[i.src()] + i.off()] & 0xff;
                case EbpfInsn.CALL -> {
                    if (i.imm() != SKB_LOAD_BYTES) {
                        throw new IllegalArgumentException("function " + i.imm());
                    }
                    boolean isThere = r[2] + r[4] <= packet.length;
                    if (isThere) {
                        System.arraycopy(packet, (int) r[2], stack, (int) r[3], (int) r[4]);
                    }
                    r[0] = isThere ? 0 : -14;
                }
                case EbpfInsn.EXIT -> {
                    return r[0];
                }
                default -> throw new IllegalArgumentException("instruction " + i);
            }
        }
    }
}
