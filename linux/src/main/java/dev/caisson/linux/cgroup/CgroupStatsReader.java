package dev.caisson.linux.cgroup;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.cgroup.CgroupStats.BlockIoEntry;
import dev.caisson.linux.cgroup.CgroupStats.Counter;
import dev.caisson.linux.cgroup.CgroupStats.Cpu;
import dev.caisson.linux.cgroup.CgroupStats.Hugetlb;
import dev.caisson.linux.cgroup.CgroupStats.IoDevice;
import dev.caisson.linux.cgroup.CgroupStats.Memory;
import dev.caisson.linux.cgroup.CgroupStats.MemoryEvents;
import dev.caisson.linux.cgroup.CgroupStats.OomControl;
import dev.caisson.linux.cgroup.CgroupStats.Pids;
import dev.caisson.linux.cgroup.CgroupStats.Pressure;
import dev.caisson.linux.cgroup.CgroupStats.PressureShare;
import dev.caisson.linux.cgroup.CgroupStats.Rdma;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads {@link CgroupStats}, each controller from the side that it is mounted on. */
final class CgroupStatsReader {
    private static final long NANOS_PER_MICRO = 1000;

    private final CgroupState state;

    private CgroupStatsReader(CgroupState state) {
        this.state = state;
    }

    static CgroupStats read(CgroupState state) throws ErrnoException {
        CgroupStatsReader reader = new CgroupStatsReader(state);
        String memory = state.controllers().get("memory");
        boolean memoryV2 = reader.isUnified(memory);
        Map<String, Long> memoryStat = memory == null ? null : CgroupFile.keyed(memory, "memory.stat");
        String io = state.controllers().get("io");
        String blkio = state.controllers().get("blkio");
        String pressure = state.unified();
        return new CgroupStats(
                state.mode(),
                reader.pids(),
                reader.cpu(),
                memoryStat == null ? Map.of() : memoryStat,
                memory == null ? null : memoryV2 ? memoryV2(memory) : memoryV1(memory),
                memory != null && memoryV2 ? memoryEvents(memory) : null,
                memory != null && !memoryV2 ? oomControl(memory) : null,
                blkio == null ? Map.of() : blockIo(blkio),
                io == null ? List.of() : ioDevices(CgroupFile.text(io, "io.stat")),
                reader.hugetlb(),
                reader.rdma(),
                pressure == null ? null : pressure(CgroupFile.text(pressure, "cpu.pressure")),
                pressure == null ? null : pressure(CgroupFile.text(pressure, "memory.pressure")),
                pressure == null ? null : pressure(CgroupFile.text(pressure, "io.pressure")));
    }

    private boolean isUnified(@Nullable String directory) {
        return directory != null && directory.equals(state.unified());
    }

    private @Nullable Pids pids() throws ErrnoException {
        String directory = state.controllers().get("pids");
        Long current = directory == null ? null : CgroupFile.number(directory, "pids.current");
        if (directory == null || current == null) {
            return null;
        }
        return new Pids(current, CgroupFile.numberOrZero(directory, "pids.max"));
    }

    private @Nullable Cpu cpu() throws ErrnoException {
        String cpu = state.controllers().get("cpu");
        String accounting = state.controllers().get("cpuacct");
        if (accounting == null && (cpu == null || isUnified(cpu))) {
            // Version 2 counts time in every group, whether the controller is enabled or not.
            Map<String, Long> stat = state.unified() == null ? null : CgroupFile.keyed(state.unified(), "cpu.stat");
            return stat == null ? null : cpuV2(stat);
        }
        Map<String, Long> stat = cpu == null ? null : CgroupFile.keyed(cpu, "cpu.stat");
        long usage = 0;
        long user = 0;
        long system = 0;
        List<Long> perCpu = List.of();
        if (accounting != null) {
            usage = CgroupFile.numberOrZero(accounting, "cpuacct.usage");
            user = CgroupFile.numberOrZero(accounting, "cpuacct.usage_user");
            system = CgroupFile.numberOrZero(accounting, "cpuacct.usage_sys");
            perCpu = numbers(CgroupFile.text(accounting, "cpuacct.usage_percpu"));
        }
        Map<String, Long> bandwidth = stat == null ? Map.of() : stat;
        return new Cpu(
                usage,
                user,
                system,
                perCpu,
                get(bandwidth, "nr_periods"),
                get(bandwidth, "nr_throttled"),
                get(bandwidth, "throttled_time"),
                get(bandwidth, "nr_bursts"),
                get(bandwidth, "burst_time"));
    }

