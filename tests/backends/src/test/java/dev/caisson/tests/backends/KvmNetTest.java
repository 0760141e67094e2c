package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.kvm.virtio.net.NetDevice;
import dev.caisson.kvm.vm.VirtualMachine;
import dev.caisson.kvm.vm.VmEnd;
import dev.caisson.linux.Tap;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A real guest's network card on a tap of the lab's. */
@Timeout(300)
class KvmNetTest {
    @BeforeAll
    static void thereIsKvm() {
        assumeTrue(System.getenv("CAISSON_LAB") != null, "SKIPPED: guests run in the lab");
    }

    private static void run(String... command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor())
                .as("%s: %s", String.join(" ", command), output)
                .isZero();
    }

    @Test
    void guestAndHostReachEachOther() throws Exception {
        byte[] mac = {2, 0, 0, 0, 0, 9};
        String script = "b=/bin/busybox; $b ip addr add 10.77.0.2/24 dev eth0; $b ip link set eth0 up;"
                + " echo mac $($b cat /sys/class/net/eth0/address) mtu $($b cat /sys/class/net/eth0/mtu) >/dev/ttyS0;"
                + " $b ping -c 2 -W 10 10.77.0.1 >/dev/ttyS0;"
                + " $b dd if=/dev/zero bs=64k count=32 2>/dev/null | $b nc 10.77.0.1 7777 >/run/back;"
                + " echo back $($b wc -c </run/back) >/dev/ttyS0";
        try (NetDevice card = new NetDevice(Tap.open("caisson-test", NetDevice.HEADER), mac, 1400)) {
            run("ip", "addr", "add", "10.77.0.1/24", "dev", "caisson-test");
            run("ip", "link", "set", "caisson-test", "mtu", "1400", "up");
            try (ServerSocket server = new ServerSocket(7777, 1, InetAddress.getByName("10.77.0.1"));
                    VirtualMachine vm =
                            VirtualMachine.create(KvmGuests.config(1, KvmGuests.shell(script), List.of(card)))) {
                server.setSoTimeout(120_000);
                vm.start();
                try (Socket guest = server.accept()) {
                    InputStream in = guest.getInputStream();
                    byte[] sent = in.readNBytes(2 << 20);
                    assertThat(sent).hasSize(2 << 20).containsOnly(0);
                    byte[] answer = new byte[1 << 20];
                    Arrays.fill(answer, (byte) 'x');
                    guest.getOutputStream().write(answer);
                }
                VmEnd end = vm.await(Duration.ofMinutes(2));
                String said = vm.console().text();
                assertThat(end).as(said).isEqualTo(new VmEnd(VmEnd.Cause.POWER_OFF, ""));
                assertThat(said).contains("mac 02:00:00:00:00:09 mtu 1400", "2 packets received", "back " + (1 << 20));
            }
        }
    }
}
