package dev.caisson.trap.egress;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.direct.NativeMemory;
import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;

class NameQueryTest {
    private static final NameQuery QUERY = new NameQuery(0x1234, "a.test", false);
    private static final long SECOND = 1_000_000_000L;

    /** An answer with one alias and two addresses. */
    private static byte[] answer() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(HexFormat.of().parseHex("123481800001000300000000"));
        byte[] query = QUERY.message();
        out.write(query, 12, query.length - 12);
        out.writeBytes(
                HexFormat.of().parseHex("c00c00050001000000640003016206c0")); // type 5; its data is of no interest
        byte[] bytes = out.toByteArray();
        bytes = Arrays.copyOf(bytes, bytes.length - 1);
        out.reset();
        out.writeBytes(bytes);
        out.writeBytes(HexFormat.of().parseHex("c00c000100010000012c00040a000001"));
        out.writeBytes(HexFormat.of().parseHex("016204746573740000010001000000780004c0000202"));
        return out.toByteArray();
    }

    private static InternetAddress address(String text) {
        return Objects.requireNonNull(InternetAddress.parse(text));
    }

    @Test
    void asksAsTheStandardSays() {
        assertThat(HexFormat.of().formatHex(QUERY.message()))
                .isEqualTo("123401000001000000000000016104746573740000010001");
    }

    @Test
    void readsAddressesAndTheShortestTime() {
        NameQuery.Answer answer = QUERY.read(answer());
        assertThat(answer).isEqualTo(new NameQuery.Answer(List.of(address("10.0.0.1"), address("192.0.2.2")), 120));
    }

    @Test
    void believesNoOtherAnswer() {
        assertThat(new NameQuery(0x1235, "a.test", false).read(answer())).isNull();
        assertThat(new NameQuery(0x1234, "b.test", false).read(answer())).isNull();
        assertThat(new NameQuery(0x1234, "a.test", true).read(answer())).isNull();
        byte[] question = answer();
        question[2] = 1;
        assertThat(QUERY.read(question)).isNull();
        byte[] failed = answer();
        failed[3] |= 2;
        assertThat(QUERY.read(failed)).isNull();
    }

    @Test
    void cutOrChangedAnswersAreNoneOrOthersButNeverAnError() {
        byte[] whole = answer();
        for (int length = 0; length < whole.length; length++) {
            assertThat(QUERY.read(Arrays.copyOf(whole, length))).isNull();
        }
        Random random = new Random(5);
        for (int i = 0; i < 50_000; i++) {
            byte[] changed = whole.clone();
            for (int n = random.nextInt(5); n >= 0; n--) {
                changed[random.nextInt(changed.length)] = (byte) random.nextInt();
            }
            NameQuery.Answer answer = QUERY.read(changed);
            assertThat(answer == null || answer.addresses().size() <= 64).isTrue();
        }
    }

    @Test
    void addressesAreKeptForAWhileAndNoMoreThanThereIsRoomFor() throws EgressException {
        EgressPolicy policy = EgressPolicy.parse("tcp a.test:443, dns 192.0.2.1");
        try (NativeMemory memory = new NativeMemory(policy.tableSize())) {
            NameTable table = new NameTable(policy, memory);
            table.learn(0, new NameQuery.Answer(List.of(address("10.0.0.1")), 30), 0);
            assertThat(table.allows(6, address("10.0.0.1"), 443)).isTrue();
            assertThat(table.allows(6, address("10.0.0.1"), 80)).isFalse();
            assertThat(table.allows(17, address("10.0.0.1"), 443)).isFalse();
            assertThat(memory.getBytes(0, 16)).isEqualTo(HexFormat.of().parseHex("00000000000000000000ffff0a000001"));
            table.expire(119 * SECOND);
            assertThat(table.allows(6, address("10.0.0.1"), 443)).isTrue();
            table.expire(121 * SECOND);
            assertThat(table.allows(6, address("10.0.0.1"), 443)).isFalse();
            assertThat(memory.getBytes(0, 16)).isEqualTo(new byte[16]);
            for (int i = 0; i < 40; i++) {
                table.learn(0, new NameQuery.Answer(List.of(address("10.0.1." + i)), 300), i * SECOND);
            }
            assertThat(table.allows(6, address("10.0.1.23"), 443)).isFalse();
            assertThat(table.allows(6, address("10.0.1.24"), 443)).isTrue();
            assertThat(table.allows(6, address("10.0.1.39"), 443)).isTrue();
        }
    }
}
