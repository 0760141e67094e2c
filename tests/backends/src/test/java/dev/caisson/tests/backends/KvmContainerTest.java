package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.Backend;
import dev.caisson.backend.Container;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.MachineTemplates;
import dev.caisson.backend.Stdio;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.PodFixture;
import dev.caisson.backend.testkit.PodTest;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.kvm.KvmBackend;
import dev.caisson.kvm.guest.GuestAgent;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.oci.Mount;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Resources;
import dev.caisson.oci.Spec;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A pod in a real machine: its containers, run by the agent in the guest. In the lab, where /dev/kvm runs guests. */
@Timeout(600)
class KvmContainerTest extends PodTest {
    private static final int SIGTERM = 15;
    private static final int SIGKILL = 9;
    private static final Backend BACKEND = withoutSpares();

    /** Of what follows the boot of a template: a machine of the lab takes its time. */
    private static final MachineTemplates.Shape SHAPE = new MachineTemplates.Shape(512, 1, 0);

    /** The next pod's machine would be made while this one's is looked at; {@link KvmTemplateTest} has them. */
    private static Backend withoutSpares() {
        System.setProperty("caisson.kvm.spares", "false");
        try {
            return new KvmBackend();
        } finally {
            System.clearProperty("caisson.kvm.spares");
        }
    }

    @BeforeAll
    static void thereIsKvm() {
        Assumptions.assumeTrue(System.getenv("CAISSON_LAB") != null, "SKIPPED: guests run in the lab");
    }

    @Override
    protected Backend backend() {
        return BACKEND;
    }

    @Override
    protected PodFixture openPod(Path directory) throws IOException {
        return MonitorPod.open(directory);
    }

    /** One boot for all that a pod's life has: that of the template that its machine goes on from. */
    @Test
    void aPodsContainersLiveInItsMachine() throws Exception {
        System.setProperty("caisson.kvm.templates", temp.resolve("templates").toString());
        String template = Objects.requireNonNull(BACKEND.templates()).build(SHAPE, pod().launcher());
        Bundle first = shell("trap 'echo got; exit 5' TERM; echo ready; while :; do sleep 0.1; done");
        try (TestContainer pod = prepare(first).create().start()) {
            await("its first container", () -> pod.stdout().contains("ready"));
            // The kernel is the guest's, and the processes are not the host's.
            assertThat(pod.execOutput("cat", "/proc/sys/kernel/osrelease"))
                    .isNotEqualTo(Files.readString(Path.of("/proc/sys/kernel/osrelease")));
            assertThat(pod.exec(first.exec("sh", "-c", "echo out; echo err >&2; exit 7")))
                    .satisfies(exec -> {
                        assertThat(exec.awaitCode()).isEqualTo(7);
                        assertThat(exec.stdout()).isEqualTo("out\n");
                        assertThat(exec.stderr()).isEqualTo("err\n");
                    });
            CgroupStats stats = pod.container().stats();
            assertThat(stats.pids())
                    .isNotNull()
                    .satisfies(pids -> assertThat(pids.current()).isPositive());

            assertThat(commandLine(machine())).contains("/" + template + "/machine");
            theMachineIsConfined();
            itCanBeLookedAt(pod);
            itsClockIsRight();
            aShellInTheGuest(pod);
            aSecondContainer();
            itStandsStillWhileItIsPaused(pod);
            aContainerWithVolumes();
            aProcessThatRunsOutOfMemory();

            Launch other = pod.exec(first.exec("sleep", "1000")).launch();
            other.kill(SIGKILL);
            assertThat(other.exit().join().code()).isEqualTo(128 + SIGKILL);
            await("its end in the guest", () -> !processes(pod).contains("sleep 1000"));
            pod.init().kill(SIGTERM);
            assertThat(pod.awaitExit().code()).isEqualTo(5);
            assertThat(pod.stdout()).isEqualTo("ready\ngot\n");
        }
        assertThat(Path.of("/run/caisson-kvm")).isEmptyDirectory();
        assertThat(Path.of("/sys/fs/cgroup/caisson-kvm")).doesNotExist();
    }

