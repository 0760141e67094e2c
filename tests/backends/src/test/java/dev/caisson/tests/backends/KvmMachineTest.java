package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.MachineTemplates;
import dev.caisson.backend.Stdio;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.kvm.guest.GuestAgent;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.oci.Resources;
import dev.caisson.oci.Spec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a pod's machine has beside containers: it can be looked into, stands still while they are paused, knows the time and tells of a lack of memory. */
@Timeout(600)
class KvmMachineTest extends KvmSuite {
    @Test
    void aPodsMachineIsLookedInto() throws Exception {
        var _ = template(new MachineTemplates.Shape(512, 2, 0));
        Bundle withRoom = shell("echo ready; sleep 1000 & wait; echo 'not yet'").spec(spec -> {
            Spec.Builder b = spec.toBuilder();
            b.annotations = Map.of("dev.caisson.kvm.processors", "2");
            return b.build();
        });
        try (TestContainer pod = prepare(withRoom).create().start()) {
            await("its first container", () -> pod.stdout().contains("ready"));
            itCanBeLookedAt(pod);
            done("dump");
            itsClockIsRight();
            done("clock");
            aShellInTheGuest(pod);
            done("shell");
            itStandsStillWhileItIsPaused(pod);
            done("pause");
            itsLimitsChange(pod);
            done("update");
            aProcessThatRunsOutOfMemory();
            done("out of memory");
        }
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
        assertThat(new ProcessBuilder("grep", "-aqm1", "echo ready; sleep 1000 & wait; echo 'not yet'", core.toString())
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
        String script = "cat /proc/1/cmdline | tr '\\0' ' '; ls /run/volumes && ps; exit 6";
        Launch shell = pod.container()
                .virtualMachine()
                .debug(launcher, launcher.nextId(), "debug", io, List.of("/bin/sh", "-c", script), false);
        assertThat(shell.awaitExit(Duration.ofMinutes(1))).isTrue();
        assertThat(shell.exit().join().code())
                .as(Files.readString(temp.resolve("shell-err")))
                .isEqualTo(6);
        assertThat(Files.readString(out)).startsWith("caisson-monitor ").contains("sleep 1000 & wait");
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

    private static Resources limits(@Nullable Long memory, @Nullable Long quota) {
        Resources.Builder r = new Resources.Builder();
        r.memory = new Resources.Memory(memory, null, null, null, null, null, null, null, null);
        r.cpu = new Resources.Cpu(null, quota, null, 100_000L, null, null, null, null, null);
        return r.build();
    }

    private static long balloonMib(Container container) throws ContainerFault {
        return Pattern.compile("caisson_machine_balloon_bytes\\{[^}]*} ([0-9]+)\n")
                .matcher(container.virtualMachine().metrics())
                .results()
                .mapToLong(each -> Long.parseLong(each.group(1)) >> 20)
                .findFirst()
                .orElseThrow();
    }

    private static void awaitBalloon(Container container, long mib) {
        await("a balloon of " + mib + " MiB", () -> {
            try {
                return balloonMib(container) == mib;
            } catch (ContainerFault e) {
                throw new AssertionError(e);
            }
        });
    }

    private static String online(TestContainer pod) throws Exception {
        return pod.execOutput("cat", "/sys/devices/system/cpu/online").strip();
    }

    /** The guest's group follows; what the machine has beside is given back, and comes back. */
    private static void itsLimitsChange(TestContainer pod) throws Exception {
        Container container = pod.container();
        container.update(limits(200L << 20, 50_000L));
        awaitBalloon(container, 512 - 256 - 200);
        assertThat(Objects.requireNonNull(container.stats().memory()).usage().limit())
                .isEqualTo(200L << 20);
        assertThat(online(pod)).isEqualTo("0");
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> container.update(limits(300L << 20, null)))
                .withMessageContaining("its pod's virtual machine has 512 MiB of memory, and would need 556")
                .withMessageContaining("dev.caisson.kvm.memory");
        assertThat(Objects.requireNonNull(container.stats().memory()).usage().limit())
                .isEqualTo(200L << 20);
        container.update(limits(232L << 20, 200_000L));
        awaitBalloon(container, 512 - 256 - 232);
        assertThat(online(pod)).isEqualTo("0-1");
        container.update(limits(-1L, -1L));
        awaitBalloon(container, 0);
    }

    /** And not its first one: the guest tells as it happens. */
    private void aProcessThatRunsOutOfMemory() throws Exception {
        String tell = "busybox mkfifo /told; echo ready; read word </told; tail /dev/zero; read word </told; exit 4";
        Bundle bundle = shell(tell).linux(l -> {
            Resources.Builder r = new Resources.Builder();
            r.memory = new Resources.Memory(16L << 20, null, 16L << 20, null, null, null, null, null, null);
            l.resources = r.build();
        });
        try (TestContainer c = prepare(bundle).create()) {
            assertThat(c.container().oomKills()).isZero();
            CountDownLatch told = new CountDownLatch(1);
            c.container().watchOom(told::countDown);
            c.start();
            await("its fifo", () -> c.stdout().contains("ready"));
            tell(c, bundle);
            assertThat(told.await(2, TimeUnit.MINUTES)).isTrue();
            assertThat(c.container().oomKills()).isPositive();
            assertThat(c.init().exit()).isNotDone();
            tell(c, bundle);
            assertThat(c.awaitExit().code()).isEqualTo(4);
        }
    }

    private static void tell(TestContainer container, Bundle bundle) throws Exception {
        assertThat(container.exec(bundle.exec("sh", "-c", "echo >/told")).awaitCode())
                .isZero();
    }
}
