package dev.caisson.tests.backends;

import static dev.caisson.tests.backends.IpCommand.ip;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.Checkpoint;
import dev.caisson.backend.Checkpoint.Option;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.MachineTemplates;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.PodFixture;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Spec;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Pods that are written down with their machine, and go on from there: as often as one likes, beside each other. In the lab. */
@Timeout(900)
class KvmCheckpointTest extends KvmSuite {
    private static final int SIGUSR1 = 10;
    private static final int SIGTERM = 15;

    /** Counts what it is told, in its memory and on its disk. */
    private static final String COUNTER =
            "i=0; trap 'i=$((i+1)); echo told $i; echo $i >>/count' USR1; trap 'cat /count; exit 5' TERM;"
                    + " echo ready; while :; do sleep 1000 & wait; done";

    private Checkpoint image(Option... options) {
        Path images = temp.resolve("images");
        return new Checkpoint(images, images, Set.of(options), null, null, null, null, null, null);
    }

    private static void tell(TestContainer counter, String answer) throws Exception {
        counter.init().kill(SIGUSR1);
        await(answer, () -> counter.stdout().endsWith(answer + "\n"));
    }

    @Test
    void aPodGoesOnWhereItWas() throws Exception {
        var _ = template();
        try (TestContainer first = prepare(shell(COUNTER)).create().start()) {
            await("its first word", () -> first.stdout().contains("ready"));
            tell(first, "told 1");
            first.container().checkpoint(first.init(), image(Option.LEAVE_RUNNING));
            done("checkpoint");
            itIsRefusedWhatItCannotDo(first);
            tell(first, "told 2");
            assertThat(first.stdout()).isEqualTo("ready\ntold 1\ntold 2\n");
        }
        // The whole image again, over the first one: of one that does not go on.
        try (TestContainer copy = prepare(shell("true")).restore(image())) {
            done("restore");
            theyAreTheirOwn(copy);
            copy.container().checkpoint(copy.init(), image());
            done("second checkpoint");
            theNextDaemonLetsItGoOn(copy);
            done("going on");
        }
        try (TestContainer copy = prepare(shell("true")).restore(image())) {
            done("second restore");
            tell(copy, "told 4");
            copy.init().kill(SIGTERM);
            assertThat(copy.awaitExit().code()).isEqualTo(5);
            assertThat(copy.stdout()).isEqualTo("told 4\n1\n2\n3\n4\n");
        }
        done("its end");
        assertThat(Path.of("/run/caisson-kvm")).isEmptyDirectory();
    }

    /** As if another daemon had died when all was written, before it ended the container. */
    private static void theNextDaemonLetsItGoOn(TestContainer frozen) throws Exception {
        Path mark = mark();
        BACKEND.cleanUp();
        assertThat(mark).content().startsWith(ProcessHandle.current().pid() + " ");
        Files.writeString(mark, Files.readString(mark).replaceFirst("^[0-9]+ [0-9]+", "1 1"));
        BACKEND.cleanUp();
        await("the next daemon's help", () -> Files.notExists(mark));
        tell(frozen, "told 4");
    }

    /** Of the one machine that there is. */
    private static Path mark() throws IOException {
        try (var machines = Files.list(Path.of("/run/caisson-kvm"))) {
            return machines.findFirst().orElseThrow().resolve("checkpoint");
        }
    }

