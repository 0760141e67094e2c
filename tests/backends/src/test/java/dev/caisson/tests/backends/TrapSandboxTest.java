package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.linux.bpf.BpfProgram;
import dev.caisson.linux.bpf.SyscallAbi;
import dev.caisson.linux.bpf.SyscallTable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** The sandbox process: what it holds, what it costs when nothing happens, and its death. */
final class TrapSandboxTest extends TrapSuite {
    private long sandbox() {
        List<Long> found = ProcessHandle.of(pod().parentPid()).stream()
                .flatMap(ProcessHandle::children)
                .map(ProcessHandle::pid)
                .filter(pid -> commandLine(pid).contains("dev.caisson.trap.sandbox.SandboxMain"))
                .toList();
        assertThat(found).hasSize(1);
        return found.getFirst();
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

    @Test
    void endsWithItsContainer() throws Exception {
        try (TestContainer c = prepare(shell("echo up; read x")).create().start()) {
            await("program", () -> c.stdout().contains("up"));
            ProcessHandle process = ProcessHandle.of(sandbox()).orElseThrow();
            c.awaitExit();
            await("end of the sandbox process", () -> !process.isAlive());
        }
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
            pass(1000);
            long before = ticks(pid);
            pass(1000);
            assertThat(ticks(pid) - before).as("ticks of 10 ms in a second").isLessThanOrEqualTo(1);
        }
    }

    /** gVisor's Sentry with its gofer may make 96 calls. */
    @Test
    void mayMakeFewCallsOfItsOwn() throws Exception {
        try (TestContainer c =
                prepare(shell("echo up; exec sleep 1000")).create().start()) {
            await("program", () -> c.stdout().contains("up"));
            long sandbox = sandbox();
            BpfProgram program = InstalledFilter.read((int) sandbox);
            TreeSet<String> allowed = new TreeSet<>();
            for (int nr = 0; nr < 4096; nr++) {
                if (InstalledFilter.mayReachTheKernel(program, nr)) {
                    allowed.add(String.valueOf(SyscallTable.name(SyscallAbi.X86_64, nr)));
                }
            }
            assertThat(allowed).hasSizeLessThan(96).contains("openat2", "futex");
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
                            "sendmsg",
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

    /** Rights that guests may have over files, and those to become them, enter their namespaces and read their memory. */
    @Test
    void hasFewRights() throws Exception {
        try (TestContainer c =
                prepare(shell("echo up; exec sleep 1000")).create().start()) {
            await("program", () -> c.stdout().contains("up"));
            assertThat(Files.readString(Path.of("/proc/" + sandbox() + "/status")))
                    .contains("NoNewPrivs:\t1")
                    .contains("CapBnd:\t00000000002c00df");
        }
    }
}
