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
        for (PodInterface each : Links.parse(run("ip", "-o", "link"), run("ip", "-o", "addr"))) {
            take(each);
        }
    }

    private void take(PodInterface link) throws IOException {
        // Before the traffic is moved: from then on the namespace answers nobody.
        interfaces.add(new PodInterface(link.name(), link.mac(), link.mtu(), link.addresses(), routes(link.name())));
        String name = TAP + taps.size();
        taps.add(Tap.open(name, NetDevice.HEADER));
        var _ = run("ip", "link", "set", "dev", name, "mtu", Integer.toString(link.mtu()), "up");
        redirect(link.name(), name);
        redirect(name, link.name());
    }

    private static void redirect(String from, String to) throws IOException {
        try {
            var _ = run("tc", "qdisc", "del", "dev", from, "ingress");
        } catch (IOException e) {
            // Of an earlier machine's in the same namespace, if there was one.
            System.getLogger(PodNetwork.class.getName()).log(System.Logger.Level.DEBUG, e.getMessage());
        }
        var _ = run("tc", "qdisc", "add", "dev", from, "ingress");
        var _ = run(
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
    private static String run(String... command) throws IOException {
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
            return said;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    private static List<PodInterface.Route> routes(String name) throws IOException {
        List<PodInterface.Route> routes =
                new ArrayList<>(Routes.version4(Files.readAllLines(TABLES.resolve("route")), name));
        Path version6 = TABLES.resolve("ipv6_route");
        if (Files.exists(version6)) {
            routes.addAll(Routes.version6(Files.readAllLines(version6), name));
        }
        return routes;
    }

    /** The machine has copies of the taps. */
    @Override
    public void close() {
        taps.forEach(Fd::close);
        taps.clear();
    }
}
