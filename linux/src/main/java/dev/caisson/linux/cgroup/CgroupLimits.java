package dev.caisson.linux.cgroup;

import dev.caisson.linux.cgroup.CgroupStep.AnyOrder;
import dev.caisson.linux.cgroup.CgroupStep.Downwards;
import dev.caisson.linux.cgroup.CgroupStep.OnFailure;
import dev.caisson.linux.cgroup.CgroupStep.Write;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Turns resources into writes, for each controller in the language of the version it is mounted as. Pure: the same resources
 * and layout give the same steps. Only what is given is written.
 *
 * <p>Sources: runtime-spec config-linux.md, Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/, and runc where they are
 * silent.
 */
public final class CgroupLimits {
    private static final long DEFAULT_PERIOD_MICROS = 100_000;

    private final CgroupLayout layout;
    private final CgroupCurrent current;
    private final List<CgroupStep> steps = new ArrayList<>();

    private CgroupLimits(CgroupLayout layout, CgroupCurrent current) {
        this.layout = layout;
        this.current = current;
    }

    /** The steps for a new group. */
    public static List<CgroupStep> plan(CgroupResources resources, CgroupLayout layout) throws CgroupException {
        return plan(resources, layout, CgroupCurrent.FRESH);
    }

    /**
     * The steps for a group with present values.
     *
     * @throws CgroupException for values that contradict each other, that this host's version cannot express, or whose
     *     controller is not there; the message names the field
     */
    public static List<CgroupStep> plan(CgroupResources resources, CgroupLayout layout, CgroupCurrent current)
            throws CgroupException {
        CgroupLimits limits = new CgroupLimits(layout, current);
        // Device rules first: nothing later in the plan may leave the group open if it fails.
        limits.devices(resources.deviceRules());
        limits.cpuset(resources.cpu());
        limits.memory(resources.memory());
        limits.cpu(resources.cpu());
        limits.pids(resources.pidsLimit());
        new BlockIoLimits(layout, limits.steps).add(resources.blockIo());
        limits.hugepages(resources.hugepageLimits());
        limits.network(resources.network());
        limits.rdma(resources.rdma());
        // Last, as the runtime-spec says: unified overrides what the fields above have set.
        limits.unified(resources.unified());
        return List.copyOf(limits.steps);
    }

    /** The controllers that a plan writes to. */
    public static Set<String> controllers(List<CgroupStep> steps) {
        Set<String> found = new LinkedHashSet<>();
        for (CgroupStep step : steps) {
            switch (step) {
                case Write write -> found.add(write.controller());
                case AnyOrder group -> group.writes().forEach(write -> found.add(write.controller()));
                case Downwards down -> found.add(down.write().controller());
            }
        }
        found.remove(CgroupStep.UNIFIED);
        return found;
    }

    /** Whether a controller is on the version 2 side; fails where it is on none. */
    private boolean version2(String controller, String field) throws CgroupException {
        CgroupHierarchy hierarchy = layout.of(controller);
        if (hierarchy == null) {
            throw new CgroupException("set " + field + ": this host has no cgroup controller " + controller);
        }
        return hierarchy.unified();
    }

    private void write(String controller, String file, String text) {
        steps.add(new Write(controller, file, text));
    }

    private static Write ifPresent(String controller, String file, String text) {
        return new Write(controller, file, text, OnFailure.IGNORE_ABSENT, null);
    }

    private void devices(List<CgroupResources.DeviceRule> rules) throws CgroupException {
        if (rules.isEmpty()) {
            return;
        }
        CgroupHierarchy hierarchy = layout.of("devices");
        if (hierarchy == null) {
            // Version 2 has no files for devices; a program is attached instead.
            if (layout.unified() == null) {
                throw new CgroupException("set devices: this host has no cgroup controller devices");
            }
            return;
        }
        for (CgroupResources.DeviceRule rule : rules) {
            write("devices", rule.allow() ? "devices.allow" : "devices.deny", rule.rule());
        }
    }

    private void cpuset(CgroupResources.Cpu cpu) throws CgroupException {
        if (!cpu.cpus().isEmpty()) {
            version2("cpuset", "cpu.cpus");
            write("cpuset", "cpuset.cpus", cpu.cpus());
        }
        if (!cpu.mems().isEmpty()) {
            version2("cpuset", "cpu.mems");
            write("cpuset", "cpuset.mems", cpu.mems());
        }
    }

