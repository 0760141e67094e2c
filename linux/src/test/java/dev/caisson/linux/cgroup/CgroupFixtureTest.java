package dev.caisson.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.cgroup.CgroupResources.Cpu;
import dev.caisson.linux.cgroup.CgroupResources.Memory;
import dev.caisson.linux.cgroup.CgroupStep.AnyOrder;
import dev.caisson.linux.cgroup.CgroupStep.OnFailure;
import dev.caisson.linux.cgroup.CgroupStep.Write;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Effects on plain files that stand for a version 2 group, where this kind of host has none with these controllers. */
class CgroupFixtureTest {
    @TempDir
    Path directory;

    private Cgroup version2(String... files) throws IOException {
        String top = directory.toString();
        Map<String, String> controllers = new LinkedHashMap<>();
        for (String controller : List.of("cpu", "memory", "pids", "io")) {
            controllers.put(controller, top);
        }
        for (String file : files) {
            Files.writeString(directory.resolve(file), "");
        }
        return Cgroup.open(new CgroupState(CgroupMode.V2, top, controllers, List.of()));
    }

    private String text(String file) throws IOException {
        return Files.readString(directory.resolve(file));
    }

    @Test
    void aPlanIsWritten() throws Exception {
        Cgroup cgroup = version2("memory.max", "memory.low", "cpu.max", "cpu.weight", "pids.max");
        CgroupResources resources = new CgroupResources(
                // Swap's file is missing, as with swapaccount=0: none beyond memory is what there is.
                new Memory(1000L, 500L, 1000L, null, false, false),
                new Cpu(1024L, 50_000L, null, null, null, null, null, "", ""),
                7L,
                CgroupResources.BlockIo.NONE,
                List.of(),
                CgroupResources.Network.NONE,
                Map.of(),
                List.of(),
                Map.of());
        cgroup.apply(CgroupLimits.plan(resources, Layouts.v2()));
        assertThat(text("memory.max")).isEqualTo("1000");
        assertThat(text("memory.low")).isEqualTo("500");
        assertThat(text("cpu.max")).isEqualTo("50000 100000");
        assertThat(text("cpu.weight")).isEqualTo("100");
        assertThat(text("pids.max")).isEqualTo("7");
    }

    @Test
    void presentValuesForAnUpdate() throws Exception {
        Cgroup cgroup = version2();
        assertThat(cgroup.current()).isEqualTo(CgroupCurrent.FRESH);
        Files.writeString(directory.resolve("cpu.max"), "max 100000\n");
        Files.writeString(directory.resolve("memory.max"), "max\n");
        Files.writeString(directory.resolve("memory.current"), "4096\n");
        CgroupCurrent current = cgroup.current();
        assertThat(current.memoryLimit()).isEqualTo(-1);
        assertThat(current.memoryUsage()).isEqualTo(4096);
        Cpu cpu = new Cpu(null, null, 20_000L, null, null, null, null, "", "");
        CgroupResources period = new CgroupResources(
                Memory.NONE,
                cpu,
                null,
                CgroupResources.BlockIo.NONE,
                List.of(),
                CgroupResources.Network.NONE,
                Map.of(),
                List.of(),
                Map.of());
        assertThat(CgroupLimits.plan(period, Layouts.v2(), current))
                .containsExactly(new Write("cpu", "cpu.max", "max 20000"));
    }

    @Test
    void failuresThatMayBeIgnoredAre() throws Exception {
        Cgroup cgroup = version2("io.weight");
        Write cost = new Write("io", "io.weight", "100");
        cgroup.apply(List.of(
                new Write("memory", "memory.gone", "1", OnFailure.IGNORE_ABSENT, null),
                new Write("memory", "memory.gone", "1", OnFailure.IGNORE, null),
                new Write("io", "io.bfq.weight", "10", OnFailure.FAIL, cost)));
        assertThat(text("io.weight")).isEqualTo("100");
        assertThatThrownBy(() -> cgroup.apply(List.of(new Write("memory", "memory.gone", "1"))))
                .isInstanceOf(ErrnoException.class)
                .hasMessage("write " + directory + "/memory.gone '1': ENOENT");
        AnyOrder group = new AnyOrder(List.of(new Write("memory", "memory.gone", "1"), cost));
        assertThatThrownBy(() -> cgroup.apply(List.of(group))).isInstanceOf(ErrnoException.class);
    }

    @Test
    void oomKillsOfVersion2() throws Exception {
        Cgroup cgroup = version2();
        assertThat(cgroup.oomKills()).isZero();
        Files.writeString(directory.resolve("memory.events"), "low 0\noom 3\noom_kill 2\noom_group_kill 1\n");
        assertThat(cgroup.oomKills()).isEqualTo(2);
    }

    @Test
    void aStateKeepsItsOrderAndIsACopy() {
        Map<String, String> controllers = new LinkedHashMap<>();
        controllers.put("z", "/z");
        controllers.put("memory", "/m");
        controllers.put("a", "/a");
        CgroupState state = new CgroupState(CgroupMode.V1, null, controllers, List.of("/p", "/z"));
        controllers.clear();
        assertThat(state.controllers().keySet()).containsExactly("z", "memory", "a");
        assertThat(Cgroup.open(state).procsFiles())
                .containsExactly("/z/cgroup.procs", "/a/cgroup.procs", "/m/cgroup.procs");
    }
}