    /** See {@link MachineJailTest} for what that means. */
    private static void theMachineIsConfined() throws IOException {
        Path process = machine();
        String status = Files.readString(process.resolve("status"));
        assertThat(status).contains("Seccomp:\t2\n", "NoNewPrivs:\t1\n", "CapEff:\t00000000800000db\n");
        assertThat(status).containsPattern("Uid:\t20[0-9]{8}\t");
        assertThat(Files.readString(process.resolve("cgroup"))).contains("0::/caisson-kvm/");
        assertThat(Files.readString(Path.of("/sys/fs/cgroup", group(process), "memory.max")))
                .isEqualTo(((256 + 256 + 256) << 20) + "\n");
        assertThat(Files.exists(process.resolve("root/etc"))).isFalse();
    }

    private void itCanBeLookedAt(TestContainer pod) throws Exception {
        Container.VirtualMachine machine = pod.container().virtualMachine();
        assertThat(machine.metrics())
                .containsPattern("caisson_machine_memory_used_bytes\\{machine=\"[0-9a-f]{16}\"} [1-9][0-9]{6,}\n")
                .contains("caisson_machine_drives_used{");
        Path core = temp.resolve("core");
        try (Fd out = HostFiles.open(core.toString(), HostFiles.O_RDWR | HostFiles.O_CREAT, 0600)) {
            machine.dump(out);
        }
        assertThat(Files.size(core)).isEqualTo((512L << 20) + 4096);
        // The kernel's own words, which its file lends, and what a process of the guest has in its memory.
        assertThat(new ProcessBuilder("grep", "-aqm1", "Linux version 6", core.toString())
                        .start()
                        .waitFor())
                .isZero();
        assertThat(new ProcessBuilder("grep", "-aqm1", "trap 'echo got; exit 5' TERM", core.toString())
                        .start()
                        .waitFor())
                .isZero();
        assertThat(pod.execOutput("echo", "goes on")).isEqualTo("goes on\n");
    }

    /** To a millisecond: the guest looks at the host's clock, which its machine shows it, between two looks at its own. The closest of some such looks. */
    private static void itsClockIsRight() throws Exception {
        String name = group(machine());
        Path ports = Path.of("/run/caisson-kvm", name.substring(name.lastIndexOf('/') + 1), "ports");
        GuestAgent.Greeting best = null;
        for (int i = 0; i < 5; i++) {
            GuestAgent.Greeting said = new GuestAgent(ports, () -> "").hello(null);
            best = best == null || said.clockBound() < best.clockBound() ? said : best;
        }
        Objects.requireNonNull(best);
        System.out.println(
                "clock: behind by " + best.clockBehind() / 1000 + " us, to within " + best.clockBound() / 1000 + " us");
        assertThat(best.clockBound()).isPositive();
        assertThat(Math.abs(best.clockBehind())).isLessThan(1_000_000 + best.clockBound());
    }

    /** In the machine's own system: its process 1 is the monitor, and the container's processes are among its own. */
    private void aShellInTheGuest(TestContainer pod) throws Exception {
        Path out = temp.resolve("shell-out");
        Launcher launcher = pod().launcher();
        int io = launcher.nextId();
        launcher.openIo(
                io,
                new Stdio(
                        Stdio.Stream.NONE,
                        new Stdio.Stream(Stdio.Kind.CREATE, out.toString()),
                        new Stdio.Stream(
                                Stdio.Kind.CREATE, temp.resolve("shell-err").toString()),
                        false));
        String script =
                "cat /proc/1/cmdline | tr '\\0' ' '; ls /run/volumes && ps | grep -v grep | grep 'sleep 0.1' || ps; exit 6";
        Launch shell = pod.container()
                .virtualMachine()
                .debug(launcher, launcher.nextId(), "debug", io, List.of("/bin/sh", "-c", script), false);
        assertThat(shell.awaitExit(Duration.ofMinutes(1))).isTrue();
        assertThat(shell.exit().join().code())
                .as(Files.readString(temp.resolve("shell-err")))
                .isEqualTo(6);
        assertThat(Files.readString(out)).startsWith("caisson-monitor ").contains("trap 'echo got");
        shell.forget();
    }

