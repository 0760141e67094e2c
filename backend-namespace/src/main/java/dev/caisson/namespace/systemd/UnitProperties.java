package dev.caisson.namespace.systemd;

import dev.caisson.linux.cgroup.CgroupStep;
import dev.caisson.linux.cgroup.CgroupStep.AnyOrder;
import dev.caisson.linux.cgroup.CgroupStep.Downwards;
import dev.caisson.linux.cgroup.CgroupStep.Write;
import dev.caisson.namespace.plan.BitList;
import dev.caisson.namespace.systemd.UnitProperty.Amount;
import dev.caisson.namespace.systemd.UnitProperty.DeviceNumber;
import dev.caisson.namespace.systemd.UnitProperty.Flag;
import dev.caisson.namespace.systemd.UnitProperty.Mask;
import dev.caisson.namespace.systemd.UnitProperty.Pids;
import dev.caisson.namespace.systemd.UnitProperty.Text;
import dev.caisson.namespace.systemd.UnitProperty.Texts;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The properties of a container's unit. Pure.
 *
 * <p>Limits come from the writes that set them in the cgroup: systemd must know what is there, or its next reload writes its own idea
 * over it (systemd.resource-control(5), docs/CGROUP_DELEGATION.md of systemd). So each value is converted once, and what a
 * configuration says in {@code unified} is included.
 *
 * <p>Devices are not among them on version 2: a unit whose policy is {@code auto} is one whose group systemd attaches no program to,
 * which leaves the container's own in charge across reloads.
 */
public final class UnitProperties {
    private static final long SECOND = 1_000_000;
    /** systemd divides quotas into periods of at least 1 ms; runc rounds up to this for systems whose period is 100 ms. */
    private static final long QUOTA_STEP = 10_000;

    private static final long DEFAULT_PERIOD = 100_000;

    private final Map<String, UnitProperty> found = new LinkedHashMap<>();
    private final List<UnitProperty> devices = new ArrayList<>();

    private UnitProperties() {}

    /**
     * What a new unit is started with.
     *
     * @param pid the scope's first process; 0 for a slice, which has none
     */
    public static List<UnitProperty> ofNew(
            String id, String slice, int pid, List<CgroupStep> limits, List<UnitProperty> more) {
        List<UnitProperty> all = new ArrayList<>();
        all.add(new Text("Description", "Caisson container " + id));
        if (pid == 0) {
            all.add(new Texts("Wants", List.of(slice)));
        } else {
            all.add(new Text("Slice", slice));
            all.add(new Flag("Delegate", true));
            all.add(new Pids("PIDs", List.of(pid)));
        }
        for (String accounting : List.of("Memory", "CPU", "IO", "Tasks")) {
            all.add(new Flag(accounting + "Accounting", true));
        }
        // Or the container would be stopped early in a shutdown, and start only after basic.target.
        all.add(new Flag("DefaultDependencies", false));
        all.addAll(ofLimits(limits));
        all.addAll(more);
        return List.copyOf(all);
    }

    /** What a unit has to be told about these writes; those that systemd has no property for are left out. */
    public static List<UnitProperty> ofLimits(List<CgroupStep> limits) {
        UnitProperties properties = new UnitProperties();
        for (CgroupStep step : limits) {
            switch (step) {
                case Write write -> properties.add(write);
                case AnyOrder group -> group.writes().forEach(properties::add);
                case Downwards down -> properties.add(down.write());
            }
        }
        properties.version1Quota(limits);
        List<UnitProperty> all = new ArrayList<>(properties.found.values());
        all.addAll(properties.devices);
        return List.copyOf(all);
    }

    private void add(Write write) {
        String text = write.text();
        switch (write.file()) {
            case "memory.max" -> number("MemoryMax", text);
            case "memory.high" -> number("MemoryHigh", text);
            case "memory.low" -> number("MemoryLow", text);
            case "memory.min" -> number("MemoryMin", text);
            case "memory.swap.max" -> number("MemorySwapMax", text);
            case "pids.max" -> number("TasksMax", text);
            case "cpu.weight" -> number("CPUWeight", text);
            case "cpu.idle" -> {
                // systemd.resource-control(5), CPUWeight=idle
                if (text.strip().equals("1")) {
                    number("CPUWeight", "0");
                }
            }
            case "cpu.max" -> cpuMax(text);
            case "cpuset.cpus" -> mask("AllowedCPUs", text);
            case "cpuset.mems" -> mask("AllowedMemoryNodes", text);
            case "io.weight" -> ioWeight(text);
            case "io.bfq.weight" -> {
                if (write.otherwise() != null) {
                    ioWeight(write.otherwise().text());
                }
            }
            case "io.max" -> ioMax(text);
            // version 1
            case "memory.limit_in_bytes" -> number("MemoryLimit", text.equals("-1") ? "max" : text);
            case "cpu.shares" -> number("CPUShares", text);
            case "blkio.weight" -> number("BlockIOWeight", text);
            default -> {
                // The cgroup's file has it; systemd does not touch what it has no property for.
            }
        }
    }

