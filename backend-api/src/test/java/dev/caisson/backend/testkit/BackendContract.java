package dev.caisson.backend.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.oci.Hook;
import dev.caisson.oci.Hooks;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Resources;
import dev.caisson.oci.Spec;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What every backend must do. */
public abstract class BackendContract extends PodTest {
    private static final int SIGTERM = 15;
    private static final int SIGKILL = 9;
    private static final int SIGUSR1 = 10;

    @Test
    void createRunsNothingOfTheUsersUntilStart() throws ContainerFault {
        Bundle bundle = shell("echo started > /marker; cat /marker");
        try (TestContainer c = prepare(bundle).create()) {
            assertThat(c.init().pid()).isPositive();
            assertThat(Files.exists(bundle.rootfs("marker"))).isFalse();
            c.start();
            assertThat(c.awaitExit().code()).isZero();
            assertThat(c.stdout()).isEqualTo("started\n");
        }
    }

    @Test
    void exitCodesAreTheProgramsOwn() throws ContainerFault {
        for (int code : new int[] {0, 1, 7, 126, 127, 255}) {
            try (TestContainer c = prepare(shell("exit " + code))) {
                assertThat(c.run()).isEqualTo(code);
            }
        }
    }

    @Test
    void aKilledProcessHas128PlusTheSignal() throws ContainerFault {
        try (TestContainer c = prepare(shell("sleep 1000"))) {
            c.create().start();
            c.init().kill(SIGKILL);
            assertThat(c.awaitExit().code()).isEqualTo(128 + SIGKILL);
        }
    }

    @Test
    void aHandlerOfInitGetsTheSignal() throws ContainerFault {
        try (TestContainer c =
                prepare(shell("trap 'echo got; exit 5' TERM; echo ready; while :; do sleep 0.05; done"))) {
            c.create().start();
            await("handler", () -> c.stdout().contains("ready"));
            c.init().kill(SIGTERM);
            assertThat(c.awaitExit().code()).isEqualTo(5);
            assertThat(c.stdout()).isEqualTo("ready\ngot\n");
        }
    }

    @Test
    void aCreatedContainerCanBeKilledAndDestroyed() throws ContainerFault {
        try (TestContainer c = prepare(shell("echo never")).create()) {
            c.init().kill(SIGKILL);
            assertThat(c.awaitExit().code()).isEqualTo(128 + SIGKILL);
            assertThat(c.stdout()).isEmpty();
        }
    }

    /** The same place for two: the second is refused, and what is undone for it is not the first one's. */
    @Test
    void aRefusedContainerTakesNothingOfAnothersAlong() throws ContainerFault {
        Bundle first = shell("sleep 1000");
        Bundle second = shell("sleep 1000")
                .linux(l -> l.cgroupsPath = first.spec().linux().cgroupsPath());
        try (TestContainer c = prepare(first).create().start()) {
            try (TestContainer d = prepare(second)) {
                assertThatExceptionOfType(ContainerFault.class).isThrownBy(d::create);
            }
            pass(50);
            assertThat(c.init().exit()).isNotDone();
            assertThat(c.container().pids()).contains(c.init().pid());
        }
    }

