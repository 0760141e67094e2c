package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.linux.bpf.BpfInterpreter;
import dev.caisson.linux.bpf.BpfProgram;
import dev.caisson.linux.bpf.SeccompAction;
import dev.caisson.linux.bpf.SeccompData;
import dev.caisson.linux.bpf.SyscallAbi;
import dev.caisson.linux.bpf.SyscallTable;
import dev.caisson.oci.Linux;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.Spec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The sandbox process: what it holds, what it costs when nothing happens, and its death. */
final class TrapSandboxTest extends TrapSuite {
    /** The one whose threads answer; another may wait for its first container. */
    private static long sandbox() {
        // That of the last test's container may still be ending.
        await("one sandbox process, not " + sandboxes(), () -> sandboxes().size() == 1);
        return sandboxes().getFirst();
    }

    /** They are children of the daemon, which is this process. */
    private static List<Long> sandboxes() {
        return ProcessHandle.current()
                .children()
                .map(ProcessHandle::pid)
                .filter(pid -> commandLine(pid).contains("dev.caisson.trap.sandbox.SandboxMain"))
                .filter(TrapSandboxTest::answers)
                .toList();
    }

    private static int otherThread(long pid) throws IOException {
        try (var threads = Files.list(Path.of("/proc/" + pid + "/task"))) {
            return threads.map(thread -> Integer.parseInt(thread.getFileName().toString()))
                    .filter(tid -> tid != pid)
                    .findFirst()
                    .orElseThrow();
        }
    }

    private static boolean answers(long pid) {
        try (var threads = Files.list(Path.of("/proc/" + pid + "/task"))) {
            return threads.anyMatch(thread -> {
                try {
                    return Files.readString(thread.resolve("comm")).startsWith("reader-");
                } catch (IOException e) {
                    return false; // it has ended
                }
            });
        } catch (IOException e) {
            return false;
        }
    }

    /** Not ProcessHandle's, which has no arguments of more than a page. */
    private static String commandLine(long pid) {
        try {
            return Files.readString(Path.of("/proc/" + pid + "/cmdline"));
        } catch (IOException e) {
            return ""; // it has ended
        }
    }

    private static int count(String directory) throws IOException {
        try (var files = Files.list(Path.of(directory))) {
            return (int) files.count();
        }
    }

    /** How many there are once there are no fewer half a second later: readers of ended processes take a moment to leave. */
    private static int settled(long pid, String directory) throws IOException {
        int last = count("/proc/" + pid + "/" + directory);
        while (true) {
            pass(500);
            int now = count("/proc/" + pid + "/" + directory);
            if (now >= last) {
                return now;
            }
            last = now;
        }
    }

    /** utime and stime of proc_pid_stat(5), in ticks of 10 ms. */
    private static long ticks(long pid) throws IOException {
        String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        return Long.parseLong(fields[11]) + Long.parseLong(fields[12]);
    }

    @Test
    void aContainerDiesWithItsSandboxProcess() throws Exception {
        try (TestContainer c =
                prepare(shell("echo up; while :; do :; done")).create().start()) {
            await("program", () -> c.stdout().contains("up"));
            Instant killed = Instant.now();
            ProcessHandle.of(sandbox()).orElseThrow().destroyForcibly();
            assertThat(c.awaitExit().code()).isEqualTo(137);
            assertThat(Duration.between(killed, Instant.now())).isLessThan(Duration.ofSeconds(2));
        }
    }

    /** Each is answered in its own root, with its own init; what ends one is nothing to the other. */
    @Test
    void theContainersOfAPodShareASandboxProcess() throws Exception {
        Bundle firstBundle = shell("echo up; exec sleep 1000");
        try (TestContainer first = prepare(firstBundle).create().start();
                TestContainer second =
                        prepare(shell("echo up; exec sleep 1000")).create().start()) {
            await(
                    "programs",
                    () -> first.stdout().contains("up") && second.stdout().contains("up"));
            long sandbox = sandbox();
            Files.writeString(firstBundle.rootfs("only-first"), "");
            assertThat(first.execOutput("ls", "/")).contains("only-first");
            assertThat(second.execOutput("ls", "/")).contains("bin").doesNotContain("only-first");
            first.init().kill(9);
            first.awaitExit();
            assertThat(second.execOutput("ls", "/")).contains("bin");
            assertThat(sandbox()).isEqualTo(sandbox);
            ProcessHandle.of(sandbox).orElseThrow().destroyForcibly();
            assertThat(second.awaitExit().code()).isEqualTo(137);
        }
    }