    private void memory(CgroupResources.Memory memory) throws CgroupException {
        Long limit = memory.limit() == null || memory.limit() == 0 ? null : memory.limit();
        Long swap = memory.swap() == null || memory.swap() == 0 ? null : memory.swap();
        Long reservation = memory.reservation() == null || memory.reservation() == 0 ? null : memory.reservation();
        boolean any = limit != null || swap != null || reservation != null || memory.swappiness() != null;
        if (!any && !memory.disableOomKiller()) {
            return;
        }
        checkAtLeastMinusOne(limit, "memory.limit");
        checkAtLeastMinusOne(swap, "memory.swap");
        checkAtLeastMinusOne(reservation, "memory.reservation");
        Long usage = current.memoryUsage();
        if (memory.checkBeforeUpdate() && limit != null && limit > 0 && usage != null && usage > limit) {
            throw new CgroupException("set memory.limit: " + limit + " bytes are less than the " + usage + " in use");
        }
        if (limit != null && limit > 0 && swap != null && swap > 0 && swap < limit) {
            throw new CgroupException("set memory.swap: " + swap + " bytes are less than memory.limit of " + limit
                    + ", which they include");
        }
        if (limit != null && limit == -1 && swap == null) {
            // No limit on memory but an old one on both together would be none at all.
            swap = -1L;
        }
        if (version2("memory", "memory")) {
            memoryV2(memory, limit, swap, reservation);
        } else {
            memoryV1(memory, limit, swap, reservation);
        }
    }

    private void memoryV1(
            CgroupResources.Memory memory, @Nullable Long limit, @Nullable Long swap, @Nullable Long reservation)
            throws CgroupException {
        List<Write> bounds = new ArrayList<>(2);
        if (limit != null) {
            bounds.add(new Write("memory", "memory.limit_in_bytes", Long.toString(limit)));
        }
        if (swap != null) {
            // Without swap accounting there is no file and, for no limit, nothing to do.
            OnFailure onFailure = swap == -1 ? OnFailure.IGNORE_ABSENT : OnFailure.FAIL;
            bounds.add(new Write("memory", "memory.memsw.limit_in_bytes", Long.toString(swap), onFailure, null));
        }
        if (bounds.size() == 2) {
            steps.add(new AnyOrder(bounds));
        } else {
            steps.addAll(bounds);
        }
        if (reservation != null) {
            write("memory", "memory.soft_limit_in_bytes", Long.toString(reservation));
        }
        if (memory.disableOomKiller()) {
            write("memory", "memory.oom_control", "1");
        }
        Long swappiness = memory.swappiness();
        if (swappiness != null) {
            if (swappiness < 0 || swappiness > 100) {
                throw new CgroupException("set memory.swappiness: " + swappiness + " is not between 0 and 100");
            }
            write("memory", "memory.swappiness", Long.toString(swappiness));
        }
    }

    private void memoryV2(
            CgroupResources.Memory memory, @Nullable Long limit, @Nullable Long swap, @Nullable Long reservation)
            throws CgroupException {
        if (memory.swappiness() != null) {
            throw new CgroupException("set memory.swappiness: cgroup version 2 has no such setting");
        }
        if (swap != null) {
            swapV2(limit, swap);
        }
        if (limit != null) {
            write("memory", "memory.max", orMax(limit));
        }
        if (reservation != null) {
            write("memory", "memory.low", orMax(reservation));
        }
    }

    /** Version 2 counts swap alone. */
    private void swapV2(@Nullable Long limit, long swap) throws CgroupException {
        if (swap == -1) {
            steps.add(ifPresent("memory", "memory.swap.max", "max"));
            return;
        }
        Long memory = limit != null ? limit : current.memoryLimit();
        if (memory == null || memory == -1) {
            throw new CgroupException("set memory.swap: it includes memory, so memory.limit is needed with it");
        }
        if (swap < memory) {
            throw new CgroupException("set memory.swap: " + swap + " bytes are less than memory.limit of " + memory
                    + ", which they include");
        }
        long alone = swap - memory;
        String text = Long.toString(alone);
        steps.add(
                alone == 0
                        ? ifPresent("memory", "memory.swap.max", text)
                        : new Write("memory", "memory.swap.max", text));
    }