    private void put(UnitProperty property) {
        found.put(property.name(), property);
    }

    private static long parse(String text) {
        return text.strip().equals("max") ? Amount.INFINITY : Long.parseUnsignedLong(text.strip());
    }

    private void number(String name, String text) {
        try {
            put(new Amount(name, parse(text)));
        } catch (NumberFormatException e) {
            // Text of "unified": the kernel, which gets it as it is, will say what is wrong with it.
        }
    }

    private void mask(String name, String list) {
        try {
            List<Byte> bytes = new ArrayList<>();
            for (byte b : BitList.mask(list)) {
                bytes.add(b);
            }
            put(new Mask(name, bytes));
        } catch (IllegalArgumentException e) {
            // As above.
        }
    }

    private void cpuMax(String text) {
        String[] parts = text.strip().split(" ", -1);
        try {
            quota(parts[0].equals("max") ? -1 : parse(parts[0]), parts.length > 1 ? parse(parts[1]) : DEFAULT_PERIOD);
        } catch (NumberFormatException e) {
            // As above.
        }
    }

    private void quota(long quota, long period) {
        if (period <= 0) {
            return;
        }
        put(new Amount("CPUQuotaPeriodUSec", period));
        long perSecond = Amount.INFINITY;
        if (quota > 0 && quota < Long.MAX_VALUE / SECOND) {
            perSecond = (quota * SECOND / period + QUOTA_STEP - 1) / QUOTA_STEP * QUOTA_STEP;
        }
        put(new Amount("CPUQuotaPerSecUSec", perSecond));
    }

    /** Two files there, of which either may be absent. */
    private void version1Quota(List<CgroupStep> limits) {
        long quota = 0;
        long period = DEFAULT_PERIOD;
        boolean any = false;
        for (CgroupStep step : limits) {
            List<Write> writes = switch (step) {
                case Write write -> List.of(write);
                case AnyOrder group -> group.writes();
                case Downwards down -> List.of(down.write());
            };
            for (Write write : writes) {
                if (write.file().equals("cpu.cfs_quota_us")) {
                    quota = Long.parseLong(write.text());
                    any = true;
                } else if (write.file().equals("cpu.cfs_period_us")) {
                    period = Long.parseLong(write.text());
                    any = true;
                }
            }
        }
        if (any) {
            quota(quota, period);
        }
    }

    private void ioWeight(String text) {
        int space = text.indexOf(' ');
        try {
            if (space < 0) {
                put(new Amount("IOWeight", parse(text)));
            } else if (text.startsWith("default ")) {
                put(new Amount("IOWeight", parse(text.substring(space + 1))));
            } else {
                devices.add(new DeviceNumber(
                        "IODeviceWeight", node(text.substring(0, space)), parse(text.substring(space))));
            }
        } catch (NumberFormatException e) {
            // As above.
        }
    }

    private void ioMax(String text) {
        String[] parts = text.strip().split(" ", -1);
        for (int i = 1; i < parts.length; i++) {
            int equals = parts[i].indexOf('=');
            String name = switch (equals < 0 ? "" : parts[i].substring(0, equals)) {
                case "rbps" -> "IOReadBandwidthMax";
                case "wbps" -> "IOWriteBandwidthMax";
                case "riops" -> "IOReadIOPSMax";
                case "wiops" -> "IOWriteIOPSMax";
                default -> "";
            };
            try {
                if (!name.isEmpty()) {
                    devices.add(new DeviceNumber(name, node(parts[0]), parse(parts[i].substring(equals + 1))));
                }
            } catch (NumberFormatException e) {
                // As above.
            }
        }
    }

    /** udev's name of a block device by its numbers. */
    private static String node(String numbers) {
        return "/dev/block/" + numbers.strip();
    }
}