    private static Cpu cpuV2(Map<String, Long> stat) {
        return new Cpu(
                get(stat, "usage_usec") * NANOS_PER_MICRO,
                get(stat, "user_usec") * NANOS_PER_MICRO,
                get(stat, "system_usec") * NANOS_PER_MICRO,
                List.of(),
                get(stat, "nr_periods"),
                get(stat, "nr_throttled"),
                get(stat, "throttled_usec") * NANOS_PER_MICRO,
                get(stat, "nr_bursts"),
                get(stat, "burst_usec") * NANOS_PER_MICRO);
    }

    private static long get(Map<String, Long> values, String key) {
        Long value = values.get(key);
        return value == null ? 0 : value;
    }

    private static List<Long> numbers(@Nullable String text) {
        if (text == null) {
            return List.of();
        }
        List<Long> numbers = new ArrayList<>();
        for (String word : CgroupLayout.split(text.strip(), ' ')) {
            numbers.add(CgroupFile.number(word));
        }
        return numbers;
    }

    private static Memory memoryV1(String directory) throws ErrnoException {
        Counter usage = counterV1(directory, "memory");
        return new Memory(
                usage == null ? new Counter(0, 0, 0, 0) : usage,
                counterV1(directory, "memory.memsw"),
                counterV1(directory, "memory.kmem"),
                counterV1(directory, "memory.kmem.tcp"));
    }

    private static @Nullable Counter counterV1(String directory, String prefix) throws ErrnoException {
        Long usage = CgroupFile.number(directory, prefix + ".usage_in_bytes");
        if (usage == null) {
            return null;
        }
        return new Counter(
                CgroupFile.numberOrZero(directory, prefix + ".limit_in_bytes"),
                usage,
                CgroupFile.numberOrZero(directory, prefix + ".max_usage_in_bytes"),
                CgroupFile.numberOrZero(directory, prefix + ".failcnt"));
    }

    private static Memory memoryV2(String directory) throws ErrnoException {
        Counter usage = counterV2(directory, "memory");
        return new Memory(
                usage == null ? new Counter(0, 0, 0, 0) : usage, counterV2(directory, "memory.swap"), null, null);
    }

    private static @Nullable Counter counterV2(String directory, String prefix) throws ErrnoException {
        Long usage = CgroupFile.number(directory, prefix + ".current");
        if (usage == null) {
            return null;
        }
        return new Counter(
                CgroupFile.numberOrZero(directory, prefix + ".max"),
                usage,
                CgroupFile.numberOrZero(directory, prefix + ".peak"),
                0);
    }

    private static @Nullable MemoryEvents memoryEvents(String directory) throws ErrnoException {
        Map<String, Long> events = CgroupFile.keyed(directory, "memory.events");
        if (events == null) {
            return null;
        }
        return new MemoryEvents(
                get(events, "low"),
                get(events, "high"),
                get(events, "max"),
                get(events, "oom"),
                get(events, "oom_kill"),
                get(events, "oom_group_kill"));
    }

    private static @Nullable OomControl oomControl(String directory) throws ErrnoException {
        Map<String, Long> control = CgroupFile.keyed(directory, "memory.oom_control");
        if (control == null) {
            return null;
        }
        return new OomControl(get(control, "oom_kill_disable"), get(control, "under_oom"), get(control, "oom_kill"));
    }

    /**
     * The recursive counters of the scheduler in use; with none, the throttling layer still counts the first two
     * (cgroup-v1/blkio-controller.rst).
     */
    private static Map<String, List<BlockIoEntry>> blockIo(String directory) throws ErrnoException {
        Map<String, List<BlockIoEntry>> lists = new LinkedHashMap<>();
        for (String file : CgroupStats.BLKIO_FILES) {
            String text = CgroupFile.text(directory, "blkio." + file + "_recursive");
            if (text == null) {
                text = CgroupFile.text(directory, "blkio.bfq." + file + "_recursive");
            }
            boolean empty = text == null || text.indexOf(':') < 0;
            if (empty && file.startsWith("io_service")) {
                String throttled = CgroupFile.text(directory, "blkio.throttle." + file + "_recursive");
                text = throttled != null ? throttled : text;
            }
            if (text != null) {
                lists.put(file, blockIoEntries(text));
            }
        }
        return lists;
    }

    static List<BlockIoEntry> blockIoEntries(String text) {
        List<BlockIoEntry> entries = new ArrayList<>();
        for (String line : CgroupLayout.lines(text)) {
            List<String> words = CgroupLayout.split(line, ' ');
            int colon = first(words).indexOf(':');
            // The last line is the sum over all devices.
            if (colon > 0 && words.size() >= 2) {
                entries.add(new BlockIoEntry(
                        words.size() > 2 ? words.get(1) : "",
                        CgroupFile.number(words.getFirst().substring(0, colon)),
                        CgroupFile.number(words.getFirst().substring(colon + 1)),
                        CgroupFile.number(words.getLast())));
            }
        }
        return entries;
    }

