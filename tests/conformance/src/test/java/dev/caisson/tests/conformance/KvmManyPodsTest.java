package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.Lab;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.RuntimeUnderTest;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Pods in virtual machines that come and go, one after the other ({@code -Dcaisson.kvm.pods}) and several at once ({@code -Dcaisson.kvm.pods.at.once}), each a copy of a template with a network of its own,
 * of both versions; after each one nothing is left of it. What the suite's leak check looks at comes on top.
 */
@EnabledIfSystemProperty(named = "caisson.wall", matches = "kvm")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class KvmManyPodsTest extends Bed {
    private static final int AT_ONCE = Integer.getInteger("caisson.kvm.pods.at.once", 4);
    /** Beside those of one after the other: numbers are in addresses and names, and a network's end takes its time. */
    private static final int FIRST = 250;

    private static final int FIRST_AT_ONCE = 230;
    private static final Duration PATIENCE = Duration.ofMinutes(5);
    /** What a daemon may have opened for its own sake meanwhile; a leak of one for each pod is more. */
    private static final int SPARE_DESCRIPTORS = 12;

    /** After the first pod: what a daemon has for all of them is there then. */
    private static @Nullable KvmHost first;

    private static int descriptors;

    static IntStream pods() {
        return IntStream.range(0, Integer.getInteger("caisson.kvm.pods", 15));
    }

    @Test
    @Order(1)
    void aTemplate() throws Exception {
        Lab.require("templates, pods and their networks of this suite");
        // The daemon is there from a first container on.
        bed().ctr()
                .runContainer(
                        Ctr.newId("first"),
                        List.of("--rm", "--null-io", "--annotation", "dev.caisson.backend=namespace"),
                        "true")
                .run()
                .ok();
        Command.of(
                        RuntimeUnderTest.prefixSetting()
                                .orElseThrow()
                                .resolve("bin/caisson-kvm")
                                .toString(),
                        "template",
                        "build",
                        "--cards",
                        "1")
                .env(Map.of("CAISSON_STATE_DIR", bed().caissonState().toString()))
                .timeout(PATIENCE)
                .run()
                .ok();
        life(FIRST);
        first = settled();
        descriptors = descriptors();
    }

    @ParameterizedTest
    @MethodSource("pods")
    @Order(2)
    void oneAfterTheOther(int pod) throws Exception {
        life(pod);
        nothingIsLeft();
        assertThat(descriptors()).as("descriptors of caissond").isLessThan(descriptors + SPARE_DESCRIPTORS);
    }

    @Test
    @Order(3)
    void atOnce() throws Exception {
        List<Future<Void>> lives = new ArrayList<>();
        try (ExecutorService pool = Executors.newFixedThreadPool(AT_ONCE)) {
            for (int i = 0; i < AT_ONCE; i++) {
                int pod = FIRST_AT_ONCE + i;
                Callable<Void> life = () -> {
                    life(pod);
                    return null;
                };
                lives.add(pool.submit(life));
            }
        }
        for (Future<Void> life : lives) {
            life.get();
        }
        nothingIsLeft();
        assertThat(descriptors()).as("descriptors of caissond").isLessThan(descriptors + SPARE_DESCRIPTORS);
    }

    private int descriptors() {
        return Proc.descriptors(bed().caissondPid().orElseThrow()).size();
    }

    /** Its network is made as a CNI plugin makes one. It says which addresses it has, and reads from the host by both. */
    private void life(int pod) throws Exception {
        String name = "many-" + pod;
        String four = "10.97." + pod + ".";
        String six = "fd00:97:" + Integer.toHexString(pod + 1) + "::";
        ip("netns add " + name);
        try {
            ip("link add ch-" + name + " type veth peer name eth0 netns " + name);
            ip("addr add " + four + "1/24 dev ch-" + name);
            ip("addr add " + six + "1/64 dev ch-" + name + " nodad");
            ip("link set ch-" + name + " up");
            ip("-n " + name + " addr add " + four + "2/24 dev eth0");
            ip("-n " + name + " addr add " + six + "2/64 dev eth0 nodad");
            ip("-n " + name + " link set eth0 up");
            try (ServerSocket byFour = greeter(four + "1");
                    ServerSocket bySix = greeter(six + "1")) {
                List<String> options =
                        List.of("--rm", "--with-ns", "network:/run/netns/" + name, "--cap-add", "CAP_NET_RAW");
                String script = "ip -o addr show dev eth0; nc " + four + "1 " + byFour.getLocalPort() + "; nc " + six
                        + "1 " + bySix.getLocalPort();
                Command.Result run = bed().ctr()
                        .runContainer(Ctr.newId("pod"), options, "sh", "-c", script)
                        .timeout(PATIENCE)
                        .run()
                        .ok();
                assertThat(run.out())
                        .as(run.toString())
                        .contains(" " + four + "2/24 ", " " + six + "2/64 ")
                        .contains("hello by " + four + "1\n", "hello by ");
                assertThat(run.out().lines().filter(line -> line.startsWith("hello by ")))
                        .hasSize(2);
            }
            assertThat(ip("-n " + name + " -o link")).as("taps").doesNotContain("caisson");
        } finally {
            ip("netns del " + name);
        }
    }

    /** Says once where it listens. */
    private static ServerSocket greeter(String address) throws IOException {
        ServerSocket server = new ServerSocket();
        server.bind(new InetSocketAddress(InetAddress.getByName(address), 0));
        Thread.ofVirtual().start(() -> {
            try (Socket caller = server.accept()) {
                caller.getOutputStream().write(("hello by " + address + "\n").getBytes(StandardCharsets.UTF_8));
            } catch (IOException e) {
                // Nobody called; the test says so.
            }
        });
        return server;
    }

    private static String ip(String words) {
        List<String> command = new ArrayList<>(List.of("ip"));
        command.addAll(List.of(words.split(" ", -1)));
        return Command.of(command).run().ok().out();
    }

    private static void nothingIsLeft() {
        KvmHost before = Objects.requireNonNull(first, "no template");
        List<String> left = settled().beyond(before);
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!left.isEmpty() && System.nanoTime() < end) {
            Await.sleep(Duration.ofMillis(500));
            left = settled().beyond(before);
        }
        assertThat(left).as("left behind").isEmpty();
    }

    /** When no spare is in the making. */
    private static KvmHost settled() {
        Await.until("no machine in the making", PATIENCE, () -> !KvmHost.isMaking());
        return KvmHost.look();
    }
}
