package dev.caisson.linux.bpf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * A program of type BPF_PROG_TYPE_CGROUP_DEVICE that enforces a {@link DevicePolicy} in a cgroup v2 (Linux 4.15; this encoding 5.1).
 *
 * <p>The kernel calls it with {@code struct bpf_cgroup_dev_ctx} in r1 (include/uapi/linux/bpf.h):
 *
 * <pre>
 *   0                          4       8       12
 *   +--------------------------+-------+-------+
 *   | access &lt;&lt; 16 | type     | major | minor |     access: mknod 1, read 2, write 4; type: block 1, character 2
 *   +--------------------------+-------+-------+
 * </pre>
 *
 * <p>It returns 1 to allow the access, 0 to refuse it with EPERM.
 *
 * @param insns instructions
 */
public record DeviceProgram(List<EbpfInsn> insns) {
    /** Exceptions that one program may have; the verifier walks each path, and real policies have some dozens. */
    public static final int MAX_EXCEPTIONS = 4096;

    private static final int R0 = 0;
    private static final int R1 = 1;
    private static final int TYPE = 2;
    private static final int ACCESS = 3;
    private static final int MAJOR = 4;
    private static final int MINOR = 5;

    public DeviceProgram {
        insns = List.copyOf(insns);
    }

    /**
     * The program for a policy.
     *
     * @throws InvalidProfileException more than {@value #MAX_EXCEPTIONS} exceptions
     */
    public static DeviceProgram of(DevicePolicy policy) throws InvalidProfileException {
        if (policy.exceptions().size() > MAX_EXCEPTIONS) {
            throw new InvalidProfileException(
                    policy.exceptions().size() + " device exceptions are more than " + MAX_EXCEPTIONS);
        }
        List<EbpfInsn> out = new ArrayList<>();
        // The verifier allows only reads of whole fields here on older kernels.
        out.add(new EbpfInsn(EbpfInsn.LDX_W, TYPE, R1, 0, 0));
        out.add(new EbpfInsn(EbpfInsn.MOV32_REG, ACCESS, TYPE, 0, 0));
        out.add(new EbpfInsn(EbpfInsn.AND32_IMM, TYPE, 0, 0, 0xffff));
        out.add(new EbpfInsn(EbpfInsn.RSH32_IMM, ACCESS, 0, 0, 16));
        out.add(new EbpfInsn(EbpfInsn.LDX_W, MAJOR, R1, 4, 0));
        out.add(new EbpfInsn(EbpfInsn.LDX_W, MINOR, R1, 8, 0));
        for (DevicePolicy.Exemption e : policy.exceptions()) {
            out.addAll(block(e, policy.defaultAllow()));
        }
        verdict(out, policy.defaultAllow());
        return new DeviceProgram(out);
    }

    /** One exception: a few tests that skip the verdict at the end of the block. */
    private static List<EbpfInsn> block(DevicePolicy.Exemption e, boolean defaultAllow) {
        List<EbpfInsn> tests = new ArrayList<>();
        tests.add(new EbpfInsn(EbpfInsn.JNE_IMM, TYPE, 0, 0, e.kind().bpfType()));
        if (e.access() != DeviceRule.RWM || defaultAllow) {
            tests.add(new EbpfInsn(EbpfInsn.MOV32_REG, R1, ACCESS, 0, 0));
            tests.add(new EbpfInsn(EbpfInsn.AND32_IMM, R1, 0, 0, e.access()));
            // Allowing needs all wanted bits; refusing needs any of them.
            tests.add(
                    defaultAllow
                            ? new EbpfInsn(EbpfInsn.JEQ_IMM, R1, 0, 0, 0)
                            : new EbpfInsn(EbpfInsn.JNE_REG, R1, ACCESS, 0, 0));
        }
        if (e.major() != DeviceRule.ANY) {
            tests.add(new EbpfInsn(EbpfInsn.JNE32_IMM, MAJOR, 0, 0, (int) e.major()));
        }
        if (e.minor() != DeviceRule.ANY) {
            tests.add(new EbpfInsn(EbpfInsn.JNE32_IMM, MINOR, 0, 0, (int) e.minor()));
        }
        List<EbpfInsn> block = new ArrayList<>();
        int end = tests.size() + 2;
        for (EbpfInsn test : tests) {
            boolean jump = (test.code() & 0x07) == 0x05 || (test.code() & 0x07) == 0x06;
            int off = jump ? end - block.size() - 1 : 0;
            block.add(new EbpfInsn(test.code(), test.dst(), test.src(), off, test.imm()));
        }
        verdict(block, !defaultAllow);
        return block;
    }

    private static void verdict(List<EbpfInsn> out, boolean allow) {
        out.add(new EbpfInsn(EbpfInsn.MOV64_IMM, R0, 0, 0, allow ? 1 : 0));
        out.add(new EbpfInsn(EbpfInsn.EXIT, 0, 0, 0, 0));
    }

    /** The array of {@code struct bpf_insn} for bpf(BPF_PROG_LOAD), little-endian. */
    public byte[] toBytes() {
        ByteBuffer out = ByteBuffer.allocate(insns.size() * EbpfInsn.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (EbpfInsn insn : insns) {
            out.put((byte) insn.code());
            out.put((byte) (insn.src() << 4 | insn.dst()));
            out.putShort((short) insn.off());
            out.putInt(insn.imm());
        }
        return out.array();
    }
}
