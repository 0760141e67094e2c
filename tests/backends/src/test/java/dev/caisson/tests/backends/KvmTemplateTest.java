package dev.caisson.tests.backends;

import static dev.caisson.tests.backends.IpCommand.ip;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.backend.Backend;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.MachineTemplates;
import dev.caisson.backend.MachineTemplates.Shape;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.PodFixture;
import dev.caisson.backend.testkit.PodTest;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.kvm.KvmBackend;
import dev.caisson.kvm.guest.GuestAgent;
import dev.caisson.kvm.memory.Footprint;
import dev.caisson.oci.Linux;
import dev.caisson.oci.NamespaceType;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Pods whose machines go on from a template, and what makes each of them one of its own. In the lab. */
@Timeout(600)
class KvmTemplateTest extends PodTest {
    private static final Backend BACKEND = new KvmBackend();
    private static final String WHO =
            "cat /proc/sys/kernel/random/boot_id; od -An -tx1 -N16 /dev/urandom; echo ready;" + " exec sleep 1000";
    private static final String TEMPLATES = "caisson.kvm.templates";
    private static final long MILLI = 1_000_000;
    private static final Path MACHINES = Path.of("/run/caisson-kvm");

    @BeforeEach
    void thereIsKvm() {
        assumeTrue(System.getenv("CAISSON_LAB") != null, "SKIPPED: guests run in the lab");
        // The backend asks for it once.
        if (System.getProperty(TEMPLATES) == null) {
            System.setProperty(TEMPLATES, temp.resolve("templates").toString());
        }
    }

    @Override
    protected Backend backend() {
        return BACKEND;
    }

    @Override
    protected PodFixture openPod(Path directory) throws IOException {
        return MonitorPod.open(directory);
    }

    private MachineTemplates templates() {
        return Objects.requireNonNull(BACKEND.templates());
    }

