package dev.caisson.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.Processes;
import dev.caisson.linux.cgroup.CgroupResources.BlockIo;
import dev.caisson.linux.cgroup.CgroupResources.Cpu;
import dev.caisson.linux.cgroup.CgroupResources.DeviceRule;
import dev.caisson.linux.cgroup.CgroupResources.Memory;
import dev.caisson.linux.cgroup.CgroupResources.Network;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The real kernel in whichever mode this host has, in groups below /caisson-test-PID. Everything is gone afterwards, and the
 * roots' subtree_control is as before.
 */
@Tag("root")
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class CgroupHostTest {
    private static final Duration SECONDS = Duration.ofSeconds(10);
    private static final String PARENT =
            "/caisson-test-" + ProcessHandle.current().pid();

    private static final String DIGGER = """
            chdir $ARGV[0] or die;
            for (1 .. 60) {
                my $name = 'a' x 200 . chr(255);
                mkdir $name or die;
                chdir $name or die;
            }
            my $name = 'b' x 4000;
            mkdir $name or die;
            chdir $name or die;
            mkdir 'last' or die;
            print "done\n";
            """;

    private final List<Process> processes = new ArrayList<>();
    private CgroupLayout layout = new CgroupLayout(CgroupMode.V1, List.of());
    private Map<String, String> before = Map.of();

    @BeforeEach
    void detect() throws Exception {
        assumeTrue(Processes.effectiveUid() == 0, "cgroups need root");
        layout = CgroupLayout.detect();
        before = traces();
    }

    @AfterEach
    void nothingIsLeft() throws Exception {
        for (Process process : processes) {
            process.destroyForcibly().waitFor();
        }
        assertThat(traces()).isEqualTo(before);
        for (CgroupHierarchy hierarchy : layout.hierarchies()) {
            assertThat(HostFiles.exists(hierarchy.mountPoint() + PARENT))
                    .as(hierarchy.mountPoint())
                    .isFalse();
        }
    }

    /** What a test could leave at the roots beside directories; on a pure version 2 host controllers stay enabled by design. */
    private Map<String, String> traces() throws Exception {
        Map<String, String> found = new TreeMap<>();
        CgroupHierarchy unified = layout.unified();
        if (unified != null && layout.mode() == CgroupMode.HYBRID) {
            String file = unified.mountPoint() + "/cgroup.subtree_control";
            found.put(file, HostFiles.text(file));
        }
        return found;
    }

    private Cgroup create(String name) throws Exception {
        return Cgroup.create(layout, CgroupPath.of(PARENT + "/" + name, "unused"));
    }

    private Process shell(String script) throws Exception {
        Process process =
                new ProcessBuilder("sh", "-c", script).redirectErrorStream(true).start();
        processes.add(process);
        return process;
    }

    private static int pid(Process process) {
        return (int) process.pid();
    }

    private static String read(Cgroup cgroup, String controller, String file) throws Exception {
        return HostFiles.text(Objects.requireNonNull(cgroup.directory(controller)) + "/" + file)
                .strip();
    }

    private static CgroupResources resources(Memory memory, Cpu cpu, @Nullable Long pids) {
        return new CgroupResources(
                memory, cpu, pids, BlockIo.NONE, List.of(), Network.NONE, Map.of(), List.of(), Map.of());
    }

    private boolean v1(String controller) {
        CgroupHierarchy hierarchy = layout.of(controller);
        return hierarchy != null && !hierarchy.unified();
    }

    @Test
    void lifeOfAGroup() throws Exception {
        Cgroup cgroup = create("life/a");
        assertThat(cgroup.directories()).hasSameSizeAs(layout.hierarchies());
        assertThat(cgroup.directories().getLast()).isEqualTo(cgroup.directory("memory"));
        assertThat(cgroup.pids()).isEmpty();
        for (String file : cgroup.procsFiles()) {
            assertThat(HostFiles.text(file)).isEmpty();
        }

        Process sleeper = shell("sleep 60 & sleep 60");
        cgroup.join(pid(sleeper));
        assertThat(cgroup.pids()).contains(pid(sleeper));
        for (String file : cgroup.procsFiles()) {
            assertThat(HostFiles.text(file)).as(file).contains(pid(sleeper) + "\n");
        }
        assertThatThrownBy(() -> create("life/a"))
                .isInstanceOf(CgroupException.class)
                .hasMessageStartingWith("create cgroup ")
                .hasMessageContaining("it exists and holds processes " + pid(sleeper));

        // As a restarted daemon would.
        Cgroup reopened = Cgroup.open(cgroup.state());
        assertThat(reopened.directories()).isEqualTo(cgroup.directories());
        assertThatThrownBy(() -> reopened.remove(Duration.ofMillis(20)))
                .isInstanceOf(ErrnoException.class)
                .hasMessageStartingWith("rmdir ")
                .hasMessageContaining("(processes ")
                .hasMessageContaining(Long.toString(sleeper.pid()))
                .hasMessageEndingWith("EBUSY");
        reopened.killAll();
        reopened.remove(SECONDS);
        assertThat(sleeper.waitFor()).isEqualTo(128 + 9);
        reopened.remove(SECONDS);
    }

    @Test
    void parentsThatWereMadeGoWhenTheyAreEmpty() throws Exception {
        Cgroup first = create("family/pod/one");
        Cgroup second = create("family/pod/two");
        String pod = CgroupHierarchy.parentOf(first.directories().getFirst());
        assertThat(second.state().created()).hasSameSizeAs(layout.hierarchies()).doesNotContain(pod);
        second.remove(SECONDS);
        assertThat(HostFiles.exists(pod)).isTrue();
        first.remove(SECONDS);
        assertThat(HostFiles.exists(pod)).isFalse();
    }

    @Test
    void aFailedCreationLeavesNothing() throws Exception {
        Cgroup used = create("failed/x");
        Process sleeper = shell("exec sleep 60");
        // Only in the last hierarchy, so that the others have been made when it fails.
        String last = layout.hierarchies().getLast().mountPoint() + PARENT + "/failed/x";
        HostFiles.write(last + "/cgroup.procs", Long.toString(sleeper.pid()));
        CgroupLayout same = layout;
        assertThatThrownBy(() -> Cgroup.create(same, CgroupPath.of(PARENT + "/failed/x", "")))
                .isInstanceOf(CgroupException.class);
        // The existing directories are not taken away.
        assertThat(HostFiles.exists(used.directories().getFirst())).isTrue();
        HostFiles.write(layout.hierarchies().getLast().mountPoint() + "/cgroup.procs", Long.toString(sleeper.pid()));
        used.remove(SECONDS);
        // cgroup_mkdir refuses a name with a line feed, after the parents have been made.
        assertThatThrownBy(() -> Cgroup.create(same, new CgroupPath(PARENT + "/failed/a\nb", false)))
                .isInstanceOf(ErrnoException.class)
                .hasMessageStartingWith("mkdir ")
                .hasMessageEndingWith("EINVAL");
    }

    @Test
    void whoIsBornInTheFirstGroupGoesWithAFailedCreation() throws Exception {
        CgroupHierarchy unified = layout.unified();
        assumeTrue(unified != null, "no version 2 hierarchy here");
        CgroupHierarchy nowhere = new CgroupHierarchy(false, List.of("nowhere"), "/proc/nowhere", "/", "/");
        CgroupLayout failing = new CgroupLayout(CgroupMode.HYBRID, List.of(nowhere, Objects.requireNonNull(unified)));
        CgroupPath path = CgroupPath.of(PARENT + "/born/x", "");
        Process sleeper = shell("exec sleep 60");
        assertThatThrownBy(() -> Cgroup.create(failing, path, Set.of(), null, () -> enter(failing, path, sleeper)))
                .hasMessageStartingWith("mkdir /proc/nowhere");
        assertThat(sleeper.waitFor()).isEqualTo(128 + 9);
    }

    private static void enter(CgroupLayout layout, CgroupPath path, Process process) {
        String directory = Objects.requireNonNull(Cgroup.expected(layout, path).unifiedDirectory());
        try {
            HostFiles.write(directory + "/cgroup.procs", Long.toString(process.pid()));
        } catch (ErrnoException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void limitsReachTheKernelAndUpdatesInBothDirections() throws Exception {
        Cgroup cgroup = create("limits");
        try {
            Memory memory = new Memory(64L << 20, null, 96L << 20, null, false, false);
            Cpu cpu = new Cpu(512L, 20_000L, 50_000L, 10_000L, null, null, null, "0", "0");
            cgroup.apply(CgroupLimits.plan(resources(memory, cpu, 33L), layout));
            assertThat(read(cgroup, "pids", "pids.max")).isEqualTo("33");
            assertThat(read(cgroup, "cpuset", "cpuset.cpus")).isEqualTo("0");
            assertThat(read(cgroup, "memory", v1("memory") ? "memory.limit_in_bytes" : "memory.max"))
                    .isEqualTo(Long.toString(64L << 20));
            assertBandwidth(cgroup, "20000 50000");

            // Each of these fails with EINVAL if written in the wrong order.
            for (long mib : new long[] {256, 16, 128}) {
                Memory changed = new Memory(mib << 20, null, (mib + 8) << 20, null, false, true);
                Cpu scaled = new Cpu(null, mib * 100, 10_000L, mib * 50, null, null, null, "", "");
                cgroup.apply(CgroupLimits.plan(resources(changed, scaled, null), layout, cgroup.current()));
                assertThat(cgroup.current().memoryLimit()).isEqualTo(mib << 20);
                if (v1("memory")) {
                    assertThat(read(cgroup, "memory", "memory.memsw.limit_in_bytes"))
                            .isEqualTo(Long.toString((mib + 8) << 20));
                }
                assertBandwidth(cgroup, mib * 100 + " 10000");
            }
            cgroup.apply(CgroupLimits.plan(
                    resources(Memory.ofLimit(-1), new Cpu(null, -1L, null, null, null, null, null, "", ""), -1L),
                    layout,
                    cgroup.current()));
            assertThat(cgroup.current().memoryLimit()).isEqualTo(-1);
            assertThat(read(cgroup, "pids", "pids.max")).isEqualTo("max");
            assertBandwidth(cgroup, (v1("cpu") ? "-1" : "max") + " 10000");
        } finally {
            cgroup.remove(SECONDS);
        }
    }

    private void assertBandwidth(Cgroup cgroup, String expected) throws Exception {
        String is = v1("cpu")
                ? read(cgroup, "cpu", "cpu.cfs_quota_us") + " " + read(cgroup, "cpu", "cpu.cfs_period_us")
                : read(cgroup, "cpu", "cpu.max");
        assertThat(is).isEqualTo(expected);
    }

    @Test
    void refusalsAreNamed() throws Exception {
        Cgroup cgroup = create("refused");
        try {
            Cpu cpu = new Cpu(null, null, null, null, null, null, null, "4000", "");
            assertThatThrownBy(() -> cgroup.apply(CgroupLimits.plan(resources(Memory.NONE, cpu, null), layout)))
                    .isInstanceOf(ErrnoException.class)
                    .hasMessageMatching("write .*/cpuset.cpus '4000': E[A-Z]+");
            assertThatThrownBy(() -> cgroup.apply(List.of(new CgroupStep.Write("nonsense", "a.b", "1"))))
                    .isInstanceOf(CgroupException.class)
                    .hasMessage("set a.b: the group has no controller nonsense");
            Cpu tooShort = new Cpu(null, 10L, 1L, null, null, null, null, "", "");
            assertThatThrownBy(() -> cgroup.apply(CgroupLimits.plan(resources(Memory.NONE, tooShort, null), layout)))
                    .isInstanceOf(ErrnoException.class)
                    .hasMessageEndingWith("EINVAL");
            CgroupStep.Write absent =
                    new CgroupStep.Write("memory", "memory.none", "1", CgroupStep.OnFailure.IGNORE_ABSENT, null);
            CgroupStep.Write instead = new CgroupStep.Write("pids", "pids.max", "9");
            cgroup.apply(List.of(
                    absent, new CgroupStep.Write("pids", "pids.none", "9", CgroupStep.OnFailure.FAIL, instead)));
            assertThat(read(cgroup, "pids", "pids.max")).isEqualTo("9");
        } finally {
            cgroup.remove(SECONDS);
        }
    }

    @Test
    void freezeAndThaw() throws Exception {
        Cgroup cgroup = create("frozen");
        Process counter = shell("while :; do :; done");
        cgroup.join(pid(counter));
        assertThat(cgroup.frozen()).isFalse();
        cgroup.freeze(SECONDS);
        assertThat(cgroup.frozen()).isTrue();
        long before = cpuTicks(counter);
        pass(100);
        assertThat(cpuTicks(counter)).isEqualTo(before);
        cgroup.thaw();
        assertThat(cgroup.frozen()).isFalse();

        cgroup.freeze(SECONDS);
        cgroup.killAll();
        assertThat(counter.waitFor()).isEqualTo(128 + 9);
        cgroup.remove(SECONDS);
    }

    /** Lets time pass in which nothing may happen. */
    private static void pass(int millis) throws InterruptedException {
        Thread.sleep(millis);
    }

    private static long cpuTicks(Process process) throws Exception {
        String stat = HostFiles.text("/proc/" + process.pid() + "/stat");
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        return Long.parseLong(fields[11]) + Long.parseLong(fields[12]);
    }

    /** As if the host had version 1 only: freeze, kill, thaw instead of cgroup.kill. */
    @Test
    void killOnVersion1Alone() throws Exception {
        List<CgroupHierarchy> old = new ArrayList<>();
        for (CgroupHierarchy hierarchy : layout.hierarchies()) {
            if (!hierarchy.unified()) {
                old.add(hierarchy);
            }
        }
        assumeTrue(!old.isEmpty(), "no version 1 hierarchy here");
        Cgroup cgroup = Cgroup.create(new CgroupLayout(CgroupMode.V1, old), CgroupPath.of(PARENT + "/old", ""));
        // Forks all the time, so that a kill of a list of pids alone would miss some.
        Process forker = shell("while :; do sleep 0.01 & done");
        cgroup.join(pid(forker));
        pass(50); // some generations of forks
        cgroup.freeze(SECONDS);
        assertThat(cgroup.frozen()).isTrue();
        cgroup.killAll();
        assertThat(forker.waitFor()).isEqualTo(128 + 9);
        cgroup.remove(SECONDS);
    }

    /** The version 2 side for real: pure on a version 2 host, with the few controllers that are there on a hybrid one. */
    @Test
    void version2Alone() throws Exception {
        CgroupHierarchy unified = layout.unified();
        assumeTrue(unified != null, "no version 2 hierarchy here");
        CgroupLayout alone = new CgroupLayout(CgroupMode.HYBRID, List.of(Objects.requireNonNull(unified)));
        Cgroup cgroup = Cgroup.create(alone, CgroupPath.of(PARENT + "/new/x", ""));
        Process forker = shell("while :; do sleep 0.01 & done");
        cgroup.join(pid(forker));
        cgroup.freeze(SECONDS);
        assertThat(HostFiles.text(cgroup.unifiedDirectory() + "/cgroup.events")).contains("frozen 1");
        int[] stopped = cgroup.pids();
        pass(50);
        assertThat(cgroup.pids()).isEqualTo(stopped);
        CgroupLayout same = alone;
        assertThatThrownBy(() -> Cgroup.create(same, CgroupPath.of(PARENT + "/new/x", "")))
                .hasMessageContaining("it exists and holds processes");
        cgroup.killAll();
        assertThat(forker.waitFor()).isEqualTo(128 + 9);
        cgroup.remove(SECONDS);
    }

    @Test
    void hybridEnablesAControllerOnlyWhenWanted() throws Exception {
        CgroupHierarchy unified = layout.unified();
        assumeTrue(
                unified != null
                        && layout.mode() == CgroupMode.HYBRID
                        && unified.controllers().contains("hugetlb"),
                "needs a hybrid host with hugetlb on version 2");
        assumeFalse(
                HostFiles.text(unified.mountPoint() + "/cgroup.subtree_control").contains("hugetlb"),
                "somebody else uses hugetlb on this host: what is not enabled cannot be shown");
        CgroupResources resources = new CgroupResources(
                Memory.NONE,
                Cpu.NONE,
                null,
                BlockIo.NONE,
                List.of(new CgroupResources.HugepageLimit("2MB", 4 << 20)),
                Network.NONE,
                Map.of(),
                List.of(),
                Map.of());
        List<CgroupStep> steps = CgroupLimits.plan(resources, layout);
        Cgroup without = create("hybrid/without");
        assertThatThrownBy(() -> without.apply(steps))
                .hasMessage("set hugetlb.2MB.max: controller hugetlb is not enabled in " + without.unifiedDirectory());
        Cgroup with =
                Cgroup.create(layout, CgroupPath.of(PARENT + "/hybrid/with", ""), CgroupLimits.controllers(steps));
        try {
            with.apply(steps);
            assertThat(read(with, "hugetlb", "hugetlb.2MB.max")).isEqualTo(Long.toString(4 << 20));
            assertThat(with.stats().hugetlb())
                    .anySatisfy(size -> assertThat(size.limit()).isEqualTo(4 << 20));
        } finally {
            with.remove(SECONDS);
            without.remove(SECONDS);
            assertThat(HostFiles.tryWrite(unified.mountPoint() + "/cgroup.subtree_control", "-hugetlb"))
                    .isEqualTo(Errno.SUCCESS);
        }
    }

    @Test
    void groupsThatTheContainerMadeGoToo() throws Exception {
        Cgroup cgroup = create("nested");
        String top = cgroup.directories().getFirst();
        Process sleeper = shell("exec sleep 60");
        assertThat(HostFiles.tryMkdir(top + "/child", 0755)).isEqualTo(Errno.SUCCESS);
        HostFiles.write(top + "/child/cgroup.procs", Long.toString(sleeper.pid()));
        // Deeper than a path can name, with names that are no text, and one name that fills a path: step by step, as a
        // hostile init would.
        Process digger = new ProcessBuilder("perl", "-e", DIGGER, top)
                .redirectErrorStream(true)
                .start();
        processes.add(digger);
        assertThat(new String(digger.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                .isEqualTo("done\n");
        assertThat(cgroup.pids()).containsExactly(pid(sleeper));
        cgroup.killAll();
        cgroup.remove(SECONDS);
        assertThat(HostFiles.exists(top)).isFalse();
        assertThat(sleeper.waitFor()).isEqualTo(128 + 9);
    }

    @Test
    void anEmptyCpusetTakesItsParents() throws Exception {
        assumeTrue(v1("cpuset"), "version 2 inherits by itself");
        String mount = Objects.requireNonNull(layout.of("cpuset")).mountPoint();
        // Somebody else's group, never filled.
        assertThat(HostFiles.tryMkdir(mount + PARENT, 0755)).isEqualTo(Errno.SUCCESS);
        Cgroup cgroup = create("cpus/x");
        try {
            assertThat(read(cgroup, "cpuset", "cpuset.cpus"))
                    .isEqualTo(HostFiles.text(mount + "/cpuset.cpus").strip());
            assertThat(read(cgroup, "cpuset", "cpuset.mems"))
                    .isEqualTo(HostFiles.text(mount + "/cpuset.mems").strip());
        } finally {
            cgroup.remove(SECONDS);
            assertThat(HostFiles.tryRmdir(mount + PARENT)).isEqualTo(Errno.SUCCESS);
        }
    }

    @Test
    void deviceRulesOfVersion1() throws Exception {
        assumeTrue(v1("devices"), "version 2 takes a program");
        Cgroup cgroup = create("devices");
        CgroupResources resources = new CgroupResources(
                Memory.NONE,
                Cpu.NONE,
                null,
                BlockIo.NONE,
                List.of(),
                Network.NONE,
                Map.of(),
                List.of(new DeviceRule(false, "a"), new DeviceRule(true, "c 1:3 rwm"), new DeviceRule(true, "b *:* m")),
                Map.of());
        cgroup.apply(CgroupLimits.plan(resources, layout));
        assertThat(read(cgroup, "devices", "devices.list").lines()).containsExactlyInAnyOrder("c 1:3 rwm", "b *:* m");
        cgroup.remove(SECONDS);
    }

    /** eBPF instructions: r0 = verdict; exit. */
    private static byte[] verdict(int value) {
        return new byte[] {(byte) 0xb7, 0, 0, 0, (byte) value, 0, 0, 0, (byte) 0x95, 0, 0, 0, 0, 0, 0, 0};
    }

    @Test
    void deviceProgramsReplaceEachOther() throws Exception {
        assumeTrue(layout.unified() != null, "no version 2 hierarchy here");
        Cgroup cgroup = create("program");
        try {
            cgroup.attachDeviceProgram(verdict(1));
            assertThat(readNull(cgroup)).isZero();
            cgroup.attachDeviceProgram(verdict(0));
            assertThat(readNull(cgroup)).isNotZero();
            cgroup.attachDeviceProgram(verdict(1));
            assertThat(readNull(cgroup)).isZero();
            assertThatThrownBy(() -> cgroup.attachDeviceProgram(Arrays.copyOf(verdict(1), 8)))
                    .isInstanceOf(ErrnoException.class)
                    .hasMessageStartingWith("bpf BPF_PROG_LOAD caisson_devices (")
                    .hasMessageContaining("exit");
        } finally {
            cgroup.remove(SECONDS);
        }
    }

    private int readNull(Cgroup cgroup) throws Exception {
        return shell("echo $$ > " + cgroup.unifiedDirectory() + "/cgroup.procs; true 2>&- < /dev/null")
                .waitFor();
    }

    @Test
    void statisticsOfWork() throws Exception {
        Cgroup cgroup = create("stats");
        cgroup.apply(CgroupLimits.plan(resources(Memory.ofLimit(64 << 20), Cpu.NONE, 50L), layout));
        Process worker = shell("read go; i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; echo busy; read end");
        cgroup.join(pid(worker));
        worker.getOutputStream().write("\n".getBytes(StandardCharsets.UTF_8));
        worker.getOutputStream().flush();
        assertThat(worker.inputReader().readLine()).isEqualTo("busy");

        CgroupStats stats = cgroup.stats();
        assertThat(stats.mode()).isEqualTo(layout.mode());
        assertThat(stats.pids()).isEqualTo(new CgroupStats.Pids(1, 50));
        CgroupStats.Cpu cpu = Objects.requireNonNull(stats.cpu());
        assertThat(cpu.usageNanos()).isGreaterThan(1_000_000);
        assertThat(cpu.userNanos()).isPositive().isLessThanOrEqualTo(cpu.usageNanos() + 20_000_000);
        CgroupStats.Memory memory = Objects.requireNonNull(stats.memory());
        assertThat(memory.usage().limit()).isEqualTo(64 << 20);
        assertThat(memory.usage().usage()).isBetween(1L, 64L << 20);
        assertThat(stats.memoryStat()).containsKey("pgfault").hasSizeGreaterThan(15);
        if (v1("memory")) {
            assertThat(stats.oomControl()).isEqualTo(new CgroupStats.OomControl(0, 0, 0));
            assertThat(stats.memoryEvents()).isNull();
        } else {
            assertThat(stats.memoryEvents()).isNotNull();
        }
        if (v1("blkio")) {
            assertThat(stats.blockIo()).containsKeys("io_service_bytes", "io_serviced");
        }
        cgroup.killAll();
        cgroup.remove(SECONDS);
        CgroupStats after = cgroup.stats();
        assertThat(after.pids()).isNull();
        assertThat(after.cpu() == null || after.cpu().usageNanos() == 0).isTrue();
    }

    @Test
    void oomKillsAreToldAndCounted() throws Exception {
        Cgroup cgroup = create("oom");
        Cgroup quiet = create("quiet");
        Memory memory = new Memory(8L << 20, null, 8L << 20, null, false, false);
        cgroup.apply(CgroupLimits.plan(resources(memory, Cpu.NONE, null), layout));
        BlockingQueue<Long> told = new LinkedBlockingQueue<>();
        BlockingQueue<Long> silence = new LinkedBlockingQueue<>();
        // In the lab there are others' in the same process.
        Set<Thread> others = Thread.getAllStackTraces().keySet();
        OomWatcher watcher = OomWatcher.open();
        OomWatcher.Watch watch = watcher.watch(cgroup, told::add);
        watcher.watch(quiet, silence::add);
        for (long kill = 1; kill <= 2; kill++) {
            Process glutton = shell("read go; exec tail /dev/zero");
            cgroup.join(pid(glutton));
            glutton.getOutputStream().write("\n".getBytes(StandardCharsets.UTF_8));
            glutton.getOutputStream().flush();
            glutton.waitFor();
            Long count = told.poll(10, TimeUnit.SECONDS);
            assertThat(count).isNotNull().isGreaterThanOrEqualTo(kill);
            assertThat(cgroup.oomKills()).isGreaterThanOrEqualTo(kill);
        }
        watch.close();
        watch.close();
        quiet.remove(SECONDS);
        cgroup.killAll();
        cgroup.remove(SECONDS);
        assertThat(silence).isEmpty();
        assertThat(cgroup.oomKills()).isZero();
        watcher.close();
        watcher.close();
        assertThatThrownBy(() -> watcher.watch(quiet, silence::add)).isInstanceOf(IllegalStateException.class);
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().equals("cgroup-oom") && !others.contains(thread)) {
                thread.join(10_000);
                assertThat(thread.isAlive()).isFalse();
            }
        }
    }

    @Test
    void delegationGivesOnlyWhatTheKernelLists() throws Exception {
        assumeTrue(layout.unified() != null, "no version 2 hierarchy here");
        Cgroup cgroup = create("delegated");
        String top = Objects.requireNonNull(cgroup.unifiedDirectory());
        cgroup.delegate(12_345);
        List<String> listed = CgroupLayout.lines(HostFiles.text("/sys/kernel/cgroup/delegate"));
        assertThat(owner(top)).isEqualTo(12_345);
        for (HostFiles.Entry file : Objects.requireNonNull(HostFiles.listIfPresent(top))) {
            assertThat(owner(top + "/" + file.name()))
                    .as(file.name())
                    .isEqualTo(listed.contains(file.name()) ? 12_345 : 0);
        }
        cgroup.remove(SECONDS);
    }

    private static int owner(String path) throws Exception {
        return (int) Files.getAttribute(Path.of(path), "unix:uid");
    }

    @Test
    void whatALifeCosts() throws Exception {
        int rounds = 100;
        long[] create = new long[rounds];
        long[] remove = new long[rounds];
        long[] joined = new long[rounds];
        Process sleeper = shell("exec sleep 60");
        Cgroup home = create("home");
        List<CgroupStep> steps = CgroupLimits.plan(
                resources(
                        Memory.ofLimit(64 << 20),
                        new Cpu(512L, 20_000L, 100_000L, null, null, null, null, "", ""),
                        50L),
                layout);
        for (int i = 0; i < rounds; i++) {
            long t0 = System.nanoTime();
            Cgroup cgroup = create("cost" + i);
            cgroup.apply(steps);
            long t1 = System.nanoTime();
            cgroup.join(pid(sleeper));
            long t2 = System.nanoTime();
            home.join(pid(sleeper));
            long t3 = System.nanoTime();
            cgroup.remove(SECONDS);
            create[i] = t1 - t0;
            joined[i] = t2 - t1;
            remove[i] = System.nanoTime() - t3;
        }
        home.killAll();
        home.remove(SECONDS);
        Arrays.sort(joined);
        Arrays.sort(create);
        Arrays.sort(remove);
        System.out.println("cgroup, median us: create and limit " + create[rounds / 2] / 1000 + ", join "
                + joined[rounds / 2] / 1000 + ", remove " + remove[rounds / 2] / 1000 + ", in "
                + layout.hierarchies().size() + " hierarchies");
        // A bound that only a change of kind would break, on a machine that is doing other things.
        assertThat(create[rounds / 2] + remove[rounds / 2]).isLessThan(100_000_000);
    }
}
