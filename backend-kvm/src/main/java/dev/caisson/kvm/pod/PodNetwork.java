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
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
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

    private static final String LOOK = "ip -o link && echo && ip -o addr";
    /** Of an interface, its tap and their size; a machine's that was in the same namespace before may have left its rules. */
    private static final String MOVE = """
            set -e
            ip link set dev "$2" mtu "$3" up
            tc qdisc del dev "$1" ingress 2>/dev/null || :
            tc qdisc add dev "$1" ingress
            tc qdisc add dev "$2" ingress
            tc filter add dev "$1" parent ffff: protocol all u32 match u8 0 0 action mirred egress redirect dev "$2"
            tc filter add dev "$2" parent ffff: protocol all u32 match u8 0 0 action mirred egress redirect dev "$1"
            """;

    private final Path namespace;
    private final List<PodInterface> interfaces = new ArrayList<>();
    private final List<Fd> taps = new ArrayList<>();

    private PodNetwork(Path namespace) {
        this.namespace = namespace;
    }

    /** Of a pod that has none. */
    public static PodNetwork none() {
        return new PodNetwork(Path.of("/"));
    }

    /**
     * Takes over all interfaces but the loopback.
     *
     * @param namespace path of the namespace's file
     */
    public static PodNetwork open(Path namespace) throws ContainerFault {
        PodNetwork network = new PodNetwork(namespace);
        try {
            // Programs are not started from inside: Java waits for them by threads that are where the starting one was,
            // and stay for the next program.
            String[] said = network.run("look at interfaces", LOOK).split("\n\n", 2);
            List<PodInterface> found = Links.parse(said[0], said.length > 1 ? said[1] : "");
            network.inside(found);
            for (int i = 0; i < found.size(); i++) {
                String name = found.get(i).name();
                String mtu = Integer.toString(found.get(i).mtu());
                var _ = network.run("move the traffic of " + name, MOVE, name, TAP + i, mtu);
            }
            return network;
        } catch (IOException e) {
            network.close();
            throw new ContainerFault(
                    Kind.FAILED, "take over the interfaces of " + namespace + ": " + Errno.describe(e), e);
        } catch (InterruptedException e) {
            network.close();
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

    /** By a thread of its own, for it does not come back from there. It starts no other. */
    private void inside(List<PodInterface> found) throws IOException, InterruptedException {
        FutureTask<Void> taking = new FutureTask<>(() -> {
            NetworkNamespace.enter(namespace.toString());
            for (PodInterface each : found) {
                take(each);
            }
            return null;
        });
        Thread there = Thread.ofPlatform().daemon().name("pod-network").start(taking);
        boolean interrupted = false;
        while (there.isAlive()) {
            try {
                there.join();
            } catch (InterruptedException e) {
                interrupted = true; // it writes to what is closed next, and waits for nobody
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        try {
            taking.get();
        } catch (ExecutionException e) {
            throw e.getCause() instanceof IOException known ? known : new IOException(e.getCause());
        }
    }

    private void take(PodInterface link) throws IOException {
        // Before the traffic is moved: from then on the namespace answers nobody.
        interfaces.add(new PodInterface(link.name(), link.mac(), link.mtu(), link.addresses(), routes(link.name())));
        taps.add(Tap.open(TAP + taps.size(), NetDevice.HEADER));
    }

    /** Programs of iproute2's, in the namespace; said in words what for. */
    private String run(String what, String script, String... arguments) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                "/usr/bin/env",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                "nsenter",
                "--net=" + namespace,
                "sh",
                "-c",
                script,
                "sh"));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (!process.waitFor(PROGRAM_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
            throw new IOException(what + ": " + said.strip());
        }
        return said;
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
