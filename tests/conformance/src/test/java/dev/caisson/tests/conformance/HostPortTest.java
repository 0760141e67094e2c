package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.api.cri.PortMapping;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Pod;
import dev.caisson.tests.support.PrivateContainerd;
import dev.caisson.tests.support.Skip;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A port of the host that leads into a pod: CNI's work, which needs a network namespace that it can enter by its path. */
class HostPortTest extends Bed {
    private static final Duration SOON = Duration.ofSeconds(15);
    private static final String CHAIN = "CNI-HOSTPORT-DNAT";
    private static final Map<Object, PrivateContainerd> BEDS = new HashMap<>();
    /** The packet filter as it was; null where nothing ran. */
    private static @Nullable String before;

    @BeforeEach
    void needsPortmap() {
        Skip.unless(
                Files.isExecutable(Path.of("/usr/lib/cni/portmap"))
                        && Command.find("iptables").isPresent(),
                "a port of the host",
                "the packages containernetworking-plugins and iptables");
    }

    @Override
    public PrivateContainerd bed() {
        synchronized (BEDS) {
            if (before == null) {
                before = rules();
            }
            return BEDS.computeIfAbsent(
                    build,
                    key -> PrivateContainerd.start(
                            PrivateContainerd.Settings.of(build, runtime()).withHostPorts()));
        }
    }

    @AfterAll
    static void closeBeds() {
        synchronized (BEDS) {
            BEDS.values().forEach(PrivateContainerd::close);
            BEDS.clear();
            if (before != null && !before.contains(CHAIN)) {
                removeEmptyChain();
                assertThat(rules()).isEqualTo(before);
            }
        }
    }

    /** The plugin takes its rules away but leaves the chain for the next time, and two jumps to it. */
    private static void removeEmptyChain() {
        for (String from : List.of("PREROUTING", "OUTPUT")) {
            nat("-D", from, "-m", "addrtype", "--dst-type", "LOCAL", "-j", CHAIN);
        }
        nat("-X", CHAIN);
    }

    private static void nat(String... arguments) {
        List<String> argv = new ArrayList<>(List.of("iptables", "-t", "nat"));
        argv.addAll(List.of(arguments));
        Command.of(argv).run().ok();
    }

    private static String rules() {
        return Command.of("iptables", "-t", "nat", "-S").run().ok().out();
    }

    @Test
    void portOfTheHostLeadsIntoThePodUntilItEnds() {
        int port = 20000 + (int) (bed().pid() % 9000);
        try (Pod pod = Pod.run(
                bed(),
                builder -> builder.addPortMappings(
                        PortMapping.newBuilder().setContainerPort(8080).setHostPort(port)))) {
            pod.start("server", "sh", "-c", "mkdir /www; echo through the host > /www/note; httpd -f -p 8080 -h /www");
            String address = pod.status().getNetwork().getIp();
            // The bridge's address is the host's own.
            String host = address.substring(0, address.lastIndexOf('.')) + ".1";

            Await.until(
                    () -> "an answer from " + host + ":" + port + ", so far " + get(host, port) + "\n" + rules(),
                    SOON,
                    () -> get(host, port).endsWith("through the host\n"));
            assertThat(rules()).contains("--to-destination " + address + ":8080");

            pod.stop();
            assertThat(rules()).doesNotContain(address + ":8080");
        }
    }

    private static String get(String host, int port) {
        try (Socket socket = new Socket(host, port)) {
            socket.setSoTimeout(2000);
            socket.getOutputStream().write("GET /note HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException notYet) {
            return notYet.toString();
        }
    }
}