    private static void itStandsStillWhileItIsPaused(TestContainer pod) throws Exception {
        Container container = pod.container();
        assertThat(container.virtualMachine().metrics()).containsPattern("caisson_machine_paused\\{[^}]*} 0\n");
        container.pause();
        assertThat(container.virtualMachine().metrics()).containsPattern("caisson_machine_paused\\{[^}]*} 1\n");
        // Answered as ever.
        CgroupStats.Pids pids = Objects.requireNonNull(container.stats().pids());
        assertThat(pids.current()).isPositive();
        assertThat(container.virtualMachine().metrics()).containsPattern("caisson_machine_paused\\{[^}]*} 1\n");
        container.resume();
        itsClockIsRight();
        assertThat(container.virtualMachine().metrics()).containsPattern("caisson_machine_paused\\{[^}]*} 0\n");
        assertThat(pod.execOutput("echo", "goes on")).isEqualTo("goes on\n");
    }

    /** And not its first one: the guest tells as it happens. */
    private void aProcessThatRunsOutOfMemory() throws Exception {
        Bundle bundle = shell(
                        "while [ ! -e /go ]; do sleep 0.1; done; tail /dev/zero; while [ ! -e /end ]; do sleep 0.1; done; exit 4")
                .linux(l -> {
                    Resources.Builder r = new Resources.Builder();
                    r.memory = new Resources.Memory(16L << 20, null, 16L << 20, null, null, null, null, null, null);
                    l.resources = r.build();
                });
        try (TestContainer c = prepare(bundle).create()) {
            assertThat(c.container().oomKills()).isZero();
            CountDownLatch told = new CountDownLatch(1);
            c.container().watchOom(told::countDown);
            c.start();
            assertThat(c.exec(bundle.exec("touch", "/go")).awaitCode()).isZero();
            assertThat(told.await(2, TimeUnit.MINUTES)).isTrue();
            assertThat(c.container().oomKills()).isPositive();
            assertThat(c.init().exit()).isNotDone();
            assertThat(c.exec(bundle.exec("touch", "/end")).awaitCode()).isZero();
            assertThat(c.awaitExit().code()).isEqualTo(4);
        }
    }

    private static String group(Path process) throws IOException {
        return Files.readString(process.resolve("cgroup")).strip().substring("0::/".length());
    }