    /** As in a pod of the CRI: host name, IPC and network are the first one's, and mounts of them need a right there. */
    @Test
    void aContainerHasItsRightsInNamespacesOfAnother() throws Exception {
        try (TestContainer first = prepare(shell("exec sleep 1000")).create().start()) {
            String namespaces = "/proc/" + first.init().pid() + "/ns/";
            Bundle bundle = shell("cat /proc/1/oom_score_adj; exec sleep 1000")
                    .linux(l -> l.namespaces = List.of(
                            new Linux.Namespace(NamespaceType.MOUNT, null),
                            new Linux.Namespace(NamespaceType.PID, null),
                            new Linux.Namespace(NamespaceType.IPC, namespaces + "ipc"),
                            new Linux.Namespace(NamespaceType.UTS, namespaces + "uts"),
                            new Linux.Namespace(NamespaceType.NETWORK, namespaces + "net")))
                    .spec(s -> {
                        Spec.Builder b = s.toBuilder();
                        b.hostname = "renamed";
                        return b.build();
                    })
                    .process(p -> p.oomScoreAdj = 321);
            try (TestContainer second = prepare(bundle).create().start()) {
                await("output", () -> second.stdout().contains("\n"));
                assertThat(second.stdout()).as(second.stderr()).isEqualTo("321\n");
                assertThat(first.execOutput("busybox", "hostname")).isEqualTo("renamed\n");
                for (String shared : List.of("ipc", "uts", "net", "user")) {
                    assertThat(second.execOutput("busybox", "readlink", "/proc/1/ns/" + shared))
                            .as(shared)
                            .isEqualTo(first.execOutput("busybox", "readlink", "/proc/1/ns/" + shared));
                }
                // As root in its user namespace, to which the network belongs.
                assertThat(second.execOutput(
                                "sh", "-c", "busybox nc -l -p 80 & sleep 0.2; busybox netstat -ltn; kill $!"))
                        .contains(":80 ");
            }
        }
    }

