package dev.caisson.kvm.vmm;

import dev.caisson.kvm.virtio.net.NetDevice;
import dev.caisson.kvm.virtio.net.Tap;
import dev.caisson.linux.Fd;
import java.io.IOException;
import java.net.Inet4Address;
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
    private static final int ROUTE_FIELDS = 11;
    private static final int GATEWAY_FLAG = 2;

    private final List<NetDevice> devices = new ArrayList<>();
    private final StringBuilder description = new StringBuilder();

    private PodNetwork() {}

    static PodNetwork none() {
        return new PodNetwork();
    }

    /** Takes over all interfaces but the loopback. */
    static PodNetwork open() throws IOException {
        PodNetwork network = new PodNetwork();
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

    /** A line for each fact: {@code interface MAC MTU NAME}, and behind it its {@code address ADDRESS/PREFIX} and {@code route TARGET GATEWAY}. */
    private void describe(NetworkInterface link, byte[] mac) throws IOException {
        description
                .append("interface ")
                .append(HexFormat.ofDelimiter(":").formatHex(mac))
                .append(' ')
                .append(link.getMTU())
                .append(' ')
                .append(link.getName())
                .append('\n');
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
        routes(link.getName());
    }

    private static String text(InetAddress address) {
        String text = address.getHostAddress();
        int zone = text.indexOf('%');
        return zone < 0 ? text : text.substring(0, zone);
    }

    /** Those of version 4 from /proc/net/route (proc(5)): hexadecimal words in the host's order of bytes; with a gateway last, as they need others. */
    private void routes(String name) throws IOException {
        List<String> direct = new ArrayList<>();
        List<String> through = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of("/proc/thread-self/net/route"))) {
            String[] fields = line.strip().split("\\s+", -1);
            if (fields.length < ROUTE_FIELDS || !fields[0].equals(name)) {
                continue;
            }
            int prefix = Integer.bitCount(Integer.parseUnsignedInt(fields[7], 16));
            String target = address(fields[1]) + "/" + prefix;
            boolean hasGateway = (Integer.parseUnsignedInt(fields[3], 16) & GATEWAY_FLAG) != 0;
            (hasGateway ? through : direct)
                    .add("route " + target + " " + (hasGateway ? address(fields[2]) : "-") + "\n");
        }
        direct.forEach(description::append);
        through.forEach(description::append);
    }

    private static String address(String hex) throws IOException {
        int word = Integer.reverseBytes(Integer.parseUnsignedInt(hex, 16));
        byte[] octets = {(byte) (word >>> 24), (byte) (word >>> 16), (byte) (word >>> 8), (byte) word};
        return ((Inet4Address) InetAddress.getByAddress(octets)).getHostAddress();
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