    private void itIsRefusedWhatItCannotDo(TestContainer container) {
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> container.container().checkpoint(container.init(), image(Option.PRE_DUMP)))
                .withMessageContaining("pre-dump")
                .satisfies(e -> assertThat(e.kind()).isEqualTo(ContainerFault.Kind.UNSUPPORTED));
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> prepare(shell("true")).restore(image()))
                .withMessageContaining("none that joins a pod")
                .satisfies(e -> assertThat(e.kind()).isEqualTo(ContainerFault.Kind.INVALID));
    }

    private static Bundle with(Bundle bundle, Path data) {
        return bundle.spec(spec -> {
            Spec.Builder b = spec.toBuilder();
            List<Mount> mounts = new ArrayList<>(b.mounts);
            mounts.add(Mount.of("/data", data.toString(), "bind", List.of("rbind", "rw")));
            b.mounts = mounts;
            return b.build();
        });
    }

    /** Two of the same image, at the same time. */
    private void theyAreTheirOwn(TestContainer one) throws Exception {
        Bundle bundle = shell("true");
        try (PodFixture other = openPod(Files.createDirectory(temp.resolve("other")));
                TestContainer two =
                        TestContainer.prepare(BACKEND, bundle, other.launcher()).restore(image())) {
            done("restore beside it");
            tell(one, "told 2");
            tell(one, "told 3");
            tell(two, "told 2");
            assertThat(two.execOutput("cat", "/count")).isEqualTo("1\n2\n");
            assertThat(one.execOutput("cat", "/count")).isEqualTo("1\n2\n3\n");
            String[] random = {"sh", "-c", "head -c 16 /dev/urandom | busybox od -tx1"};
            assertThat(one.execOutput(random)).isNotEqualTo(two.execOutput(random));
            done("two of one image");
        }
    }

    // ---- with several containers, and files of the host's ----

    private static Path data(Path directory, String here) throws IOException {
        Files.createDirectories(directory.resolve("below"));
        Files.writeString(directory.resolve("below/here"), here + "\n");
        return directory;
    }

    /** Whether somebody has the locks of {@code holds.c}, both of them. */
    private static boolean isLocked(Path data) throws Exception {
        Path file = data.resolve("below/lock");
        boolean whole = new ProcessBuilder("flock", "-n", file.toString(), "true")
                        .start()
                        .waitFor()
                != 0;
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
                FileLock lock = channel.tryLock(9, 1, false)) {
            assertThat(lock == null).as("the range").isEqualTo(whole);
        }
        return whole;
    }

    /** The first one is the one with the machine; the second one's files lie elsewhere when it goes on. */
    @Test
    void aWholePodGoesOn() throws Exception {
        var _ = template();
        Bundle holds = shell("exec /program");
        CompiledProgram.compile("holds", temp, holds.rootfs("program"));
        Path before = data(temp.resolve("before"), "the first place");
        Path after = data(temp.resolve("after"), "the second place");
        try (TestContainer counter = prepare(shell(COUNTER)).create().start();
                TestContainer writer = prepare(with(holds, before)).create().start()) {
            await("its first word", () -> counter.stdout().contains("ready"));
            await("its first word", () -> writer.stdout().contains("ready"));
            tell(counter, "told 1");
            done("two containers");
            assertThat(isLocked(before)).as("locked by the guest").isTrue();
            counter.container().checkpoint(counter.init(), image(Option.LEAVE_RUNNING));
            done("checkpoint");
            tell(counter, "told 2");
            writer.init().kill(SIGUSR1);
            await("its answer", () -> writer.stdout().endsWith("/data/below\nthe first place\n"));
            assertThat(before.resolve("log")).hasContent("begin\nagain\n");
        }
        assertThat(isLocked(before)).as("its locks are gone").isFalse();
        Files.writeString(after.resolve("log"), "another\n");
        Files.createFile(after.resolve("below/lock"));
        Bundle first = shell("true");
        Bundle second = with(shell("true"), after);
        try (TestContainer counter = prepare(first).restore(image())) {
            done("restore");
            tell(counter, "told 2");
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(() -> counter.container().checkpoint(counter.init(), image(Option.LEAVE_RUNNING)))
                    .withMessageContaining("has 2 containers, of which 1 are known here");
            try (TestContainer writer = prepare(second).restore(image())) {
                done("restore of the second");
                assertThat(isLocked(after)).as("locked again").isTrue();
                writer.init().kill(SIGUSR1);
                await("its answer", () -> writer.stdout().equals("/data/below\nthe second place\n"));
                assertThat(after.resolve("log")).hasContent("another\nagain\n");
                assertThat(before.resolve("log")).hasContent("begin\nagain\n");
                assertThatExceptionOfType(ContainerFault.class)
                        .isThrownBy(() -> prepare(with(shell("true"), after)).restore(image()))
                        .withMessageContaining("goes on already");
                counter.container().checkpoint(counter.init(), image(Option.LEAVE_RUNNING));
                done("checkpoint of the restored");
                writer.init().kill(SIGTERM);
                assertThat(writer.awaitExit().code()).isEqualTo(6);
            }
            tell(counter, "told 3");
            counter.container().checkpoint(counter.init(), image(Option.LEAVE_RUNNING));
            done("checkpoint of what is left");
            tell(counter, "told 4");
        }
        assertThat(Path.of("/run/caisson-kvm")).isEmptyDirectory();
    }

    // ---- with a network and a terminal ----

    private static final String NETWORK = "caisson-checkpoint";

    /** Says what it is connected with, when it is asked at its terminal. */
    private static final String TALKER = "echo ready; while read word; do echo \"$word: $(stty size)"
            + " $(cat /sys/class/net/eth0/address) $(nc 10.98.0.1 8098 </dev/null)\"; done";

    /** Another pod's network, with other addresses, and shorter packets. */
    private static void network(String name, String mac, String address, int mtu) throws Exception {
        ip("netns add " + name);
        ip("link add " + name.substring(8) + " type veth peer name eth0 netns " + name);
        ip("addr add 10.98.0.1/24 dev " + name.substring(8));
        ip("link set " + name.substring(8) + " up");
        ip("-n " + name + " link set eth0 address " + mac + " mtu " + mtu + " up");
        ip("-n " + name + " addr add " + address + "/24 dev eth0");
    }

    private Bundle talker(String script) throws Exception {
        Bundle bundle = shell(script)
                .process(p -> {
                    p.terminal = true;
                    p.consoleSize = new ProcessSpec.ConsoleSize(33, 99);
                })
                .linux(linux -> {
                    List<Linux.Namespace> all = new ArrayList<>(linux.namespaces);
                    all.removeIf(each -> each.type() == NamespaceType.NETWORK);
                    all.add(new Linux.Namespace(NamespaceType.NETWORK, "/run/netns/" + NETWORK));
                    linux.namespaces = all;
                });
        assertThat(new ProcessBuilder(
                                "mkfifo", bundle.directory().resolve("stdin").toString())
                        .start()
                        .waitFor())
                .isZero();
        return bundle;
    }

    private static void say(Bundle bundle, String word) throws Exception {
        Files.writeString(bundle.directory().resolve("stdin"), word + "\n");
    }

    /** Greets everybody with the address by which it knows him. */
    private static void greet(ServerSocket server) {
        while (true) {
            try (Socket peer = server.accept()) {
                peer.getOutputStream()
                        .write((peer.getInetAddress().getHostAddress() + "\n").getBytes(StandardCharsets.US_ASCII));
            } catch (IOException e) {
                return; // it was closed
            }
        }
    }

    @Test
    void aNetworkAndATerminalAreTheNextPods() throws Exception {
        System.setProperty("caisson.kvm.templates", temp.resolve("templates").toString());
        var _ = Objects.requireNonNull(BACKEND.templates())
                .build(new MachineTemplates.Shape(512, 1, 2), pod().launcher());
        done("template");
        network(NETWORK, "02:11:22:33:44:55", "10.98.0.2", 1450);
        try {
            try (ServerSocket server = new ServerSocket()) {
                server.bind(new InetSocketAddress(InetAddress.getByName("10.98.0.1"), 8098));
                Thread.startVirtualThread(() -> greet(server));
                Bundle bundle = talker(TALKER);
                try (TestContainer first = prepare(bundle).create().start()) {
                    await("its first word", () -> first.stdout().contains("ready"));
                    say(bundle, "one");
                    await("its answer", () -> first.stdout().contains("one: 33 99 02:11:22:33:44:55 10.98.0.2"));
                    first.container().checkpoint(first.init(), image());
                    done("checkpoint");
                }
            }
            ip("netns del " + NETWORK);
            network(NETWORK, "02:11:22:33:44:66", "10.98.0.3", 1500);
            try (ServerSocket server = new ServerSocket()) {
                server.bind(new InetSocketAddress(InetAddress.getByName("10.98.0.1"), 8098));
                Thread.startVirtualThread(() -> greet(server));
                Bundle bundle = talker("true");
                try (TestContainer second = prepare(bundle).restore(image())) {
                    done("restore");
                    say(bundle, "two");
                    await("its answer", () -> second.stdout().contains("two: 33 99 02:11:22:33:44:66 10.98.0.3"));
                }
            }
        } finally {
            ip("netns del " + NETWORK);
        }
        assertThat(Path.of("/run/caisson-kvm")).isEmptyDirectory();
    }
}
