package dev.caisson.kvm.pod;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.kvm.guest.PodInterface;
import dev.caisson.kvm.virtio.net.NetDevice;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.NetworkNamespace;
import dev.caisson.linux.Tap;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InterfaceAddress;
import java.net.NetworkInterface;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * The interfaces of a pod's network namespace, taken over for its machine: for each a tap, with all traffic moved from one to the other by the kernel
 * (tc-mirred(8)). The guest's card has the interface's link-layer address, and gets its addresses and routes; the namespace's own stack sees nothing of it
 * any more. The machine's process itself is not in that namespace.
 */
public final class PodNetwork implements AutoCloseable {
    /** The names that taps get, up to their number. */
    private static final String TAP = "caisson";

    private static final int PROGRAM_SECONDS = 30;
    private static final Path TABLES = Path.of("/proc/thread-self/net");

    private final List<PodInterface> interfaces = new ArrayList<>();
    private final List<Fd> taps = new ArrayList<>();

    private PodNetwork() {}

    /** Of a pod that has none. */
    public static PodNetwork none() {
        return new PodNetwork();
    }

    /**
     * Takes over all interfaces but the loopback.
     *
     * @param namespace path of the namespace's file
     */
    public static PodNetwork open(Path namespace) throws ContainerFault {
        CompletableFuture<PodNetwork> done = new CompletableFuture<>();
        // A thread of its own, for it does not come back from there.
        Thread there = Thread.ofPlatform().daemon().name("pod-network").start(() -> {
            PodNetwork network = new PodNetwork();
            try {
                NetworkNamespace.enter(namespace.toString());
                network.takeAll();
                done.complete(network);
            } catch (IOException | RuntimeException | Error e) {
                network.close();
                done.completeExceptionally(e);
            }
        });
        try {
            PodNetwork network = done.get();
            there.join();
            return network;
        } catch (ExecutionException e) {
            Throwable why = e.getCause();
            throw new ContainerFault(
                    Kind.FAILED,
                    "take over the interfaces of " + namespace + ": "
                            + (why instanceof IOException known ? Errno.describe(known) : why),
                    why);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ContainerFault(Kind.UNAVAILABLE, "interrupted while taking over interfaces", e);
        }
    }

    /** The interfaces; the tap of each is at the same place among {@link #taps}. */
    public List<PodInterface> interfaces() {
        return List.copyOf(interfaces);
    }

    List<Fd> taps() {
        return List.copyOf(taps);
    }

    private void takeAll() throws IOException {
        for (NetworkInterface each : NetworkInterface.networkInterfaces().toList()) {
            if (!each.isLoopback() && each.getHardwareAddress() != null) {
                take(each);
            }
        }
    }

    private void take(NetworkInterface link) throws IOException {
        // Before the traffic is moved: from then on the namespace answers nobody.
        interfaces.add(describe(link));
        String name = TAP + taps.size();
        taps.add(Tap.open(name, NetDevice.HEADER));
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

    private static PodInterface describe(NetworkInterface link) throws IOException {
        List<String> addresses = new ArrayList<>();
        for (InterfaceAddress each : link.getInterfaceAddresses()) {
            if (!each.getAddress().isLinkLocalAddress()) {
                addresses.add(text(each.getAddress()) + "/" + each.getNetworkPrefixLength());
            }
        }
        List<PodInterface.Route> routes =
                new ArrayList<>(Routes.version4(Files.readAllLines(TABLES.resolve("route")), link.getName()));
        Path version6 = TABLES.resolve("ipv6_route");
        if (Files.exists(version6)) {
            routes.addAll(Routes.version6(Files.readAllLines(version6), link.getName()));
        }
        return new PodInterface(
                link.getName(), PodInterface.text(link.getHardwareAddress()), link.getMTU(), addresses, routes);
    }

    private static String text(InetAddress address) {
        String text = address.getHostAddress();
        int zone = text.indexOf('%');
        return zone < 0 ? text : text.substring(0, zone);
    }

    /** The machine has copies of the taps. */
    @Override
    public void close() {
        taps.forEach(Fd::close);
        taps.clear();
    }
}
