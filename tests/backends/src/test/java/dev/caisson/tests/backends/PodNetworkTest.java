package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.kvm.guest.PodInterface;
import dev.caisson.kvm.pod.PodNetwork;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A pod's interfaces, taken over for a machine that there is none of. On any host with taps. */
@Timeout(60)
class PodNetworkTest {
    private static final String NAME = "caisson-pod-network";
    private static final int WAITERS = 16;

    private final List<Process> busy = new ArrayList<>();

    private static String ip(String words) throws Exception {
        List<String> command = new ArrayList<>(List.of("ip"));
        command.addAll(List.of(words.split(" ", -1)));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as("ip %s: %s", words, said).isZero();
        return said;
    }

    /** So that Java needs another thread for whoever waits for a program next. */
    private void keepWaitersBusy() throws Exception {
        for (int i = 0; i < WAITERS; i++) {
            busy.add(new ProcessBuilder("cat").start());
        }
    }

    /** Those that threads of this process are in. */
    private static Set<String> namespaces() throws Exception {
        Set<String> found = new HashSet<>();
        try (Stream<Path> threads = Files.list(Path.of("/proc/self/task"))) {
            for (Path each : threads.toList()) {
                try {
                    found.add(Files.readSymbolicLink(each.resolve("ns/net")).toString());
                } catch (NoSuchFileException e) {
                    // It has ended meanwhile.
                }
            }
        }
        return found;
    }

    @AfterEach
    void remove() throws Exception {
        busy.forEach(Process::destroyForcibly);
        if (Files.exists(Path.of("/run/netns", NAME))) {
            ip("netns del " + NAME);
        }
    }

    @Test
    void theInterfacesAreTheNamespacesAndNotTheHosts() throws Exception {
        assumeTrue(Files.exists(Path.of("/dev/net/tun")), "SKIPPED: no taps on this host");
        ip("netns add " + NAME);
        ip("-n " + NAME + " link add eth0 type veth peer name far");
        ip("-n " + NAME + " link set eth0 address 02:11:22:33:44:55 mtu 1450 up");
        ip("-n " + NAME + " link set far address 02:11:22:33:44:66 up");
        ip("-n " + NAME + " addr add 10.98.0.2/24 dev eth0");
        ip("-n " + NAME + " route add default via 10.98.0.1");
        keepWaitersBusy();
        try (PodNetwork network = PodNetwork.open(Path.of("/run/netns", NAME))) {
            assertThat(network.interfaces())
                    .hasSize(2)
                    .contains(new PodInterface(
                            "eth0",
                            "02:11:22:33:44:55",
                            1450,
                            List.of("10.98.0.2/24"),
                            List.of(
                                    new PodInterface.Route("10.98.0.0/24", ""),
                                    new PodInterface.Route("0.0.0.0/0", "10.98.0.1"))));
            assertThat(ip("-n " + NAME + " -o link")).contains("caisson0:", "caisson1:");
            // The thread that was there is gone, and no other one went along, such as Java's that wait for programs:
            // they would keep the pod's network.
            assertThat(namespaces()).hasSize(1);
            assertThat(ip("-o link")).doesNotContain("caisson0:");
        }
        assertThat(ip("-n " + NAME + " -o link")).doesNotContain("caisson0:");
    }
}