    private static void checkAtLeastMinusOne(@Nullable Long value, String field) throws CgroupException {
        if (value != null && value < -1) {
            throw new CgroupException("set " + field + ": " + value + " is neither a number of bytes nor -1");
        }
    }

    private static String orMax(long value) {
        return value == -1 ? "max" : Long.toString(value);
    }

    private void cpu(CgroupResources.Cpu cpu) throws CgroupException {
        Long shares = cpu.shares() == null || cpu.shares() == 0 ? null : cpu.shares();
        Long period = cpu.period() == null || cpu.period() == 0 ? null : cpu.period();
        Long quota = cpu.quota() == null || cpu.quota() == 0 ? null : cpu.quota();
        boolean realtime = isPositive(cpu.realtimeRuntime()) || isPositive(cpu.realtimePeriod());
        boolean any = shares != null || period != null || quota != null || cpu.burst() != null || cpu.idle() != null;
        if (!any && !realtime) {
            return;
        }
        boolean version2 = version2("cpu", "cpu");
        if (cpu.idle() != null) {
            write("cpu", "cpu.idle", Long.toString(cpu.idle()));
        }
        boolean idle = cpu.idle() != null && cpu.idle() == 1;
        // The kernel refuses a weight for an idle group.
        if (shares != null && !idle) {
            if (version2) {
                write("cpu", "cpu.weight", Long.toString(weightOfShares(shares)));
            } else {
                write("cpu", "cpu.shares", Long.toString(shares));
            }
        }
        List<Write> bandwidth = new ArrayList<>(3);
        if (version2) {
            if (realtime) {
                throw new CgroupException("set cpu.realtimeRuntime: cgroup version 2 has no such setting");
            }
            if (quota != null || period != null) {
                bandwidth.add(new Write("cpu", "cpu.max", cpuMax(quota, period)));
            }
            if (cpu.burst() != null) {
                bandwidth.add(new Write("cpu", "cpu.max.burst", Long.toString(cpu.burst())));
            }
        } else {
            realtimeV1(cpu);
            if (period != null) {
                bandwidth.add(new Write("cpu", "cpu.cfs_period_us", Long.toString(period)));
            }
            if (quota != null) {
                bandwidth.add(new Write("cpu", "cpu.cfs_quota_us", Long.toString(Math.max(-1, quota))));
            }
            if (cpu.burst() != null) {
                bandwidth.add(new Write("cpu", "cpu.cfs_burst_us", Long.toString(cpu.burst())));
            }
        }
        if (bandwidth.size() > 1) {
            steps.add(new AnyOrder(bandwidth));
        } else {
            steps.addAll(bandwidth);
        }
    }

    private void realtimeV1(CgroupResources.Cpu cpu) {
        Long period = cpu.realtimePeriod();
        Long runtime = cpu.realtimeRuntime();
        if (period != null && period > 0) {
            steps.add(new Downwards(new Write("cpu", "cpu.rt_period_us", Long.toString(period))));
        }
        if (runtime != null && runtime > 0) {
            steps.add(new Downwards(new Write("cpu", "cpu.rt_runtime_us", Long.toString(runtime))));
        }
    }

    private static boolean isPositive(@Nullable Long value) {
        return value != null && value > 0;
    }

    private String cpuMax(@Nullable Long quota, @Nullable Long period) {
        String limit;
        if (quota != null) {
            limit = quota < 0 ? "max" : Long.toString(quota);
        } else {
            // The file cannot take a period alone.
            String now = current.cpuMax();
            limit = now == null ? "max" : firstWord(now);
        }
        if (period != null) {
            return limit + " " + period;
        }
        // The kernel keeps the period of an existing group when only the first word is written; a new group's default
        // is
        // written out so that a plan reads completely.
        return current.cpuMax() == null ? limit + " " + DEFAULT_PERIOD_MICROS : limit;
    }

    private static String firstWord(String text) {
        int blank = text.indexOf(' ');
        return blank < 0 ? text.strip() : text.substring(0, blank);
    }

