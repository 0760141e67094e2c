package dev.caisson.linux.bpf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** Runs the subset of extended BPF that {@link DeviceProgram} and {@link EgressProgram#addresses} emit. */
final class EbpfInterpreter {
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
        int tableRegister = -1;
        long[] r = new long[11];
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
                case EbpfInsn.EXIT -> {
                    return r[0];
                }
                default -> throw new IllegalArgumentException("instruction " + i);
            }
        }
    }
}