    private String build(Shape shape) throws Exception {
        long begin = System.nanoTime();
        String name = templates().build(shape, pod().launcher());
        System.out.println("template " + name + ": " + (System.nanoTime() - begin) / MILLI + " ms, "
                + templates().list());
        assertThat(templates().verify(name)).isEmpty();
        // What a life writes to, at least a hundredth of the memory.
        Footprint footprint = Footprint.parse(
                Files.readString(Path.of(System.getProperty(TEMPLATES), name, "footprint")), shape.memoryMib() << 8);
        assertThat(footprint.own().cardinality()).isBetween((shape.memoryMib() << 8) / 100, shape.memoryMib() << 6);
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> templates().build(shape, pod().launcher()))
                .withMessageContaining("there is one");
        return name;
    }

    private static TestContainer running(TestContainer container) throws Exception {
        long begin = System.nanoTime();
        container.create().start();
        await("its words", () -> container.stdout().contains("ready"));
        System.out.println("pod: " + (System.nanoTime() - begin) / MILLI + " ms");
        return container;
    }

    /** The machine that waits for the next pod; it is made beside all else, and so takes its time. */
    private static Path spare() throws Exception {
        long end = System.nanoTime() + 300_000 * MILLI;
        while (System.nanoTime() < end) {
            try (var all = Files.newDirectoryStream(MACHINES)) {
                for (Path each : all) {
                    Path mark = each.resolve("process");
                    String said = Files.exists(mark) ? Files.readString(mark) : "";
                    if (said.contains(" ready ")) {
                        return Path.of("/proc", said.split(" ", 2)[0]);
                    }
                }
            }
            Thread.sleep(100);
        }
        throw new AssertionError("no spare machine");
    }

    private static long processorTime(Path process) throws IOException {
        String[] stat = Files.readString(process.resolve("stat")).split(" ", -1);
        return Long.parseLong(stat[13]) + Long.parseLong(stat[14]);
    }

    /** Nor one that is being made: it is the last pod's, and nobody takes it any more. */
    @AfterEach
    void noSpareIsLeft() {
        BACKEND.leave();
    }

    @Test
    void copiesAreMachinesOfTheirOwn() throws Exception {
        String name = build(new Shape(512, 1, 1));
        try (PodFixture other = openPod(Files.createDirectory(temp.resolve("other")));
                TestContainer one = running(prepare(shell(WHO)))) {
            Path spare = spare();
            long before = processorTime(spare);
            Thread.sleep(3000);
            System.out.println("spare: " + (processorTime(spare) - before) + " ticks in 3 s");
            Path pods = Files.createDirectory(Path.of("/sys/fs/cgroup/caisson-kvm-pod"));
            Bundle inGroup = shell(WHO).linux(linux -> linux.cgroupsPath = "/caisson-kvm-pod/two");
            try (TestContainer two = running(TestContainer.prepare(BACKEND, inGroup, other.launcher()))) {
                theyAreTheirOwn(name, one, two, spare);
                itIsChargedToItsPod(two, inGroup, spare, pods);
            }
            Files.delete(pods); // nothing is left in it
        }
        BACKEND.leave();
        Bundle asked = shell("true").spec(annotated("off"));
        try (TestContainer booted = prepare(asked)) {
            long begin = System.nanoTime();
            booted.create();
            System.out.println("booted: " + (System.nanoTime() - begin) / MILLI + " ms");
            assertThat(machines())
                    .singleElement()
                    .satisfies(each -> assertThat(commandLine(each)).doesNotContain(name));
        }
        Bundle wrong = shell("true").spec(annotated("m513-p1-c0"));
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> prepare(wrong).create())
                .withMessageContaining("take template m513-p1-c0: there is none of that name");
        aPodOfADamagedTemplateBoots(name);
        assertThat(MACHINES).isEmptyDirectory();
    }

    /** What a copy cannot go on from a pod does without. */
    private void aPodOfADamagedTemplateBoots(String name) throws Exception {
        Path machine;
        try (var all = Files.walk(Path.of(System.getProperty(TEMPLATES)))) {
            machine = all.filter(each -> each.endsWith(name + "/machine"))
                    .findFirst()
                    .orElseThrow();
        }
        try (FileChannel file = FileChannel.open(machine, StandardOpenOption.WRITE)) {
            file.write(ByteBuffer.allocate(64), 0);
        }
        try (TestContainer booted = prepare(shell("echo booted"))) {
            assertThat(booted.run()).isZero();
            assertThat(booted.stdout()).isEqualTo("booted\n");
            assertThat(machines())
                    .singleElement()
                    .satisfies(each -> assertThat(commandLine(each)).doesNotContain(name));
        }
        BACKEND.leave();
    }

    /** And ends with the limit that the host has set for it, which is not the guest's. */
    private static void itIsChargedToItsPod(TestContainer container, Bundle bundle, Path machine, Path pods)
            throws Exception {
        Path group = pods.resolve("caisson-kvm-" + own(machine));
        assertThat(Files.readString(machine.resolve("cgroup"))).contains("0::/caisson-kvm-pod/" + group.getFileName());
        // Where it was before it had a pod; KVM's own thread was there too.
        assertThat(Path.of("/sys/fs/cgroup/caisson-kvm", own(machine))).doesNotExist();
        assertThat(Long.parseLong(
                        Files.readString(pods.resolve("memory.current")).strip()))
                .isPositive();
        assertThat(container.container().oomKills()).isZero();
        Files.writeString(group.resolve("memory.max"), "4096");
        // What it had before it was a pod's is charged elsewhere: some more.
        try {
            var _ = container.exec(bundle.exec("sh", "-c", "head -c 50000000 /dev/zero | tail >/dev/null"));
        } catch (ContainerFault e) {
            // It has not come so far: its machine ended in the middle of it, wherever that was.
            assertThat(e).hasMessageContaining("console");
        }
        assertThat(container.awaitExit().code()).isEqualTo(128 + 9);
        assertThat(container.container().oomKills()).isEqualTo(1);
    }

    private static void theyAreTheirOwn(String name, TestContainer one, TestContainer two, Path spare)
            throws Exception {
        assertThat(spare()).isNotEqualTo(spare);
        List<Path> machines = machines();
        assertThat(machines).contains(spare);
        assertThat(machines).hasSize(2).allMatch(each -> commandLine(each).contains("/" + name + "/machine"));
        // Both were asked for by this kernel's generator alone.
        assertThat(one.stdout()).matches("[0-9a-f-]{36}\n( [0-9a-f]{2}){16}\nready\n");
        assertThat(one.stdout().lines()).doesNotContain(two.stdout().lines().toArray(String[]::new)[0]);
        assertThat(one.stdout().lines()).doesNotContain(two.stdout().lines().toArray(String[]::new)[1]);
        for (Path each : machines) {
            itsClockIsRight(each);
            itSharesItsMemory(each);
        }
        assertThat(one.execOutput("echo", "goes on")).isEqualTo("goes on\n");
    }

    private static UnaryOperator<dev.caisson.oci.Spec> annotated(String template) {
        return spec -> {
            dev.caisson.oci.Spec.Builder b = spec.toBuilder();
            b.annotations = java.util.Map.of("dev.caisson.kvm.template", template);
            return b.build();
        };
    }

    /** By how much it is wrong lies between what a question's two ends say, and so in what all questions have in common. */
    private static void itsClockIsRight(Path machine) throws Exception {
        Path ports = Path.of("/run/caisson-kvm", own(machine), "ports");
        long least = Long.MIN_VALUE;
        long most = Long.MAX_VALUE;
        for (int i = 0; i < 20; i++) {
            long begin = wallClock();
            long guest = new GuestAgent(ports, () -> "").hello(null).time();
            least = Math.max(least, guest - wallClock());
            most = Math.min(most, guest - begin);
        }
        System.out.println("clock: wrong by " + least / 1000 + " to " + most / 1000 + " us");
        assertThat(least).isLessThan(MILLI);
        assertThat(most).isGreaterThan(-MILLI);
    }

    private static long wallClock() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000_000L + now.getNano();
    }

    /** Of the pages of the template that it has touched, how many it has not written to. */
    private static void itSharesItsMemory(Path machine) throws IOException {
        String maps = Files.readString(machine.resolve("smaps"));
        int at = maps.indexOf("/machine\n");
        assertThat(at).isPositive();
        String guest = maps.substring(at);
        long resident = kib(guest, "Rss");
        long written = kib(guest, "Anonymous");
        System.out.println("memory: " + resident + " KiB touched, " + written + " written");
        assertThat(written).isLessThan(resident * 3 / 10);
    }

    private static long kib(String map, String what) {
        return Pattern.compile(what + ": +([0-9]+) kB")
                .matcher(map)
                .results()
                .map((MatchResult each) -> Long.parseLong(each.group(1)))
                .findFirst()
                .orElseThrow();
    }

    private static String own(Path machine) {
        return Pattern.compile("/run/caisson-kvm/([0-9a-f]{16})")
                .matcher(commandLine(machine))
                .results()
                .map(each -> each.group(1))
                .findFirst()
                .orElseThrow();
    }

    /** Those of pods. */
    private static List<Path> machines() throws IOException {
        List<Path> found = new ArrayList<>();
        try (var all = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path each : all) {
                if (commandLine(each).contains("MachineMain")
                        && Files.readString(MACHINES.resolve(own(each)).resolve("process"))
                                .contains(" kept ")) {
                    found.add(each);
                }
            }
        }
        return found;
    }

    private static String commandLine(Path process) {
        try {
            return Files.readString(process.resolve("cmdline"));
        } catch (IOException e) {
            return ""; // it has ended
        }
    }

    // ---- the network ----

    @Test
    void aCopyHasItsPodsNetwork() throws Exception {
        String name = build(new Shape(512, 1, 2));
        ip("netns add caisson-template");
        try (ServerSocket server = new ServerSocket();
                ServerSocket version6 = new ServerSocket()) {
            ip("link add ct0 type veth peer name eth0 netns caisson-template");
            ip("addr add 10.99.0.1/24 dev ct0");
            ip("addr add fd99::1/64 dev ct0 nodad");
            ip("link set ct0 up");
            ip("-n caisson-template link set eth0 address 02:11:22:33:44:55 up");
            ip("-n caisson-template addr add 10.99.0.2/24 dev eth0");
            ip("-n caisson-template addr add fd99::2/64 dev eth0 nodad");
            ip("-n caisson-template route add default via fd99::1");
            server.bind(new java.net.InetSocketAddress(InetAddress.getByName("10.99.0.1"), 8099));
            version6.bind(new java.net.InetSocketAddress(InetAddress.getByName("fd99::1"), 8099));
            for (ServerSocket each : List.of(server, version6)) {
                Thread.startVirtualThread(() -> {
                    try (var peer = each.accept()) {
                        String who = "from the host to " + peer.getInetAddress().getHostAddress() + "\n";
                        peer.getOutputStream().write(who.getBytes(StandardCharsets.US_ASCII));
                    } catch (IOException e) {
                        System.err.println("serve: " + e);
                    }
                });
            }
            Bundle bundle = shell(
                            "cat /sys/class/net/eth0/address; grep -o '[a-z0-9]*:' /proc/net/dev | sort; nc 10.99.0.1 8099 </dev/null; nc fd99::1 8099 </dev/null; grep -c '^0* 00 .* fd990*1 .* eth0' /proc/net/ipv6_route; echo ready; exec sleep 1000")
                    .linux(linux -> {
                        List<Linux.Namespace> all = new ArrayList<>(linux.namespaces);
                        all.removeIf(each -> each.type() == NamespaceType.NETWORK);
                        all.add(new Linux.Namespace(NamespaceType.NETWORK, "/run/netns/caisson-template"));
                        linux.namespaces = all;
                    });
            try (TestContainer pod = running(prepare(bundle))) {
                assertThat(pod.stdout())
                        .as(pod.stderr())
                        .isEqualTo("02:11:22:33:44:55\neth0:\nlo:\nfrom the host to 10.99.0.2\n"
                                + "from the host to fd99:0:0:0:0:0:0:2\n1\nready\n");
                assertThat(machines())
                        .singleElement()
                        .satisfies(each -> assertThat(commandLine(each)).contains("/" + name + "/machine"));
            }
        } finally {
            BACKEND.leave();
            ip("netns del caisson-template");
        }
    }
}
