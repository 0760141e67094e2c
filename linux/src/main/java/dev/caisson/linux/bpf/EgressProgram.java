package dev.caisson.linux.bpf;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * Programs that let through what one of the rules allows, and the loopback. Those of type BPF_PROG_TYPE_CGROUP_SOCK_ADDR are called
 * by connect(2) and by sends of datagrams with {@code struct bpf_sock_addr} in r1 (include/uapi/linux/bpf.h), addresses and port in the network's order:
 *
 * <pre>
 *   0        4     8                24     28       32     36
 *   +--------+-----+----------------+------+--------+------+----------+
 *   | family | ip4 | ip6            | port | family | type | protocol |
 *   +--------+-----+----------------+------+--------+------+----------+
 * </pre>
 *
 * <p>They return 1 to allow, 0 to refuse with EPERM. Names are slots of a table that somebody keeps filled: sixteen bytes each, an address of IPv6,
 * all zero for none.
 *
 * @param rules any of which allows
 */
public record EgressProgram(List<EgressRule> rules) {
    /** Bytes of a slot. */
    public static final int SLOT = 16;

    private static final int R0 = 0;
    private static final int CONTEXT = 1;
    /** The address's words are in r2 to r5. */
    private static final int WORD = 2;

    private static final int LAST_WORD = 5;
    private static final int PORT = 7;
    private static final int PROTOCOL = 8;
    private static final int TABLE = 9;
    private static final int FRAME = 10;
    private static final int USER_IP4 = 4;
    private static final int USER_IP6 = 8;
    private static final int USER_PORT = 24;
    private static final int USER_PROTOCOL = 36;
    /** {@code ffff} of a mapped address as this machine reads it. */
    private static final int MAPPED_WORD = 0xffff_0000;

    private static final int FUNC_SKB_LOAD_BYTES = 26;
    private static final int NEXT_HEADER = 6;

    public EgressProgram {
        rules = List.copyOf(rules);
    }

    /** The program for one of the two families' sockets; an INET6 one may send to addresses of IPv4. */
    public List<EbpfInsn> addresses(boolean inet6) {
        List<EbpfInsn> out = new ArrayList<>();
        // Who has no table of names does not use its place.
        out.add(new EbpfInsn(EbpfInsn.LD_IMM64, TABLE, EbpfInsn.MAP_VALUE, 0, 0));
        out.add(new EbpfInsn(0, 0, 0, 0, 0));
        out.add(new EbpfInsn(EbpfInsn.LDX_W, PORT, CONTEXT, USER_PORT, 0));
        out.add(new EbpfInsn(EbpfInsn.TO_BE, PORT, 0, 0, 16));
        out.add(new EbpfInsn(EbpfInsn.LDX_W, PROTOCOL, CONTEXT, USER_PROTOCOL, 0));
        if (inet6) {
            for (int i = 0; i < 4; i++) {
                out.add(new EbpfInsn(EbpfInsn.LDX_W, WORD + i, CONTEXT, USER_IP6 + 4 * i, 0));
            }
            block(out, mappedTests(), four());
            block(out, zeroTests(0), allow());
            block(out, zeroTests(0x0100_0000), allow());
            for (EgressRule rule : rules) {
                rule(out, rule, false);
            }
            out.addAll(verdict(0));
        } else {
            out.add(new EbpfInsn(EbpfInsn.LDX_W, LAST_WORD, CONTEXT, USER_IP4, 0));
            out.addAll(four());
        }
        return List.copyOf(out);
    }

    /** What is the same for IPv4, whose address is in the last word. */
    private List<EbpfInsn> four() {
        List<EbpfInsn> out = new ArrayList<>();
        block(out, List.of(jump(EbpfInsn.JNE32_IMM, LAST_WORD, 0)), allow());
        block(
                out,
                List.of(
                        new EbpfInsn(EbpfInsn.MOV32_REG, R0, LAST_WORD, 0, 0),
                        new EbpfInsn(EbpfInsn.AND32_IMM, R0, 0, 0, 0xff),
                        jump(EbpfInsn.JNE32_IMM, R0, 127)),
                allow());
        for (EgressRule rule : rules) {
            if (rule.isInet4()) {
                rule(out, rule, true);
            }
        }
        out.addAll(verdict(0));
        return out;
    }

    private static void rule(List<EbpfInsn> out, EgressRule rule, boolean four) {
        List<EbpfInsn> when = new ArrayList<>();
        if (rule.protocol() != 0) {
            when.add(jump(EbpfInsn.JNE32_IMM, PROTOCOL, rule.protocol()));
        }
        if (rule.firstPort() > 0) {
            when.add(jump(EbpfInsn.JLT32_IMM, PORT, rule.firstPort()));
        }
        if (rule.lastPort() < 0xffff) {
            when.add(jump(EbpfInsn.JGT32_IMM, PORT, rule.lastPort()));
        }
        List<EbpfInsn> then = new ArrayList<>();
        if (rule.slot() < 0) {
            for (int i = four ? 3 : 0; i < 4; i++) {
                int value = word(rule.high(), rule.low(), i);
                int mask = word(EgressRule.mask(rule.prefix()), EgressRule.mask(rule.prefix() - Long.SIZE), i);
                if (mask != 0) {
                    when.add(new EbpfInsn(EbpfInsn.MOV32_REG, R0, WORD + i, 0, 0));
                    when.add(new EbpfInsn(EbpfInsn.AND32_IMM, R0, 0, 0, mask));
                    when.add(jump(EbpfInsn.JNE32_IMM, R0, value & mask));
                }
            }
            then.addAll(allow());
        } else {
            for (int s = rule.slot(); s < rule.slot() + rule.slots(); s++) {
                slot(then, s * SLOT, four);
            }
        }
        block(out, when, then);
    }

