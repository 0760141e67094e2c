package dev.caisson.cli;

import dev.caisson.linux.cgroup.CgroupMode;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.linux.cgroup.CgroupStats.BlockIoEntry;
import dev.caisson.linux.cgroup.CgroupStats.Counter;
import dev.caisson.linux.cgroup.CgroupStats.Pressure;
import dev.caisson.linux.cgroup.CgroupStats.PressureShare;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What {@code events} prints: runc's objects, whichever version of cgroups the numbers are from. Pure. */
final class EventJson {
    /** runc's names for {@link CgroupStats#BLKIO_FILES}. */
    private static final List<String> BLKIO = List.of(
            "ioServiceBytesRecursive",
            "ioServicedRecursive",
            "ioQueueRecursive",
            "ioServiceTimeRecursive",
            "ioWaitTimeRecursive",
            "ioMergedRecursive",
            "ioTimeRecursive",
            "sectorsRecursive");

    private final JsonLine out = new JsonLine();
    private final CgroupStats stats;

    private EventJson(CgroupStats stats) {
        this.stats = stats;
    }

    static String oom(String id) {
        JsonLine out = new JsonLine();
        out.object("", () -> {
            out.text("type", "oom");
            out.text("id", id);
        });
        return out.toString();
    }

    static String stats(String id, CgroupStats stats) {
        EventJson e = new EventJson(stats);
        e.out.object("", () -> {
            e.out.text("type", "stats");
            e.out.text("id", id);
            e.out.object("data", e::data);
        });
        return e.out.toString();
    }

    private void data() {
        out.object("cpu", this::cpu);
        out.object("memory", this::memory);
        out.object("pids", () -> {
            CgroupStats.Pids pids = stats.pids();
            if (pids != null) {
                out.number("current", pids.current());
                if (pids.limit() >= 0) {
                    out.number("limit", pids.limit());
                }
            }
        });
        out.object("blkio", this::blockIo);
        out.object(
                "hugetlb",
                () -> stats.hugetlb()
                        .forEach(h -> out.object(h.pageSize(), () -> {
                            out.unsigned("usage", h.usage());
                            out.unsigned("max", h.max());
                            out.unsigned("failcnt", h.failures());
                        })));
        out.array("network_interfaces", () -> {});
    }

    private void cpu() {
        CgroupStats.Cpu cpu = stats.cpu();
        if (cpu == null) {
            return;
        }
        out.object("usage", () -> {
            out.unsigned("total", cpu.usageNanos());
            if (!cpu.perCpuNanos().isEmpty()) {
                out.array("percpu", () -> cpu.perCpuNanos().forEach(n -> out.unsigned("", n)));
            }
            out.unsigned("kernel", cpu.systemNanos());
            out.unsigned("user", cpu.userNanos());
        });
        out.object("throttling", () -> {
            out.unsigned("periods", cpu.periods());
            out.unsigned("throttledPeriods", cpu.throttledPeriods());
            out.unsigned("throttledTime", cpu.throttledNanos());
        });
        pressure(stats.cpuPressure());
    }

    private void memory() {
        CgroupStats.Memory memory = stats.memory();
        if (memory == null) {
            return;
        }
        boolean v2 = stats.mode() == CgroupMode.V2;
        long cache = stats.memoryStat().getOrDefault(v2 ? "file" : "cache", 0L);
        out.unsigned("cache", cache);
        counter("usage", memory.usage());
        // As version 1 counts: memory and swap together.
        Counter swap = memory.swap();
        counter("swap", v2 && swap != null ? sum(memory.usage(), swap) : swap);
        counter("kernel", memory.kernel());
        counter("kernelTCP", memory.kernelTcp());
        out.object("raw", () -> stats.memoryStat().forEach(out::unsigned));
        pressure(stats.memoryPressure());
    }

    private static Counter sum(Counter memory, Counter swap) {
        long limit = memory.limit() < 0 || swap.limit() < 0 ? -1 : memory.limit() + swap.limit();
        return new Counter(limit, memory.usage() + swap.usage(), 0, swap.failures());
    }

    private void counter(String name, @Nullable Counter c) {
        out.object(name, () -> {
            if (c != null) {
                out.unsigned("limit", c.limit());
                out.unsigned("usage", c.usage());
                out.unsigned("max", c.max());
                out.unsigned("failcnt", c.failures());
            }
        });
    }

    private void blockIo() {
        if (stats.mode() == CgroupMode.V2) {
            List<BlockIoEntry> bytes = new ArrayList<>();
            List<BlockIoEntry> operations = new ArrayList<>();
            for (CgroupStats.IoDevice d : stats.io()) {
                bytes.add(new BlockIoEntry("Read", d.major(), d.minor(), d.readBytes()));
                bytes.add(new BlockIoEntry("Write", d.major(), d.minor(), d.writeBytes()));
                operations.add(new BlockIoEntry("Read", d.major(), d.minor(), d.readOperations()));
                operations.add(new BlockIoEntry("Write", d.major(), d.minor(), d.writeOperations()));
            }
            entries(BLKIO.get(0), bytes);
            entries(BLKIO.get(1), operations);
        } else {
            for (int i = 0; i < BLKIO.size(); i++) {
                entries(BLKIO.get(i), stats.blockIo().getOrDefault(CgroupStats.BLKIO_FILES.get(i), List.of()));
            }
        }
        pressure(stats.ioPressure());
    }

    private void entries(String name, List<BlockIoEntry> entries) {
        if (entries.isEmpty()) {
            return;
        }
        out.array(
                name,
                () -> entries.forEach(e -> out.object("", () -> {
                    out.unsigned("major", e.major());
                    out.unsigned("minor", e.minor());
                    out.text("op", e.operation());
                    out.unsigned("value", e.value());
                })));
    }

    private void pressure(@Nullable Pressure p) {
        if (p != null) {
            out.object("psi", () -> {
                share("some", p.some());
                share("full", p.full());
            });
        }
    }

    private void share(String name, PressureShare s) {
        out.object(name, () -> {
            out.decimal("avg10", s.average10());
            out.decimal("avg60", s.average60());
            out.decimal("avg300", s.average300());
            out.unsigned("total", s.totalMicros());
        });
    }
}
