package dev.caisson.namespace.systemd;

import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.CgroupPath;
import dev.caisson.linux.cgroup.CgroupStep;
import dev.caisson.linux.cgroup.SystemdUnit;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The unit that one container lives in, when the systemd driver is asked for. */
public final class ContainerUnit {
    private static final String NAME = "systemd.unit";
    private static final String SLICE = "systemd.slice";
    private static final String GROUP = "systemd.group";

    private final Systemd systemd;
    private final String id;
    private final SystemdUnit unit;
    private final String managerGroup;
    private final List<UnitProperty> more;

    private ContainerUnit(Systemd systemd, String id, SystemdUnit unit, String managerGroup, List<UnitProperty> more) {
        this.systemd = systemd;
        this.id = id;
        this.unit = unit;
        this.managerGroup = managerGroup;
        this.more = more;
    }

    /**
     * The unit of a new container.
     *
     * @param cgroupsPath {@code slice:prefix:name}; empty for a scope named after the container
     * @param annotations may set properties, see {@link UnitAnnotations}
     * @throws CgroupException for a path that names no unit, or an annotation that sets no property
     * @throws SystemdException when a user's manager does not say where its units are
     */
    public static ContainerUnit of(Systemd systemd, String id, String cgroupsPath, Map<String, String> annotations)
            throws CgroupException, SystemdException {
        String path = cgroupsPath.isEmpty() ? ":caisson:" + id : cgroupsPath;
        SystemdUnit unit = SystemdUnit.parse(path, systemd.defaultSlice());
        return new ContainerUnit(systemd, id, unit, systemd.ownGroup(), UnitAnnotations.properties(annotations));
    }

    /** The unit of a container that an earlier daemon made; null if it had none. */
    public static @Nullable ContainerUnit recover(Systemd systemd, String id, Map<String, String> record) {
        String name = record.get(NAME);
        String slice = record.get(SLICE);
        return name == null || slice == null
                ? null
                : new ContainerUnit(
                        systemd, id, new SystemdUnit(slice, name), record.getOrDefault(GROUP, ""), List.of());
    }

    /** What {@link #recover} needs; also whether a record is of a container with a unit. */
    public Map<String, String> record() {
        return Map.of(NAME, unit.name(), SLICE, unit.slice(), GROUP, managerGroup);
    }

    /** Whether {@link #recover} would find one. */
    public static boolean isIn(Map<String, String> record) {
        return record.containsKey(NAME);
    }

    /** Where systemd puts its group. */
    public CgroupPath path() throws CgroupException {
        return CgroupPath.ofUnit(managerGroup, unit);
    }

    /** Starts it around a process. */
    public void start(int pid, List<CgroupStep> limits) throws SystemdException {
        systemd.start(unit.name(), UnitProperties.ofNew(id, unit.slice(), unit.isSlice() ? 0 : pid, limits, more));
    }

    /** Puts another process into its group. */
    public void attach(int pid) throws SystemdException {
        systemd.attach(unit.name(), pid);
    }

    /** Tells systemd about changed limits. */
    public void update(List<CgroupStep> limits) throws SystemdException {
        systemd.set(unit.name(), UnitProperties.ofLimits(limits));
    }

    /** Ends it. Idempotent. */
    public void stop() throws SystemdException {
        systemd.stop(unit.name());
    }
}