    @Test
    void theFirstContainersOfAPodShareItAlsoWhenTheyAreMadeAtTheSameTime() throws Exception {
        for (int round = 0; round < 2; round++) {
            List<TestContainer> containers = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                // Of groups without a common parent, which the first one would make and remove.
                String group = "/caisson-test-" + ProcessHandle.current().pid() + "-" + i;
                containers.add(prepare(shell("echo up; exec sleep 1000").linux(l -> l.cgroupsPath = group)));
            }
            try (ExecutorService threads =
                    Executors.newThreadPerTaskExecutor(Thread.ofVirtual().factory())) {
                for (Future<TestContainer> made : threads.invokeAll(containers.stream()
                        .map(c -> (Callable<TestContainer>) () -> c.create().start())
                        .toList())) {
                    made.get();
                }
                for (TestContainer c : containers) {
                    await("program", () -> c.stdout().contains("up"));
                }
                assertThat(sandboxes()).hasSize(1);
            } finally {
                containers.forEach(TestContainer::close);
            }
            await("end of the sandbox process", () -> sandboxes().isEmpty());
        }
    }

    @Test
    void endsWithItsContainer() throws Exception {
        try (TestContainer c = prepare(shell("echo up; exec sleep 1")).create().start()) {
            await("program", () -> c.stdout().contains("up"));
            ProcessHandle process = ProcessHandle.of(sandbox()).orElseThrow();
            c.awaitExit();
            await("end of the sandbox process", () -> !process.isAlive());
        }
    }

    /** Whether it took no more than a tick in a second; if it did, the threads are named that took it. */
    private static boolean isIdle(long pid) {
        try {
            Map<String, Long> before = ticksOfThreads(pid);
            long all = ticks(pid);
            pass(1000);
            boolean isIdle = ticks(pid) - all <= 1;
            if (!isIdle) {
                Map<String, Long> spent = ticksOfThreads(pid);
                before.forEach((thread, ticks) -> spent.computeIfPresent(thread, (_, now) -> now - ticks));
                spent.values().removeIf(ticks -> ticks == 0);
                System.out.println("ticks in a second: " + spent);
            }
            return isIdle;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Map<String, Long> ticksOfThreads(long pid) throws IOException {
        Map<String, Long> all = new TreeMap<>();
        try (var threads = Files.list(Path.of("/proc/" + pid + "/task"))) {
            for (Path thread : threads.toList()) {
                try {
                    String stat = Files.readString(thread.resolve("stat"));
                    int end = stat.lastIndexOf(')') + 1;
                    String[] fields = stat.substring(end + 1).split(" ", -1);
                    all.put(stat.substring(0, end), Long.parseLong(fields[11]) + Long.parseLong(fields[12]));
                } catch (IOException e) {
                    // It has ended meanwhile.
                }
            }
        }
        return all;
    }

    @Test
    void execsLeaveNothingInItAndIdleCostsNothing() throws Exception {
        try (TestContainer c =
                prepare(shell("echo up; exec sleep 1000")).create().start()) {
            await("program", () -> c.stdout().contains("up"));
            long pid = sandbox();
            assertThat(c.execOutput("ls", "/")).contains("bin");
            int threads = settled(pid, "task");
            int descriptors = settled(pid, "fd");
            for (int i = 0; i < 10; i++) {
                assertThat(c.execOutput("ls", "/")).contains("bin");
            }
            // Fewer than one for each: the virtual machine starts and ends compiler threads of its own.
            assertThat(settled(pid, "task")).as("threads").isLessThan(threads + 5);
            assertThat(settled(pid, "fd")).as("descriptors").isLessThan(descriptors + 5);
            // On an emulated processor it rehearses, and compiles, for ten seconds more; who spins never comes to rest.
            await("a second of less than two ticks of 10 ms", () -> isIdle(pid));
        }
    }

    /** Whether a thread is SCHED_IDLE. */
    private static boolean doesAnyStay(long pid) {
        try (var threads = Files.list(Path.of("/proc/" + pid + "/task"))) {
            for (Path thread : threads.toList()) {
                String stat = Files.readString(thread.resolve("stat"));
                String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
                if (fields[38].equals("5")) {
                    return true;
                }
            }
        } catch (IOException e) {
            return false; // one of them has ended
        }
        return false;
    }

    /** With the rush it ends: who sleeps so would be late for the next call. */
    @Test
    void whoAnswersStaysOnTheCallersProcessorDuringARushOnly() throws Exception {
        Bundle bundle = shell("while ! [ -e /stop ]; do : < /bin/sh; done; exec sleep 1000");
        try (TestContainer c = prepare(bundle).create().start()) {
            long sandbox = sandbox();
            await("a thread that stays", () -> doesAnyStay(sandbox));
            Files.writeString(bundle.rootfs("stop"), "");
            await("program", () -> commandLine(c.init().pid()).startsWith("sleep"));
            await("no thread that stays", () -> !doesAnyStay(sandbox));
        }
    }

    private static boolean maySchedule(BpfProgram program, int policy) {
        int nr = SyscallTable.number(SyscallAbi.X86_64, "sched_setscheduler");
        SeccompData call = new SeccompData(nr, SeccompData.AUDIT_ARCH_X86_64, 0, 0, policy, 0, 0, 0, 0);
        return SeccompAction.of(BpfInterpreter.run(program, call)) == SeccompAction.ALLOW;
    }

    /** gVisor's Sentry with its gofer may make 96 calls. */
    @Test
    void mayMakeFewCallsOfItsOwn() throws Exception {
        try (TestContainer c =
                prepare(shell("echo up; exec sleep 1000")).create().start()) {
            await("program", () -> c.stdout().contains("up"));
            long sandbox = sandbox();
            // Not of its first thread, for whose state this process's virtual machine waits: it is its parent.
            BpfProgram program = InstalledFilter.read(otherThread(sandbox));
            TreeSet<String> allowed = new TreeSet<>();
            for (int nr = 0; nr < 4096; nr++) {
                if (InstalledFilter.mayReachTheKernel(program, nr)) {
                    allowed.add(String.valueOf(SyscallTable.name(SyscallAbi.X86_64, nr)));
                }
            }
            assertThat(allowed).hasSizeLessThan(96).contains("openat2", "futex");
            // SCHED_OTHER and SCHED_IDLE; not those that no ordinary process can interrupt.
            assertThat(IntStream.range(0, 16).filter(policy -> maySchedule(program, policy)))
                    .containsExactly(0, 5);
            assertThat(allowed)
                    .doesNotContain(
                            "execve",
                            "execveat",
                            "ptrace",
                            "mount",
                            "umount2",
                            "pivot_root",
                            "chroot",
                            "connect",
                            "bind",
                            "sendto",
                            "bpf",
                            "kill",
                            "init_module",
                            "finit_module",
                            "kexec_load",
                            "open_by_handle_at",
                            "io_uring_setup",
                            "perf_event_open",
                            "keyctl",
                            "setuid",
                            "setresuid",
                            "reboot",
                            "null");
            // Every thread of it, not only the first.
            try (var threads = Files.list(Path.of("/proc/" + sandbox + "/task"))) {
                for (Path thread : threads.toList()) {
                    assertThat(Files.readString(thread.resolve("status"))).contains("Seccomp:\t2");
                }
            }
        }
    }

    /**
     * Rights that guests may have over files, and those to become them, enter their namespaces and read their memory. Where this daemon may not raise the
     * limit for it (CAP_SYS_RESOURCE), one more, to give threads their priority back (CAP_SYS_NICE).
     */
    @Test
    void hasFewRights() throws Exception {
        try (TestContainer c =
                prepare(shell("echo up; exec sleep 1000")).create().start()) {
            await("program", () -> c.stdout().contains("up"));
            String own = Files.readString(Path.of("/proc/self/status"));
            long effective = Long.parseUnsignedLong(
                    own.lines()
                            .filter(line -> line.startsWith("CapEff:\t"))
                            .findFirst()
                            .orElseThrow()
                            .substring(8),
                    16);
            String expected = (effective & 1L << 24) != 0 ? "00000000002c00df" : "0000000000ac00df";
            assertThat(Files.readString(Path.of("/proc/" + sandbox() + "/status")))
                    .contains("NoNewPrivs:\t1")
                    .contains("CapBnd:\t" + expected)
                    .contains("CapPrm:\t" + expected);
        }
    }

    /** Nobody's user, in a cgroup of its own with bounds, and without the host's network. */
    @Test
    void isNobodyAndBounded() throws Exception {
        try (TestContainer c =
                prepare(shell("echo up; exec sleep 1000")).create().start()) {
            await("program", () -> c.stdout().contains("up"));
            long sandbox = sandbox();
            String user = Long.toString(2_000_000_000L + sandbox);
            assertThat(Files.readString(Path.of("/proc/" + sandbox + "/status")))
                    .contains("Uid:\t" + (user + "\t").repeat(3) + user + "\n")
                    .contains("Gid:\t" + (user + "\t").repeat(3) + user + "\n");
            assertThat(Files.readString(Path.of("/proc/" + sandbox + "/cgroup")).lines())
                    .allMatch(line -> line.endsWith("/caisson-sandbox/" + sandbox));
            assertThat(bound(sandbox, "memory", "memory.limit_in_bytes", "memory.max"))
                    .isEqualTo("268435456");
            assertThat(bound(sandbox, "pids", "pids.max", "pids.max")).isEqualTo("512");
            assertThat(Files.readString(Path.of("/proc/" + sandbox + "/net/dev"))
                            .lines())
                    .as("network devices")
                    .filteredOn(line -> line.contains(":"))
                    .allMatch(line -> line.strip().startsWith("lo:"));
        }
    }

    /** By annotation; what it has is bounded all the same. */
    @Test
    void isChargedToThePodWhereAsked() throws Exception {
        Bundle bundle =
                TrapConfigTest.annotated(shell("echo up; exec sleep 1000"), Map.of("dev.caisson.trap.charge", "pod"));
        String own = String.valueOf(bundle.spec().linux().cgroupsPath());
        String parent = own.substring(0, own.lastIndexOf('/'));
        String pod = parent + "/pod-" + bundle.id();
        // As kubelet does, and takes away itself.
        List<Path> hierarchies = hierarchies();
        for (Path hierarchy : hierarchies) {
            Files.createDirectories(Path.of(hierarchy + pod));
        }
        String group;
        try (TestContainer c = prepare(bundle.linux(l -> l.cgroupsPath = pod + "/" + bundle.id()))
                .create()
                .start()) {
            await("program", () -> c.stdout().contains("up"));
            long sandbox = sandbox();
            String expected = pod + "/caisson-sandbox-" + sandbox;
            assertThat(Files.readString(Path.of("/proc/" + sandbox + "/cgroup")).lines())
                    .allMatch(line -> line.endsWith(expected));
            group = expected;
            Path one = Path.of("/sys/fs/cgroup/memory" + group, "memory.limit_in_bytes");
            Path bound = Files.exists(one) ? one : Path.of("/sys/fs/cgroup" + group, "memory.max");
            assertThat(Files.readString(bound).strip()).isEqualTo("268435456");
            assertThat(c.execOutput("ls", "/")).contains("bin");
        }
        await(
                "removal of " + group,
                () -> hierarchies.stream().noneMatch(hierarchy -> Files.exists(Path.of(hierarchy + group))));
        for (Path hierarchy : hierarchies) {
            Files.delete(Path.of(hierarchy + pod));
            Files.deleteIfExists(Path.of(hierarchy + parent));
        }
    }

    private static List<Path> hierarchies() throws IOException {
        Path root = Path.of("/sys/fs/cgroup");
        if (Files.exists(root.resolve("cgroup.controllers"))) {
            return List.of(root);
        }
        try (var mounted = Files.list(root)) {
            return mounted.filter(path -> Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS))
                    .filter(path -> Files.exists(path.resolve("cgroup.procs")))
                    .toList();
        }
    }

    private static String bound(long sandbox, String controller, String version1, String version2) throws IOException {
        Path one = Path.of("/sys/fs/cgroup/" + controller + "/caisson-sandbox/" + sandbox, version1);
        return Files.readString(
                        Files.exists(one) ? one : Path.of("/sys/fs/cgroup/caisson-sandbox/" + sandbox, version2))
                .strip();
    }
}
