package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.backend.Backend;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.linux.cgroup.SystemdUnit;
import dev.caisson.oci.Linux;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Resources;
import dev.caisson.oci.ResourcesReader;
import dev.caisson.oci.SpecWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Containers as units of a real systemd, in the lab ({@code ./dev lab --systemd}); runc is asked the same. */
final class SystemdDriverTest extends NamespaceSuite {
    private static final Backend.Options SYSTEMD = new Backend.Options(false, false, true, -1, -1, null);

    /** What a configuration decides; versions of runc differ in others. */
    private static final List<String> DECIDED = List.of(
            "MemoryMax",
            "MemoryLow",
            "MemorySwapMax",
            "TasksMax",
            "CPUQuotaPerSecUSec",
            "CPUQuotaPeriodUSec",
            "AllowedCPUs",
            "AllowedMemoryNodes",
            "Slice",
            "Delegate",
            "DefaultDependencies",
            "MemoryAccounting",
            "CPUAccounting",
            "TasksAccounting",
            "IOAccounting",
            "ActiveState",
            "ControlGroup");

    private static final String LIMITS = """
            {"memory": {"limit": 67108864, "swap": 100663296, "reservation": 33554432},
             "cpu": {"quota": 33333, "period": 100000, "cpus": "0", "mems": "0"},
             "pids": {"limit": 55}}""";

    @BeforeEach
    void thereIsASystemd() {
        assumeTrue(
                Files.isDirectory(Path.of("/run/systemd/system")),
                () -> "SKIPPED: the systemd driver needs systemd as process 1 (./dev lab --systemd)");
    }

    private static String run(String... command) {
        try {
            Process p = new ProcessBuilder(command).redirectErrorStream(true).start();
            p.getOutputStream().close();
            String out = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(p.waitFor(60, TimeUnit.SECONDS))
                    .as(String.join(" ", command))
                    .isTrue();
            return out.strip();
        } catch (Exception e) {
            throw new AssertionError(String.join(" ", command), e);
        }
    }

    private static String property(String unit, String name) {
        return run("systemctl", "show", "--value", "-p", name, unit);
    }

    private static Map<String, String> properties(String unit) {
        Map<String, String> all = new TreeMap<>();
        DECIDED.forEach(name -> all.put(name, property(unit, name).replace(unit, "UNIT")));
        return all;
    }

    private static Resources resources(String json) throws Exception {
        return ResourcesReader.read(json.getBytes(StandardCharsets.UTF_8));
    }

    private static String unit(Bundle bundle) {
        return "test-" + bundle.id() + ".scope";
    }

    private Bundle bundle(String script, Consumer<Linux.Builder> change) {
        Bundle bundle = shell(script);
        return bundle.linux(l -> {
            l.cgroupsPath = "caisson-test.slice:test:" + bundle.id();
            change.accept(l);
        });
    }

    private TestContainer prepare(Bundle bundle, Backend.Options options) throws ContainerFault {
        return TestContainer.prepare(backend(), bundle, pod().launcher(), List.of(), options);
    }

    private static String file(String unit, String name) throws Exception {
        return Files.readString(Path.of("/sys/fs/cgroup" + property(unit, "ControlGroup") + "/" + name))
                .strip();
    }

    private static void assertGone(Bundle bundle) {
        assertThat(property(unit(bundle), "LoadState")).isEqualTo("not-found");
        assertThat(Path.of("/sys/fs/cgroup/caisson.slice/caisson-test.slice/" + unit(bundle)))
                .doesNotExist();
    }

    @Test
    void aScopeHasTheLimitsThatRuncGivesIt() throws Exception {
        Resources limits = resources(LIMITS);
        Bundle bundle = bundle("sleep 1000", l -> l.resources = limits);
        Map<String, String> ours;
        try (TestContainer c = prepare(bundle, SYSTEMD)) {
            c.create();
            ours = properties(unit(bundle));
            assertThat(Files.readString(Path.of("/proc/" + c.init().pid() + "/cgroup")))
                    .isEqualTo("0::/caisson.slice/caisson-test.slice/" + unit(bundle) + "\n");
            assertThat(file(unit(bundle), "memory.max")).isEqualTo("67108864");
            assertThat(file(unit(bundle), "cpu.max")).isEqualTo("33333 100000");
            c.start();
            assertThat(c.execOutput("cat", "/proc/self/cgroup")).endsWith("/" + unit(bundle) + "\n");
        }
        assertGone(bundle);
        assertThat(ours).containsEntry("MemoryMax", "67108864").containsEntry("CPUQuotaPerSecUSec", "340ms");

        Bundle peer = bundle("sleep 1000", l -> l.resources = limits);
        Files.write(peer.directory().resolve("config.json"), SpecWriter.write(peer.spec()));
        try {
            // Its output goes to a file: the container keeps the descriptor.
            run(
                    "sh",
                    "-c",
                    "runc --systemd-cgroup run -d --bundle " + peer.directory() + " " + peer.id() + " > "
                            + peer.directory() + "/log 2>&1 < /dev/null");
            assertThat(run("runc", "state", peer.id()))
                    .as(Files.readString(peer.directory().resolve("log")))
                    .contains("running");
            assertThat(ours).isEqualTo(properties(unit(peer)));
        } finally {
            run("runc", "delete", "--force", peer.id());
        }
    }

