package dev.caisson.kvm.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.ContainerFault;
import dev.caisson.ttrpc.proto.guest.Interface;
import dev.caisson.ttrpc.proto.guest.NetworkRequest;
import dev.caisson.ttrpc.proto.guest.Route;
import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class NetworkTextTest {
    private static final String TEXT = """
            interface 02:00:00:00:00:09 1450 eth0
            address 10.1.0.2/24
            address fd00::2/64
            route 10.1.0.0/24 -
            route 0.0.0.0/0 10.1.0.1
            """;

    @Test
    void linesBecomeAnInterface() throws ContainerFault {
        assertThat(NetworkText.parse(TEXT).build())
                .isEqualTo(NetworkRequest.newBuilder()
                        .addInterfaces(Interface.newBuilder()
                                .setMac("02:00:00:00:00:09")
                                .setMtu(1450)
                                .setName("eth0")
                                .addAddresses("10.1.0.2/24")
                                .addAddresses("fd00::2/64")
                                .addRoutes(Route.newBuilder()
                                        .setTarget("10.1.0.0/24")
                                        .setGateway("-"))
                                .addRoutes(Route.newBuilder()
                                        .setTarget("0.0.0.0/0")
                                        .setGateway("10.1.0.1")))
                        .build());
        assertThat(NetworkText.parse("interface 02:00:00:00:00:09 1450 eth0 02:63:61:72:64:00")
                        .build())
                .isEqualTo(NetworkRequest.newBuilder()
                        .addInterfaces(Interface.newBuilder()
                                .setMac("02:00:00:00:00:09")
                                .setMtu(1450)
                                .setName("eth0")
                                .setCard("02:63:61:72:64:00"))
                        .build());
        assertThat(NetworkText.parse("").build()).isEqualTo(NetworkRequest.getDefaultInstance());
    }

    @Test
    void whatIsNoneIsAFaultThatShowsIt() {
        for (String wrong : new String[] {"address 1.2.3.4/8", "interface a b c", "interface a", "hello", "route x"}) {
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(() -> NetworkText.parse(wrong))
                    .withMessageContaining(wrong);
        }
    }

    @Test
    void damageIsNeverMoreThanAFault() {
        for (int seed = 0; seed < 2000; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            byte[] bytes = TEXT.getBytes(StandardCharsets.UTF_8);
            for (int i = 0; i < 4; i++) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
            }
            try {
                var _ = NetworkText.parse(new String(bytes, StandardCharsets.ISO_8859_1));
            } catch (ContainerFault e) {
                assertThat(e).hasMessageStartingWith("read the pod's network");
            }
        }
    }
}
