package dev.caisson.kvm.vmm;

import dev.caisson.kvm.virtio.net.NetDevice;
import dev.caisson.kvm.virtio.net.Tap;
import dev.caisson.linux.Fd;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InterfaceAddress;
import java.net.NetworkInterface;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The network of the namespace that this process was started in: for each interface of the pod's a tap of the guest's, with all traffic moved from one
 * to the other by the kernel (tc-mirred(8)). The guest's card has the interface's link-layer address, and gets its addresses and routes; the
 * namespace's own stack sees nothing of it any more.
 */
final class PodNetwork implements AutoCloseable {
    /** The names that taps get, up to their number. */
    private static final String TAP = "caisson";

    private static final int PROGRAM_SECONDS = 30;
    private static final Path TABLES = Path.of("/proc/thread-self/net");

    private final List<NetDevice> devices = new ArrayList<>();
    private final StringBuilder description = new StringBuilder();

    /** Of cards that are connected to nothing, up to their number. */
    private static final byte[] CARD = {2, 0x63, 0x61, 0x72, 0x64, 0};
    /** Ethernet's: a copy's packets may be shorter, and not longer. */
    private static final int CARD_MTU = 1500;

    private final boolean copy;

    private PodNetwork(boolean copy) {
        this.copy = copy;
    }

    /** Cards that are connected to nothing: taps that are down. */
    static PodNetwork unplugged(int cards) throws IOException {
        PodNetwork network = new PodNetwork(false);
        try {
            for (int i = 0; i < cards; i++) {
                network.devices.add(new NetDevice(Tap.open(TAP + i), card(i), CARD_MTU));
            }
            return network;
        } catch (IOException e) {
            network.close();
            throw e;
        }
    }

    private static byte[] card(int number) {
        byte[] mac = CARD.clone();
        mac[5] = (byte) number;
        return mac;
    }

    /**
     * Takes over all interfaces but the loopback.
     *
     * @param copy whether the guest is the copy of one that had {@link #unplugged} cards, and knows them by their addresses
     */
    static PodNetwork open(boolean copy) throws IOException {
        PodNetwork network = new PodNetwork(copy);
        try {
            for (NetworkInterface each : NetworkInterface.networkInterfaces().toList()) {
                if (!each.isLoopback() && each.getHardwareAddress() != null) {
                    network.take(each);
                }
            }
            return network;
        } catch (IOException e) {
            network.close();
            throw e;
        }
    }

    private void take(NetworkInterface link) throws IOException {
        byte[] mac = link.getHardwareAddress();
        // Before the traffic is moved: from then on the namespace answers nobody.
        describe(link, mac);
        String name = TAP + devices.size();
        Fd tap = Tap.open(name);
        devices.add(new NetDevice(tap, mac, link.getMTU()));
        run("ip", "link", "set", "dev", name, "mtu", Integer.toString(link.getMTU()), "up");
        redirect(link.getName(), name);
        redirect(name, link.getName());
    }

    private static void redirect(String from, String to) throws IOException {
        try {
            run("tc", "qdisc", "del", "dev", from, "ingress");
        } catch (IOException e) {
            // Of an earlier machine's in the same namespace, if there was one.
            System.getLogger(PodNetwork.class.getName()).log(System.Logger.Level.DEBUG, e.getMessage());
        }
        run("tc", "qdisc", "add", "dev", from, "ingress");
        run(
                "tc",
                "filter",
                "add",
                "dev",
                from,
                "parent",
                "ffff:",
                "protocol",
                "all",
                "u32",
                "match",
                "u8",
                "0",
                "0",
                "action",
                "mirred",
                "egress",
                "redirect",
                "dev",
                to);
    }

    /** A program of iproute2's. */
    private static void run(String... command) throws IOException {
        ProcessBuilder builder =
                new ProcessBuilder(new ArrayList<>(List.of("/usr/bin/env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin")));
        builder.command().addAll(List.of(command));
        builder.redirectErrorStream(true);
        try {
            Process process = builder.start();
            process.getOutputStream().close();
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (!process.waitFor(PROGRAM_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
                throw new IOException(String.join(" ", command) + ": " + said.strip());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    // ---- what the guest has to know ----

    /** A line for each fact: {@code interface MAC MTU NAME [CARD]}, with the address that the guest knows its card by if that is another one; and behind it its {@code address ADDRESS/PREFIX} and {@code route TARGET GATEWAY}. */
    private void describe(NetworkInterface link, byte[] mac) throws IOException {
        description
                .append("interface ")
                .append(HexFormat.ofDelimiter(":").formatHex(mac))
                .append(' ')
                .append(link.getMTU())
                .append(' ')
                .append(link.getName());
        if (copy) {
            description.append(' ').append(HexFormat.ofDelimiter(":").formatHex(card(devices.size())));
        }
        description.append('\n');
        for (InterfaceAddress each : link.getInterfaceAddresses()) {
            if (!each.getAddress().isLinkLocalAddress()) {
                description
                        .append("address ")
                        .append(text(each.getAddress()))
                        .append('/')
                        .append(each.getNetworkPrefixLength())
                        .append('\n');
            }
        }
        Routes.version4(Files.readAllLines(TABLES.resolve("route")), link.getName())
                .forEach(description::append);
        Path version6 = TABLES.resolve("ipv6_route");
        if (Files.exists(version6)) {
            Routes.version6(Files.readAllLines(version6), link.getName()).forEach(description::append);
        }
    }

    private static String text(InetAddress address) {
        String text = address.getHostAddress();
        int zone = text.indexOf('%');
        return zone < 0 ? text : text.substring(0, zone);
    }

    List<NetDevice> devices() {
        return List.copyOf(devices);
    }

    String description() {
        return description.toString();
    }

    @Override
    public void close() {
        devices.forEach(NetDevice::close);
    }
}