    /**
     * Version 1 shares as version 2 weight, by the curve through (2, 1), (1024, 100) and (262144, 10000) that runc 1.3.2 and
     * crun 1.23 use; the older straight line gave the default of 1024 only 39.
     *
     * @param shares greater than 0
     * @return 1 to 10000
     */
    public static long weightOfShares(long shares) {
        if (shares <= 2) {
            return 1;
        }
        if (shares >= 262_144) {
            return 10_000;
        }
        double log = Math.log((double) shares) / Math.log(2);
        double exponent = (log * log + 125 * log) / 612.0 - 7.0 / 34.0;
        // The default of 1024 lies exactly on 100: the last bit of pow, which may err, must not make it 101.
        return (long) Math.ceil(Math.pow(10, exponent) - 1e-9);
    }

    private void pids(@Nullable Long limit) throws CgroupException {
        if (limit == null) {
            return;
        }
        version2("pids", "pids.limit");
        // 1 instead of 0: the first process itself has to come in, by clone3 or by migration, and there will be no
        // second.
        write("pids", "pids.max", limit < 0 ? "max" : Long.toString(Math.max(1, limit)));
    }

    private void hugepages(List<CgroupResources.HugepageLimit> limits) throws CgroupException {
        for (CgroupResources.HugepageLimit limit : limits) {
            String size = limit.pageSize();
            if (!isPageSize(size)) {
                throw new CgroupException("set hugepageLimits: '" + size + "' is not a page size like 2MB");
            }
            String suffix = version2("hugetlb", "hugepageLimits") ? "max" : "limit_in_bytes";
            String value = limit.limit() == -1 && suffix.equals("max") ? "max" : Long.toString(limit.limit());
            write("hugetlb", "hugetlb." + size + "." + suffix, value);
            steps.add(ifPresent("hugetlb", "hugetlb." + size + ".rsvd." + suffix, value));
        }
    }

    private static boolean isPageSize(String size) {
        int digits = 0;
        while (digits < size.length() && size.charAt(digits) >= '0' && size.charAt(digits) <= '9') {
            digits++;
        }
        String unit = size.substring(digits);
        return digits > 0 && (unit.equals("KB") || unit.equals("MB") || unit.equals("GB"));
    }

    private void network(CgroupResources.Network network) throws CgroupException {
        if (layout.mode() == CgroupMode.V2) {
            // No controllers for it; runc and crun ignore the section too, as packets can be marked by cgroup path
            // instead.
            return;
        }
        Long classId = network.classId();
        if (classId != null && classId > 0) {
            version2("net_cls", "network.classID");
            write("net_cls", "net_cls.classid", Long.toString(classId));
        }
        for (CgroupResources.Priority priority : network.priorities()) {
            version2("net_prio", "network.priorities");
            write("net_prio", "net_prio.ifpriomap", priority.interfaceName() + " " + priority.priority());
        }
    }

    private void rdma(Map<String, CgroupResources.Rdma> limits) throws CgroupException {
        for (Map.Entry<String, CgroupResources.Rdma> entry : limits.entrySet()) {
            version2("rdma", "rdma");
            StringBuilder line = new StringBuilder(entry.getKey());
            Long handles = entry.getValue().hcaHandles();
            if (handles != null) {
                line.append(" hca_handle=").append(orMax(handles));
            }
            Long objects = entry.getValue().hcaObjects();
            if (objects != null) {
                line.append(" hca_object=").append(orMax(objects));
            }
            write("rdma", "rdma.max", line.toString());
        }
    }

    private void unified(Map<String, String> files) throws CgroupException {
        if (files.isEmpty()) {
            return;
        }
        CgroupHierarchy hierarchy = layout.unified();
        if (hierarchy == null) {
            throw new CgroupException("set unified: this host has no cgroup version 2");
        }
        for (Map.Entry<String, String> file : files.entrySet()) {
            String name = file.getKey();
            int dot = name.indexOf('.');
            if (dot <= 0 || name.indexOf('/') >= 0 || name.indexOf('\0') >= 0) {
                throw new CgroupException("set unified: '" + name.replace('\0', '?') + "' is not a cgroup file's name");
            }
            String controller = name.substring(0, dot);
            if (!controller.equals("cgroup") && !hierarchy.controllers().contains(controller)) {
                throw new CgroupException("set unified '" + name + "': controller " + controller
                        + " is not available in cgroup version 2 on this host");
            }
            for (String line : CgroupLayout.lines(file.getValue())) {
                write(controller.equals("cgroup") ? CgroupStep.UNIFIED : controller, name, line);
            }
        }
    }
}