    static List<IoDevice> ioDevices(@Nullable String text) {
        List<IoDevice> devices = new ArrayList<>();
        for (String line : CgroupLayout.lines(text == null ? "" : text)) {
            List<String> words = CgroupLayout.split(line, ' ');
            int colon = first(words).indexOf(':');
            // A device that has been removed may leave a line of its number only.
            if (colon > 0 && words.size() > 1) {
                devices.add(new IoDevice(
                        CgroupFile.number(words.getFirst().substring(0, colon)),
                        CgroupFile.number(words.getFirst().substring(colon + 1)),
                        assigned(words, "rbytes="),
                        assigned(words, "wbytes="),
                        assigned(words, "rios="),
                        assigned(words, "wios=")));
            }
        }
        return devices;
    }

    private static String first(List<String> words) {
        return words.isEmpty() ? "" : words.getFirst();
    }

    private static long assigned(List<String> words, String key) {
        for (String word : words) {
            if (word.startsWith(key)) {
                return CgroupFile.number(word.substring(key.length()));
            }
        }
        return 0;
    }

    private List<Hugetlb> hugetlb() throws ErrnoException {
        String directory = state.controllers().get("hugetlb");
        List<Hugetlb> sizes = new ArrayList<>();
        List<HostFiles.Entry> files = directory == null ? null : HostFiles.listIfPresent(directory);
        if (directory == null || files == null) {
            return sizes;
        }
        boolean version2 = isUnified(directory);
        String suffix = version2 ? ".current" : ".usage_in_bytes";
        for (HostFiles.Entry file : files) {
            String name = file.name();
            if (name.startsWith("hugetlb.") && name.endsWith(suffix) && !name.contains(".rsvd.")) {
                String size = name.substring("hugetlb.".length(), name.length() - suffix.length());
                String prefix = "hugetlb." + size;
                long usage = CgroupFile.numberOrZero(directory, name);
                if (version2) {
                    String events = CgroupFile.text(directory, prefix + ".events");
                    long failures = events == null ? 0 : CgroupFile.value(events, "max");
                    long limit = CgroupFile.numberOrZero(directory, prefix + ".max");
                    sizes.add(new Hugetlb(size, usage, 0, limit, failures));
                } else {
                    sizes.add(new Hugetlb(
                            size,
                            usage,
                            CgroupFile.numberOrZero(directory, prefix + ".max_usage_in_bytes"),
                            CgroupFile.numberOrZero(directory, prefix + ".limit_in_bytes"),
                            CgroupFile.numberOrZero(directory, prefix + ".failcnt")));
                }
            }
        }
        return sizes;
    }

    private List<Rdma> rdma() throws ErrnoException {
        String directory = state.controllers().get("rdma");
        List<Rdma> devices = new ArrayList<>();
        String current = directory == null ? null : CgroupFile.text(directory, "rdma.current");
        String limits = directory == null ? null : CgroupFile.text(directory, "rdma.max");
        for (String line : CgroupLayout.lines(current == null ? "" : current)) {
            List<String> used = CgroupLayout.split(line, ' ');
            if (used.isEmpty()) {
                continue;
            }
            List<String> allowed = List.of();
            for (String limit : CgroupLayout.lines(limits == null ? "" : limits)) {
                if (limit.startsWith(used.getFirst() + " ")) {
                    allowed = CgroupLayout.split(limit, ' ');
                }
            }
            devices.add(new Rdma(
                    used.getFirst(),
                    assigned(used, "hca_handle="),
                    assigned(used, "hca_object="),
                    assigned(allowed, "hca_handle="),
                    assigned(allowed, "hca_object=")));
        }
        return devices;
    }

    static @Nullable Pressure pressure(@Nullable String text) {
        if (text == null) {
            return null;
        }
        PressureShare some = PressureShare.NONE;
        PressureShare full = PressureShare.NONE;
        for (String line : CgroupLayout.lines(text)) {
            List<String> words = CgroupLayout.split(line, ' ');
            PressureShare share = new PressureShare(
                    percentage(words, "avg10="),
                    percentage(words, "avg60="),
                    percentage(words, "avg300="),
                    assigned(words, "total="));
            if (first(words).equals("some")) {
                some = share;
            } else if (first(words).equals("full")) {
                full = share;
            }
        }
        return new Pressure(some, full);
    }

    private static double percentage(List<String> words, String key) {
        for (String word : words) {
            if (word.startsWith(key)) {
                try {
                    return Double.parseDouble(word.substring(key.length()));
                } catch (NumberFormatException e) {
                    return 0;
                }
            }
        }
        return 0;
    }
}