    private static Path machine() throws IOException {
        try (DirectoryStream<Path> all = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path each : all) {
                if (commandLine(each).contains("MachineMain")) {
                    return each;
                }
            }
        }
        throw new AssertionError("no machine runs");
    }

    private static String commandLine(Path process) {
        try {
            return Files.readString(process.resolve("cmdline"));
        } catch (IOException e) {
            return ""; // it has ended
        }
    }

    private static String processes(TestContainer container) {
        try {
            return container.execOutput("ps");
        } catch (dev.caisson.backend.ContainerFault e) {
            throw new AssertionError(e);
        }
    }

    /** A directory both ways, a file alone, and a secret as the kubelet replaces it: by another link. */
    private void aContainerWithVolumes() throws Exception {
        Path data = Files.createDirectory(temp.resolve("data"));
        Files.setPosixFilePermissions(data, PosixFilePermissions.fromString("rwxrwxrwx"));
        Path one = Files.writeString(temp.resolve("one"), "the host's\n");
        Path secret = Files.createDirectory(temp.resolve("secret"));
        Files.writeString(Files.createDirectory(secret.resolve("v1")).resolve("token"), "old\n");
        Files.createSymbolicLink(secret.resolve("..data"), Path.of("v1"));
        Files.createSymbolicLink(secret.resolve("token"), Path.of("..data/token"));
        Files.writeString(data.resolve("host"), "from the host\n");
        Bundle bundle = shell(
                        "cat /data/host /one /secret/token; mkdir /data/d; echo guest >/data/d/f; chmod 640 /data/d/f; chown 7:0 /data/d/f;"
                                + " mv /data/d/f /data/d/g; ln -s g /data/d/l; echo changed >/one; echo no >/secret/no;"
                                + " echo ready; while [ ! -e /data/go ]; do sleep 0.1; done; cat /secret/token /data/host;"
                                + " cat /data/d/l; rm /data/host")
                .spec(spec -> {
                    Spec.Builder b = spec.toBuilder();
                    List<Mount> mounts = new ArrayList<>(b.mounts);
                    mounts.add(Mount.of("/data", data.toString(), "bind", List.of("rbind", "rw")));
                    mounts.add(Mount.of("/one", one.toString(), "bind", List.of("rbind", "rw")));
                    mounts.add(Mount.of("/secret", secret.toString(), "bind", List.of("rbind", "ro")));
                    b.mounts = mounts;
                    return b.build();
                });
        List<String> owner = List.of("CAP_CHOWN");
        bundle.process(p -> p.capabilities = new ProcessSpec.Capabilities(owner, owner, List.of(), owner, List.of()));
        try (TestContainer c = prepare(bundle).create().start()) {
            await("what it does first", () -> c.stdout().contains("ready"));
            assertThat(c.stdout()).isEqualTo("from the host\nthe host's\nold\nready\n");
            // Another stream, which takes its own time.
            await("the refusal", () -> c.stderr().contains("Read-only file system"));
            assertThat(secret.resolve("no")).doesNotExist();
            assertThat(one).hasContent("changed\n");
            assertThat(data.resolve("d/l")).hasContent("guest\n");
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(data.resolve("d/g"))))
                    .isEqualTo("rw-r-----");
            assertThat(Files.getAttribute(data.resolve("d/g"), "unix:uid")).isEqualTo(7);
            ProcessSpec.Builder other =
                    bundle.exec("sh", "-c", "echo mine >/data/mine && ! echo no >/data/host").toBuilder();
            other.user = new ProcessSpec.User(1000, 1001, null, List.of());
            assertThat(c.exec(other.build()).awaitCode()).isZero();
            assertThat(Files.getAttribute(data.resolve("mine"), "unix:uid")).isEqualTo(1000);
            assertThat(Files.getAttribute(data.resolve("mine"), "unix:gid")).isEqualTo(1001);
            Files.writeString(Files.createDirectory(secret.resolve("v2")).resolve("token"), "new\n");
            Files.createSymbolicLink(secret.resolve("..next"), Path.of("v2"));
            Files.move(secret.resolve("..next"), secret.resolve("..data"), StandardCopyOption.ATOMIC_MOVE);
            Files.writeString(data.resolve("host"), "changed by the host\n");
            Files.createFile(data.resolve("go"));
            assertThat(c.awaitExit().code()).as(c.stderr()).isZero();
            assertThat(c.stdout()).endsWith("ready\nnew\nchanged by the host\nguest\n");
            assertThat(data.resolve("host")).doesNotExist();
        }
    }

    private void aSecondContainer() throws Exception {
        Bundle second = shell("cat; echo written >/file; cat /file; exit 3");
        Files.writeString(second.directory().resolve("stdin"), "given\n");
        try (TestContainer c = prepare(second)) {
            assertThat(c.run()).as("stderr: %s", c.stderr()).isEqualTo(3);
            assertThat(c.stdout()).isEqualTo("given\nwritten\n");
            // Of a copy: the host's files stay as they were.
            assertThat(second.rootfs("file")).doesNotExist();
        }
    }
}
