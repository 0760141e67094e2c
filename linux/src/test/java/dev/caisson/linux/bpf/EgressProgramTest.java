package dev.caisson.linux.bpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The programs say what the rules do, over addresses at and beside the edges of each. */
class EgressProgramTest {
    private static final int TCP = 6;
    private static final int UDP = 17;

    private static int word(long half, int index) {
        return Integer.reverseBytes((int) (index == 0 ? half >>> 32 : half));
    }

    private static boolean run(EgressProgram program, byte[] table, int protocol, long high, long low, int port) {
        boolean four = high == 0 && low >>> 32 == 0xffff;
        long port16 = Integer.reverseBytes(port << 16) & 0xffff_ffffL;
        long[] context = {
            0, word(low, 1), word(high, 0), word(high, 1), word(low, 0), word(low, 1), port16, 0, 0, protocol
        };
        boolean six = EbpfInterpreter.run(program.addresses(true), context, table) == 1;
        if (four) {
            // An INET socket says the same of it as an INET6 one.
            assertThat(EbpfInterpreter.run(program.addresses(false), context, table) == 1)
                    .isEqualTo(six);
        }
        return six;
    }

    private static EgressRule of(int protocol, long high, long low, int prefix, int first, int last) {
        return new EgressRule(protocol, high, low, prefix, -1, 0, first, last);
    }

    private static long four(int a, int b, int c, int d) {
        return EgressRule.MAPPED | (long) a << 24 | b << 16 | c << 8 | d;
    }

    @Test
    void saysWhatTheRulesSay() {
        List<EgressRule> rules = List.of(
                of(TCP, 0, four(10, 0, 0, 0), 96 + 8, 0, 0xffff),
                of(0, 0, four(192, 0, 2, 17), 128, 443, 443),
                of(UDP, 0, four(172, 16, 0, 0), 96 + 12, 5000, 6000),
                of(TCP, 0x2001_0db8_0000_0000L, 0, 32, 80, 0xffff),
                of(0, 0xfe80_0000_0000_0000L, 1, 128, 0, 53),
                of(UDP, 0x2000_0000_0000_0000L, 0, 3, 53, 53));
        EgressProgram program = new EgressProgram(rules);
        Random random = new Random(17);
        int allowed = 0;
        for (int i = 0; i < 60_000; i++) {
            EgressRule near = rules.get(random.nextInt(rules.size()));
            long high = near.high() ^ flip(random, 64);
            long low = near.low() ^ (random.nextInt(4) == 0 ? flip(random, 64) : flip(random, 32));
            int port = Math.clamp(
                    (random.nextBoolean() ? near.firstPort() : near.lastPort()) + random.nextInt(3) - 1L, 0, 0xffff);
            int protocol = random.nextBoolean() ? TCP : UDP;
            boolean own = high == 0 && (low == 0 || low == 1 || (low >>> 24) == 0xffff_7fL || low == EgressRule.MAPPED);
            boolean expected = own || rules.stream().anyMatch(r -> r.holds(protocol, high, low, port));
            allowed += expected ? 1 : 0;
            assertThat(run(program, new byte[0], protocol, high, low, port))
                    .as("%x %x port %d protocol %d", high, low, port, protocol)
                    .isEqualTo(expected);
        }
        assertThat(allowed).isBetween(2000, 58_000);
    }

    private static long flip(Random random, int bits) {
        return random.nextBoolean() ? 0 : 1L << random.nextInt(bits);
    }

    @Test
    void theLoopbackIsAlwaysThere() {
        EgressProgram none = new EgressProgram(List.of());
        assertThat(run(none, new byte[0], TCP, 0, 1, 80)).isTrue();
        assertThat(run(none, new byte[0], TCP, 0, four(127, 3, 2, 1), 80)).isTrue();
        assertThat(run(none, new byte[0], TCP, 0, four(128, 0, 0, 1), 80)).isFalse();
        assertThat(run(none, new byte[0], TCP, 0, 2, 80)).isFalse();
        assertThat(run(none, new byte[0], TCP, 1, 1, 80)).isFalse();
    }

    @Test
    void namesAreTheAddressesInTheirSlots() {
        EgressProgram program = new EgressProgram(List.of(new EgressRule(TCP, 0, 0, 0, 1, 2, 443, 443)));
        byte[] table = new byte[3 * EgressProgram.SLOT];
        assertThat(run(program, table, TCP, 0, four(10, 0, 0, 1), 443)).isFalse();
        put(table, 1, 0, four(10, 0, 0, 1));
        put(table, 2, 0x2001_0db8_0000_0000L, 0x1234_5678_9abc_def0L);
        put(table, 0, 0, four(10, 0, 0, 2));
        assertThat(run(program, table, TCP, 0, four(10, 0, 0, 1), 443)).isTrue();
        assertThat(run(program, table, UDP, 0, four(10, 0, 0, 1), 443)).isFalse();
        assertThat(run(program, table, TCP, 0, four(10, 0, 0, 1), 444)).isFalse();
        assertThat(run(program, table, TCP, 0, four(10, 0, 0, 2), 443)).isFalse();
        assertThat(run(program, table, TCP, 0x2001_0db8_0000_0000L, 0x1234_5678_9abc_def0L, 443))
                .isTrue();
        assertThat(run(program, table, TCP, 0x2001_0db8_0000_0000L, 0x1234_5678_9abc_def1L, 443))
                .isFalse();
    }

    private static void put(byte[] table, int slot, long high, long low) {
        for (int i = 0; i < 8; i++) {
            table[slot * EgressProgram.SLOT + i] = (byte) (high >>> (56 - 8 * i));
            table[slot * EgressProgram.SLOT + 8 + i] = (byte) (low >>> (56 - 8 * i));
        }
    }

    @Test
    void rulesOfNothingAreNone() {
        assertThatThrownBy(() -> of(0, 0, 0, 129, 0, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> of(0, 0, 0, 1, 2, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> of(0, 0, 0, 1, 0, 65536)).isInstanceOf(IllegalArgumentException.class);
    }

    private static boolean leaves(int first, int nextHeader) {
        byte[] packet = new byte[60];
        packet[0] = (byte) first;
        packet[6] = (byte) nextHeader;
        return EbpfInterpreter.runOn(EgressProgram.packets(), packet) == 1;
    }

    /** Version and header length of IPv4, version and next header of IPv6: of each value. (A guest's own source route is in TrapEgressTest.) */
    @Test
    void packetsThatAskToBeBroughtSomewhereElseFirstDoNotLeave() {
        for (int first = 0; first < 256; first++) {
            for (int next = 0; next < 256; next++) {
                boolean plain = first == 0x45;
                boolean six = first >> 4 == 6 && (next == TCP || next == UDP || next == 44 || next == 58);
                assertThat(leaves(first, next)).as("%x %d", first, next).isEqualTo(plain || six);
            }
        }
        assertThat(EbpfInterpreter.runOn(EgressProgram.packets(), new byte[7])).isZero();
    }
}
