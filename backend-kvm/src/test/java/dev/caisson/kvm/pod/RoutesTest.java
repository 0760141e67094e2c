package dev.caisson.kvm.pod;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.guest.PodInterface.Route;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Tables as Linux prints them. */
class RoutesTest {
    private static final List<String> V4 = List.of(
            "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
            "eth0\t00000000\t0100010A\t0003\t0\t0\t0\t00000000\t0\t0\t0",
            "eth1\t0000010A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
            "eth0\t0000010A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0");

    /** Of {@code ip -6 route}: fd00::/64, fd07::/64 via fd00::1, default via fd00::1, fe80::/64, an own address, ff00::/8, an unreachable one. */
    private static final List<String> V6 = List.of(
            line("fd070000000000000000000000000000 40", "fd000000000000000000000000000001", "00000003", "eth0"),
            line("fd000000000000000000000000000000 40", "00000000000000000000000000000000", "00000001", "eth0"),
            line("fd090000000000000000000000000000 40", "00000000000000000000000000000000", "00000001", "eth1"),
            line("fe800000000000000000000000000000 40", "00000000000000000000000000000000", "00000001", "eth0"),
            line("00000000000000000000000000000000 00", "fd000000000000000000000000000001", "00000003", "eth0"),
            line("fd000000000000000000000000000002 80", "00000000000000000000000000000000", "80200001", "eth0"),
            line("ff000000000000000000000000000000 08", "00000000000000000000000000000000", "00000001", "eth0"),
            line("00000000000000000000000000000000 00", "00000000000000000000000000000000", "00200200", "lo"));

    private static String line(String target, String gateway, String flags, String device) {
        return target + " 00000000000000000000000000000000 00 " + gateway + " 00000400 00000001 00000000 " + flags
                + "     " + device;
    }

    @Test
    void version4() throws Exception {
        assertThat(Routes.version4(V4, "eth0"))
                .containsExactly(new Route("10.1.0.0/24", ""), new Route("0.0.0.0/0", "10.1.0.1"));
    }

    @Test
    void version6() throws Exception {
        assertThat(Routes.version6(V6, "eth0"))
                .containsExactly(
                        new Route("fd00:0:0:0:0:0:0:0/64", ""),
                        new Route("fd07:0:0:0:0:0:0:0/64", "fd00:0:0:0:0:0:0:1"),
                        new Route("0:0:0:0:0:0:0:0/0", "fd00:0:0:0:0:0:0:1"));
    }
}