    @Test
    void streamsAreSeparate() throws ContainerFault {
        try (TestContainer c = prepare(shell("echo out; echo err >&2"))) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("out\n");
            assertThat(c.stderr()).isEqualTo("err\n");
        }
    }

    /** Its root may change mode and owner of what it has open: that must not be the host's node. */
    @Test
    void aStreamOfNobodyIsTheContainersOwnNull() throws ContainerFault {
        String look = "stat -L -c %d:%i /proc/self/fd/0 /dev/null; cat";
        try (TestContainer c = prepare(shell(look + "; sleep 1000"))) {
            c.create().start();
            await("init's look", () -> c.stdout().lines().count() == 2);
            assertThat(c.stdout().lines().distinct()).hasSize(1);
            assertThat(c.execOutput("sh", "-c", look).lines().distinct()).hasSize(1);
        }
    }

    /** Neither of the device nodes, nor of what masks a file. */
    @Test
    void theHostsDeviceNodesKeepTheirMode() throws Exception {
        Path node = Path.of("/dev/null");
        var before = Files.getPosixFilePermissions(node);
        try (TestContainer c = prepare(shell("for f in /dev/null /proc/kcore /proc/self/fd/0; do"
                + " chmod 640 $f; echo x >$f; done 2>/proc/self/fd/1"))) {
            c.run();
            assertThat(Files.getPosixFilePermissions(node)).as(c.stdout()).isEqualTo(before);
        } finally {
            Files.setPosixFilePermissions(node, before);
        }
    }

    @Test
    void stdinEndsWhenItIsClosed() throws Exception {
        Bundle bundle = shell("cat; echo end");
        Path fifo = bundle.directory().resolve("stdin");
        assertThat(new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor())
                .isZero();
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            try (OutputStream in = Files.newOutputStream(fifo)) {
                in.write("hello\n".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
            }
            pod().launcher().closeStdin(c.io());
            assertThat(c.awaitExit().code()).isZero();
            assertThat(c.stdout()).isEqualTo("hello\nend\n");
        }
    }

    @Test
    void aTerminalHasTheGivenSizeAndCanBeResized() throws ContainerFault {
        Bundle bundle = shell(
                        "tty; stty size; trap 'stty size; exit 3' WINCH; echo ready; while :; do sleep 0.05; done")
                .process(p -> {
                    p.terminal = true;
                    p.consoleSize = new ProcessSpec.ConsoleSize(33, 99);
                });
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            await("ready", () -> c.stdout().contains("ready"));
            pod().launcher().resize(c.io(), 44, 88);
            assertThat(c.awaitExit().code()).isEqualTo(3);
            await("all output", () -> c.stdout().contains("44 88"));
            assertThat(c.stdout()).startsWith("/dev/").contains("33 99\r\n").contains("44 88\r\n");
        }
    }

    @Test
    void startIsIdempotent() throws ContainerFault {
        try (TestContainer c = prepare(shell("echo once; sleep 1000"))) {
            c.create().start().start();
            await("output", () -> !c.stdout().isEmpty());
            assertThat(c.stdout()).isEqualTo("once\n");
        }
    }

    @Test
    void execRunsInsideWithItsOwnIdentity() throws ContainerFault {
        Bundle bundle = shell("sleep 1000");
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            ProcessSpec.Builder p = bundle.exec("sh", "-c", "id -u; id -g; id -G; pwd; echo $COLOR; umask").toBuilder();
            p.user = new ProcessSpec.User(1000, 1001, 0027, List.of(7L, 8L));
            p.env = List.of("PATH=/bin", "COLOR=red", "COLOR=blue");
            p.cwd = "/bin";
            TestContainer.TestExec exec = c.exec(p.build());
            assertThat(exec.awaitCode()).isZero();
            assertThat(exec.stdout()).isEqualTo("1000\n1001\n1001 7 8\n/bin\nblue\n0027\n");
        }
    }

    @Test
    void execHasItsOwnExitCodeAndLeavesInitAlone() throws ContainerFault {
        Bundle bundle = shell("sleep 1000");
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            assertThat(c.exec(bundle.exec("sh", "-c", "exit 9")).awaitCode()).isEqualTo(9);
            assertThat(c.init().exit().isDone()).isFalse();
        }
    }

    @Test
    void manyExecsAtOnce() throws Exception {
        Bundle bundle = shell("sleep 1000");
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            List<Thread> threads = new ArrayList<>();
            List<String> outputs = java.util.Collections.synchronizedList(new ArrayList<>());
            for (int i = 0; i < 16; i++) {
                String text = "n" + i;
                threads.add(Thread.ofVirtual().start(() -> {
                    try {
                        outputs.add(c.execOutput("echo", text).strip());
                    } catch (ContainerFault e) {
                        outputs.add(String.valueOf(e.getMessage()));
                    }
                }));
            }
            for (Thread t : threads) {
                t.join();
            }
            assertThat(outputs).hasSize(16).allMatch(o -> o.matches("n\\d+")).doesNotHaveDuplicates();
        }
    }

    @Test
    void execSeesTheContainersFilesAndProcesses() throws ContainerFault {
        Bundle bundle = shell("echo secret > /only-here; exec sleep 1000");
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            await("file", () -> Files.exists(bundle.rootfs("only-here")));
            assertThat(c.execOutput("cat", "/only-here")).isEqualTo("secret\n");
            assertThat(c.execOutput("cat", "/proc/1/cmdline")).isEqualTo("sleep\0" + "1000\0");
        }
    }

    @Test
    void aTerminalOfAnExec() throws ContainerFault {
        Bundle bundle = shell("sleep 1000");
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            ProcessSpec.Builder p = bundle.exec("sh", "-c", "tty; stty size").toBuilder();
            p.terminal = true;
            p.consoleSize = new ProcessSpec.ConsoleSize(20, 60);
            TestContainer.TestExec exec = c.exec(p.build());
            assertThat(exec.awaitCode()).isZero();
            await("output", () -> exec.stdout().contains("20 60"));
            assertThat(exec.stdout()).startsWith("/dev/pts/");
        }
    }

    @Test
    void aMissingProgramFailsAtCreateAndLeavesNothing() throws ContainerFault {
        try (TestContainer c = prepare(Bundle.of(temp, "no-such-program"))) {
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(c::create)
                    .withMessageContaining("no-such-program")
                    .withMessageContaining("executable file not found in $PATH");
        }
    }

    @Test
    void aMissingProgramOfAnExecIsAFaultOfTheExecOnly() throws ContainerFault {
        Bundle bundle = shell("sleep 1000");
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(() -> c.exec(bundle.exec("/no/such/program")))
                    .withMessageContaining("/no/such/program")
                    .withMessageContaining("ENOENT");
            assertThat(c.execOutput("echo", "fine")).isEqualTo("fine\n");
        }
    }

    @Test
    void aMissingMountSourceIsNamedAndUndone() throws ContainerFault {
        Bundle bundle = shell("true").spec(s -> {
            Spec.Builder b = s.toBuilder();
            List<dev.caisson.oci.Mount> mounts = new ArrayList<>(s.mounts());
            mounts.add(dev.caisson.oci.Mount.of("/x", "/no/such/source", "bind", List.of("bind")));
            b.mounts = mounts;
            return b.build();
        });
        try (TestContainer c = prepare(bundle)) {
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(c::create)
                    .withMessageContaining("/no/such/source")
                    .withMessageContaining("ENOENT");
        }
    }

    @Test
    void signalAllReachesEveryProcess() throws ContainerFault {
        Bundle bundle = shell("trap 'echo init' USR1; echo ready; while :; do sleep 0.05; done");
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            await("ready", () -> c.stdout().contains("ready"));
            TestContainer.TestExec exec = c.exec(
                    bundle.exec("sh", "-c", "trap 'echo exec; exit 4' USR1; echo ready; while :; do sleep 0.05; done"));
            await("ready", () -> exec.stdout().contains("ready"));
            c.container().signalAll(SIGUSR1);
            assertThat(exec.awaitCode()).isEqualTo(4);
            await("init's handler", () -> c.stdout().contains("init"));
        }
    }

    @Test
    void pidsAreHostPidsOfAllProcesses() throws ContainerFault {
        Bundle bundle = shell("sleep 1000 & exec sleep 1001");
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            await("two processes", () -> pids(c.container()).size() == 2);
            assertThat(pids(c.container())).contains(c.init().pid());
        }
    }

    private static CgroupStats.Pids pidStats(TestContainer c) throws ContainerFault {
        return java.util.Objects.requireNonNull(c.container().stats().pids());
    }

    private static List<Integer> pids(Container c) {
        try {
            return c.pids();
        } catch (ContainerFault e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aPausedContainerStandsStill() throws Exception {
        Bundle bundle = shell("while :; do echo x; done > /count");
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            Path count = bundle.rootfs("count");
            await("output", () -> Files.exists(count));
            c.container().pause();
            long size = Files.size(count);
            pass(100);
            assertThat(Files.size(count)).isEqualTo(size);
            c.container().resume();
            await("more output", () -> {
                try {
                    return Files.size(count) > size;
                } catch (IOException e) {
                    throw new AssertionError(e);
                }
            });
        }
    }

    @Test
    void aPausedContainerCanBeDestroyed() throws ContainerFault {
        try (TestContainer c = prepare(shell("sleep 1000"))) {
            c.create().start();
            c.container().pause();
        }
    }

    @Test
    void limitsHoldAndCanBeUpdated() throws ContainerFault {
        Bundle bundle = shell("sleep 1000").linux(l -> {
            Resources.Builder r = new Resources.Builder();
            r.pids = new Resources.Pids(17L);
            r.memory = new Resources.Memory(64L << 20, null, null, null, null, null, null, null, null);
            l.resources = r.build();
        });
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            assertThat(pidStats(c).limit()).isEqualTo(17);
            Resources.Builder r = new Resources.Builder();
            r.pids = new Resources.Pids(23L);
            c.container().update(r.build());
            assertThat(pidStats(c).limit()).isEqualTo(23);
            assertThat(pidStats(c).current()).isEqualTo(1);
        }
    }

    @Test
    void anOutOfMemoryKillIsCountedAndReported() throws Exception {
        Bundle bundle = shell("tail /dev/zero").linux(l -> {
            Resources.Builder r = new Resources.Builder();
            r.memory = new Resources.Memory(16L << 20, null, 16L << 20, null, null, null, null, null, null);
            l.resources = r.build();
        });
        try (TestContainer c = prepare(bundle).create()) {
            CountDownLatch reported = new CountDownLatch(1);
            c.container().watchOom(reported::countDown);
            c.start();
            assertThat(c.awaitExit().code()).isEqualTo(128 + SIGKILL);
            assertThat(c.container().oomKills()).isPositive();
            assertThat(reported.await(10, TimeUnit.SECONDS)).isTrue();
        }
    }

    @Test
    void destroyEndsWhatRunsAndIsIdempotent() throws ContainerFault {
        Bundle bundle = shell("sleep 1000 & sleep 1001 & wait");
        TestContainer c = prepare(bundle).create().start();
        TestContainer.TestExec exec = c.exec(bundle.exec("sleep", "1002"));
        c.container().destroy();
        assertThat(c.awaitExit().code()).isEqualTo(128 + SIGKILL);
        assertThat(exec.awaitCode()).isEqualTo(128 + SIGKILL);
        c.container().destroy();
        c.close();
    }

    @Test
    void destroyOfWhatWasNeverCreated() throws ContainerFault {
        TestContainer c = prepare(shell("true"));
        c.container().destroy();
        c.close();
    }

    @Test
    void anotherDaemonCanTakeOver() throws ContainerFault {
        Bundle bundle = shell("sleep 1000");
        TestContainer c = prepare(bundle).create();
        Container second = c.recovered();
        second.start(c.init());
        assertThat(second.pids()).contains(c.init().pid());
        second.signalAll(SIGKILL);
        assertThat(c.awaitExit().code()).isEqualTo(128 + SIGKILL);
        second.destroy();
        c.close();
    }

    @Test
    void anotherDaemonCanDestroyWithoutARecord() throws ContainerFault {
        TestContainer c = prepare(shell("sleep 1000"));
        Container second = c.recovered(); // before create: the record is as empty as after a crash in the middle
        c.create().start();
        second.destroy();
        assertThat(c.awaitExit().code()).isEqualTo(128 + SIGKILL);
        c.close();
    }

    @Test
    void anExecWhoseDaemonIsLostIsEndedByTheNext() throws ContainerFault {
        Bundle bundle = shell("sleep 1000");
        try (TestContainer c = prepare(bundle).create().start()) {
            String script = "echo $HOME; cd /bin && pwd";
            TestContainer.TestExec exec = c.execOfLostDaemon(bundle.exec("sh", "-c", script + "; exit 7"));

            c.recovered().resumeExec(c.init(), exec.launch(), bundle.exec("sh"));

            assertThat(exec.awaitCode()).as(exec.stderr()).isEqualTo(7);
            assertThat(exec.stdout()).isEqualTo(c.execOutput("sh", "-c", script));
        }
    }

    private static Hook hook(String script) {
        return new Hook("/bin/sh", List.of("sh", "-c", script), List.of("PATH=/bin:/usr/bin"), null);
    }

    @Test
    void hooksRunInOrderWithTheState() throws Exception {
        Bundle bundle = shell("echo program >> /log");
        Path log = bundle.directory().resolve("log");
        String note = "echo $0 $(cat) >> " + log;
        bundle.spec(s -> {
            Spec.Builder b = s.toBuilder();
            b.hooks = new Hooks(
                    List.of(hook(note.replace("$0", "prestart"))),
                    List.of(hook(note.replace("$0", "createRuntime"))),
                    List.of(hook(note.replace("$0", "createContainer"))),
                    List.of(new Hook(
                            "/bin/sh", List.of("sh", "-c", "echo startContainer >> /log"), List.of("PATH=/bin"), null)),
                    List.of(hook(note.replace("$0", "poststart"))),
                    List.of(hook(note.replace("$0", "poststop"))));
            return b.build();
        });
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
        }
        List<String> lines = Files.readAllLines(log);
        assertThat(lines)
                .extracting(l -> l.substring(0, l.indexOf(' ')))
                .containsExactly("prestart", "createRuntime", "createContainer", "poststart", "poststop");
        assertThat(lines).allMatch(l -> l.contains("\"id\":\"" + bundle.id() + "\""));
        assertThat(lines.get(0)).contains("\"status\":\"creating\"");
        assertThat(lines.get(3)).contains("\"status\":\"running\"");
        assertThat(lines.get(4)).contains("\"status\":\"stopped\"");
        assertThat(Files.readString(bundle.rootfs("log"))).isEqualTo("startContainer\nprogram\n");
    }

    @Test
    void aFailingHookFailsCreateWithItsOutput() throws ContainerFault {
        Bundle bundle = shell("true").spec(s -> {
            Spec.Builder b = s.toBuilder();
            b.hooks = new Hooks(
                    List.of(), List.of(hook("echo reason >&2; exit 3")), List.of(), List.of(), List.of(), List.of());
            return b.build();
        });
        try (TestContainer c = prepare(bundle)) {
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(c::create)
                    .withMessageContaining("createRuntime")
                    .withMessageContaining("reason");
        }
    }

    @Test
    void aSlowHookIsEndedAfterItsTimeout() throws ContainerFault {
        Bundle bundle = shell("true").spec(s -> {
            Spec.Builder b = s.toBuilder();
            Hook slow = new Hook("/bin/sleep", List.of("sleep", "1000"), List.of(), 1);
            b.hooks = new Hooks(List.of(), List.of(), List.of(slow), List.of(), List.of(), List.of());
            return b.build();
        });
        try (TestContainer c = prepare(bundle)) {
            Instant begin = Instant.now();
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(c::create)
                    .withMessageContaining("not finished within 1 s");
            assertThat(Duration.between(begin, Instant.now())).isLessThan(Duration.ofSeconds(10));
        }
    }

    @Test
    void aContainerWithoutProcessIsRefused() {
        Bundle bundle = shell("true").spec(s -> {
            Spec.Builder b = s.toBuilder();
            b.process = null;
            return b.build();
        });
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> prepare(bundle))
                .withMessageContaining("process")
                .matches(e -> e.kind() == ContainerFault.Kind.INVALID);
    }

    @Test
    void orphansOfInitAreReaped() throws ContainerFault {
        // The middle process ends first: its child is init's then, or the pod's where init is not pid 1.
        try (TestContainer c = prepare(shell("(sleep 0.1 &) ; sleep 0.3; echo done"))) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("done\n");
        }
    }

    @Test
    void exitIsReportedOnceTheProcessIsReaped() throws ContainerFault {
        Instant before = Instant.now();
        try (TestContainer c = prepare(shell("exit 2"))) {
            c.run();
            Launch init = c.init();
            assertThat(init.exit().join().at()).isBetween(before, Instant.now());
            assertThat(init.exit().join()).isEqualTo(init.exit().join());
        }
    }
}
