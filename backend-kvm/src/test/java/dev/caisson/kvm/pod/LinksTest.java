package dev.caisson.kvm.pod;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.guest.PodInterface;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What ip(8) of iproute2 6.1 prints. */
class LinksTest {
    private static final String LINKS = """
            1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\\    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
            2: eth0@if5: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UP mode DEFAULT group default qlen 1000\\    link/ether 02:11:22:33:44:55 brd ff:ff:ff:ff:ff:ff link-netnsid 0
            3: net1: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN mode DEFAULT group default qlen 1000\\    link/ether 0a:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
            4: sit0@NONE: <NOARP> mtu 1480 qdisc noop state DOWN mode DEFAULT group default qlen 1000\\    link/sit 0.0.0.0 brd 0.0.0.0
            """;
    private static final String ADDRESSES = """
            1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
            2: eth0    inet 10.99.0.2/24 brd 10.99.0.255 scope global eth0\\       valid_lft forever preferred_lft forever
            2: eth0    inet6 fd00::2/64 scope global \\       valid_lft forever preferred_lft forever
            2: eth0    inet6 fe80::11:22ff:fe33:4455/64 scope link \\       valid_lft forever preferred_lft forever
            """;

    @Test
    void interfacesHaveTheirAddresses() {
        assertThat(Links.parse(LINKS, ADDRESSES))
                .containsExactly(
                        new PodInterface(
                                "eth0", "02:11:22:33:44:55", 1450, List.of("10.99.0.2/24", "fd00::2/64"), List.of()),
                        new PodInterface("net1", "0a:00:00:00:00:01", 1500, List.of(), List.of()));
        assertThat(Links.parse("", "")).isEmpty();
    }
}
