package dev.caisson.namespace;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.cgroup.Cgroup;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.CgroupLimits;
import dev.caisson.linux.cgroup.CgroupResources;
import dev.caisson.linux.cgroup.CgroupStep;
import dev.caisson.namespace.systemd.ContainerUnit;
import dev.caisson.namespace.systemd.SystemdException;
import dev.caisson.oci.Resources;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The limits and device rules of one container's groups: the first ones, and those that come later. */
final class GroupLimits {
    private final String id;
    private final Resources configured;
    private final Host host;
    private final @Nullable ContainerUnit unit;
    private final ContainerDevices devices;

    GroupLimits(String id, Resources configured, Host host, @Nullable ContainerUnit unit, Map<String, String> record) {
        this.id = id;
        this.configured = configured;
        this.host = host;
        this.unit = unit;
        this.devices = new ContainerDevices(host, configured.devices(), record);
    }

    /** What of it has changed since the container was configured. */
    Map<String, String> record() {
        return devices.record();
    }

    /** Whether a process may be in the container's version 2 group before there are limits. */
    boolean isUnifiedIdle() throws ContainerFault {
        try {
            List<CgroupStep> limits =
                    CgroupLimits.plan(ResourceTranslation.translate(configured, List.of()), host.cgroups());
            return configured.unified().isEmpty() && host.cgroups().isUnifiedIdle(CgroupLimits.controllers(limits));
        } catch (CgroupException e) {
            throw new ContainerFault(Kind.FAILED, "set up cgroup of container " + id + ": " + e.getMessage(), e);
        }
    }

    /** What a new group is to get. */
    record Planned(DeviceRules rules, List<CgroupStep> steps) {}

    Planned first() throws CgroupException {
        DeviceRules rules = devices.ofNew();
        return new Planned(
                rules, CgroupLimits.plan(ResourceTranslation.translate(configured, rules.v1Rules()), host.cgroups()));
    }

    void begin(Cgroup cgroup, Planned planned) throws ErrnoException, CgroupException {
        if (!NoCgroup.is(cgroup.state())) {
            cgroup.apply(planned.steps());
            planned.rules().attach(cgroup, host);
        }
        devices.enforced(devices.rules(), planned.rules());
    }

    void update(Cgroup cgroup, Resources resources) throws ContainerFault {
        try {
            List<Resources.DeviceRule> next = resources.devices().isEmpty() ? null : resources.devices();
            apply(cgroup, resources, next);
        } catch (ErrnoException | CgroupException | SystemdException e) {
            throw new ContainerFault(Kind.FAILED, "update limits of container " + id + ": " + e.getMessage(), e);
        }
    }

    /** @param next the device rules from now on; null to leave them */
    private void apply(Cgroup cgroup, Resources resources, @Nullable List<Resources.DeviceRule> next)
            throws ErrnoException, CgroupException, SystemdException {
        DeviceRules rules = next == null ? null : devices.to(next);
        List<CgroupResources.DeviceRule> v1Rules = rules == null ? List.of() : rules.v1Rules();
        List<CgroupStep> limits =
                CgroupLimits.plan(ResourceTranslation.translate(resources, v1Rules), host.cgroups(), cgroup.current());
        if (unit != null) {
            unit.update(limits);
        }
        cgroup.apply(limits);
        if (rules != null) {
            rules.attach(cgroup, host);
            devices.enforced(java.util.Objects.requireNonNull(next), rules);
        }
    }

    /** @return the rules until now */
    List<Resources.DeviceRule> allow(Cgroup cgroup, String device, Resources.DeviceRule rule) throws ContainerFault {
        List<Resources.DeviceRule> before = devices.rules();
        try {
            apply(cgroup, Resources.NONE, devices.with(rule));
        } catch (ErrnoException | CgroupException | SystemdException e) {
            throw new ContainerFault(
                    Kind.FAILED, "set rule for device " + device + " of container " + id + ": " + e.getMessage(), e);
        }
        return before;
    }

    /** After what {@link #allow} was for has failed. */
    void takeBack(Cgroup cgroup, List<Resources.DeviceRule> before, ContainerFault failure) {
        try {
            apply(cgroup, Resources.NONE, before);
        } catch (ErrnoException | CgroupException | SystemdException undo) {
            failure.addSuppressed(undo);
        }
    }
}