    private static void slot(List<EbpfInsn> out, int at, boolean four) {
        List<EbpfInsn> when = new ArrayList<>();
        // That word says whether there is an address at all.
        when.add(new EbpfInsn(EbpfInsn.LDX_W, R0, TABLE, at + 8, 0));
        when.add(
                four
                        ? jump(EbpfInsn.JNE32_IMM, R0, MAPPED_WORD)
                        : new EbpfInsn(EbpfInsn.JNE32_REG, R0, WORD + 2, 0, 0));
        for (int i : four ? new int[] {3} : new int[] {0, 1, 3}) {
            when.add(new EbpfInsn(EbpfInsn.LDX_W, R0, TABLE, at + 4 * i, 0));
            when.add(new EbpfInsn(EbpfInsn.JNE32_REG, R0, WORD + i, 0, 0));
        }
        block(out, when, allow());
    }

    private static List<EbpfInsn> mappedTests() {
        return List.of(
                jump(EbpfInsn.JNE32_IMM, WORD, 0),
                jump(EbpfInsn.JNE32_IMM, WORD + 1, 0),
                jump(EbpfInsn.JNE32_IMM, WORD + 2, MAPPED_WORD));
    }

    private static List<EbpfInsn> zeroTests(int last) {
        return List.of(
                jump(EbpfInsn.JNE32_IMM, WORD, 0),
                jump(EbpfInsn.JNE32_IMM, WORD + 1, 0),
                jump(EbpfInsn.JNE32_IMM, WORD + 2, 0),
                jump(EbpfInsn.JNE32_IMM, LAST_WORD, last));
    }

    /**
     * The program that sees packets as they leave (BPF_PROG_TYPE_CGROUP_SKB): what is addressed to one host and asks to be brought to another
     * first (source routes, routing headers) does not pass, nor does anything else whose header is no plain one.
     */
    public static List<EbpfInsn> packets() {
        List<EbpfInsn> out = new ArrayList<>();
        out.add(new EbpfInsn(EbpfInsn.MOV64_IMM, 2, 0, 0, 0));
        out.add(new EbpfInsn(EbpfInsn.MOV64_REG, 3, FRAME, 0, 0));
        out.add(new EbpfInsn(EbpfInsn.ADD64_IMM, 3, 0, 0, -8));
        out.add(new EbpfInsn(EbpfInsn.MOV64_IMM, 4, 0, 0, 8));
        out.add(new EbpfInsn(EbpfInsn.CALL, 0, 0, 0, FUNC_SKB_LOAD_BYTES));
        block(out, List.of(new EbpfInsn(EbpfInsn.JEQ_IMM, R0, 0, 0, 0)), verdict(0));
        out.add(new EbpfInsn(EbpfInsn.LDX_B, 1, FRAME, -8, 0));
        block(out, List.of(jump(EbpfInsn.JNE32_IMM, 1, 0x45)), allow()); // version 4, no options
        out.add(new EbpfInsn(EbpfInsn.RSH32_IMM, 1, 0, 0, 4));
        block(out, List.of(new EbpfInsn(EbpfInsn.JEQ32_IMM, 1, 0, 0, 6)), verdict(0));
        out.add(new EbpfInsn(EbpfInsn.LDX_B, 1, FRAME, NEXT_HEADER - 8, 0));
        for (int header : new int[] {6 /* TCP */, 17 /* UDP */, 58 /* ICMPv6 */, 44 /* fragment */}) {
            block(out, List.of(jump(EbpfInsn.JNE32_IMM, 1, header)), allow());
        }
        out.addAll(verdict(0));
        return List.copyOf(out);
    }

    /** Tests that skip what follows them, and what follows. */
    private static void block(List<EbpfInsn> out, List<EbpfInsn> when, List<EbpfInsn> then) {
        int end = when.size() + then.size();
        for (int i = 0; i < when.size(); i++) {
            EbpfInsn test = when.get(i);
            boolean jumps = (test.code() & 7) == 5 || (test.code() & 7) == 6;
            out.add(jumps ? new EbpfInsn(test.code(), test.dst(), test.src(), end - i - 1, test.imm()) : test);
        }
        out.addAll(then);
    }

    private static EbpfInsn jump(int code, int register, int value) {
        return new EbpfInsn(code, register, 0, 0, value);
    }

    private static List<EbpfInsn> allow() {
        return verdict(1);
    }

    private static List<EbpfInsn> verdict(int value) {
        return List.of(new EbpfInsn(EbpfInsn.MOV64_IMM, R0, 0, 0, value), new EbpfInsn(EbpfInsn.EXIT, 0, 0, 0, 0));
    }

    /** One of the four words of an address in the network's order, as this machine reads it. */
    private static int word(long high, long low, int index) {
        long half = index < 2 ? high : low;
        return Integer.reverseBytes((int) (index % 2 == 0 ? half >>> 32 : half));
    }

    /** The array of {@code struct bpf_insn} for bpf(BPF_PROG_LOAD), little-endian, with the descriptor of the table of names. */
    public static byte[] bytes(List<EbpfInsn> insns, int table) {
        ByteBuffer out = ByteBuffer.allocate(insns.size() * EbpfInsn.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (EbpfInsn insn : insns) {
            boolean isTable = insn.code() == EbpfInsn.LD_IMM64 && insn.src() == EbpfInsn.MAP_VALUE;
            out.put((byte) insn.code());
            out.put((byte) (insn.src() << 4 | insn.dst()));
            out.putShort((short) insn.off());
            out.putInt(isTable ? table : insn.imm());
        }
        return out.array();
    }
}