    @Test
    void limitsAreSystemdsTooSoThatAReloadKeepsThem() throws Exception {
        Resources.Memory memory = resources(LIMITS).memory();
        Bundle bundle = Bundles.withMknod(bundle(
                "sleep 1000",
                l -> l.resources = new Resources(
                        Map.of("memory.high", "50331648", "io.max", "254:0 wbps=1048576"),
                        List.of(),
                        memory,
                        null,
                        null,
                        null,
                        List.of(),
                        null,
                        Map.of())));
        try (TestContainer c = prepare(bundle, SYSTEMD)) {
            c.create().start();
            String unit = unit(bundle);
            c.container().update(resources("""
                    {"memory": {"limit": 83886080, "swap": -1}, "cpu": {"shares": 512, "quota": 50000},
                     "pids": {"limit": -1}}"""));
            assertThat(property(unit, "MemoryMax")).isEqualTo("83886080");
            assertThat(property(unit, "MemorySwapMax")).isEqualTo("infinity");
            assertThat(property(unit, "TasksMax")).isEqualTo("infinity");
            assertThat(property(unit, "CPUQuotaPerSecUSec")).isEqualTo("500ms");
            assertThat(property(unit, "MemoryHigh")).isEqualTo("50331648");
            assertThat(property(unit, "IOWriteBandwidthMax")).isEqualTo("/dev/block/254:0 1048576");
            String weight = file(unit, "cpu.weight");
            // A container may not open what no rule allows, neither before nor after.
            ProcessSpec kmsg = bundle.exec("sh", "-c", Bundles.opens("1 11"));
            assertThat(c.exec(kmsg).awaitCode()).isEqualTo(7);

            run("systemctl", "daemon-reload");
            // Makes systemd write all it knows about the unit.
            run("systemctl", "set-property", "--runtime", unit, "CPUWeight=" + weight);

            assertThat(file(unit, "memory.max")).isEqualTo("83886080");
            assertThat(file(unit, "memory.high")).isEqualTo("50331648");
            assertThat(file(unit, "memory.swap.max")).isEqualTo("max");
            assertThat(file(unit, "pids.max")).isEqualTo("max");
            assertThat(file(unit, "cpu.max")).isEqualTo("50000 100000");
            assertThat(file(unit, "io.max")).contains("wbps=1048576");
            assertThat(c.exec(kmsg).awaitCode()).isEqualTo(7);
            assertThat(c.exec(bundle.exec("sh", "-c", "echo x > /dev/null")).awaitCode())
                    .isZero();
        }
        assertGone(bundle);
    }

    @Test
    void aUnitThatFailedIsForgotten() throws Exception {
        Bundle bundle = bundle("exec sleep 1000", l -> {});
        try (TestContainer c = prepare(bundle, SYSTEMD)) {
            c.create().start();
            run("systemctl", "kill", "--signal=KILL", unit(bundle));
            c.awaitExit();
        }
        assertGone(bundle);
    }

    @Test
    void aUnitOfThatNameThatLivesIsNotTakenOver() throws Exception {
        Bundle bundle = bundle("sleep 1000", l -> {});
        run("systemd-run", "--unit=" + unit(bundle).replace(".scope", ""), "--scope", "--slice=caisson-test", "true");
        Bundle other = bundle("sleep 1000", l -> l.cgroupsPath = "caisson-test.slice:test:" + bundle.id());
        try (TestContainer c = prepare(bundle, SYSTEMD);
                TestContainer d = prepare(other, SYSTEMD)) {
            c.create();
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(d::create)
                    .withMessageContaining("start systemd unit " + unit(bundle))
                    .withMessageContaining("already");
            // Nor is the living one's unit stopped for the failed one's sake.
            assertThat(property(unit(bundle), "ActiveState")).isEqualTo("active");
            assertThat(ProcessHandle.of(c.init().pid())).isPresent();
        }
        assertGone(bundle);
    }

    @Test
    void anotherDaemonEndsTheUnit() throws Exception {
        Bundle bundle = bundle("sleep 1000", l -> {});
        try (TestContainer c = prepare(bundle, SYSTEMD)) {
            c.create().start();
            var recovered = c.recovered();
            recovered.update(resources("{\"pids\": {\"limit\": 44}}"));
            assertThat(property(unit(bundle), "TasksMax")).isEqualTo("44");
            recovered.destroy();
            assertGone(bundle);
        }
    }

    @Test
    void annotationsSetProperties() throws Exception {
        Bundle bundle = bundle("sleep 1000", l -> {}).spec(s -> {
            var b = s.toBuilder();
            b.annotations = Map.of(
                    "org.systemd.property.TimeoutStopSec", "uint64 77", "org.systemd.property.Description", "'Mine'");
            return b.build();
        });
        try (TestContainer c = prepare(bundle, SYSTEMD)) {
            c.create();
            assertThat(property(unit(bundle), "TimeoutStopUSec")).isEqualTo("1min 17s");
        }
        bundle.spec(s -> {
            var b = s.toBuilder();
            b.annotations = Map.of("org.systemd.property.NoSuchProperty", "true");
            return b.build();
        });
        try (TestContainer c = prepare(bundle, SYSTEMD)) {
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(c::create)
                    .withMessageContaining("NoSuchProperty");
        }
        assertGone(bundle);
    }

    @Test
    void aPlainPathIsNoUnit() {
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> prepare(shell("true"), SYSTEMD))
                .withMessageContaining("expected cgroupsPath to be of format \"slice:prefix:name\"");
    }

    @Test
    void withoutAPathTheScopeIsNamedAfterTheContainer() throws Exception {
        Bundle bundle = bundle("sleep 1000", l -> l.cgroupsPath = null);
        String unit =
                SystemdUnit.parse(":caisson:" + bundle.id(), "system.slice").name();
        try (TestContainer c = prepare(bundle, SYSTEMD)) {
            c.create();
            assertThat(property(unit, "ActiveState")).isEqualTo("active");
            assertThat(property(unit, "Slice")).isEqualTo("system.slice");
        }
    }
}
