package dev.caisson.namespace;

import dev.caisson.linux.cgroup.Cgroup;
import dev.caisson.linux.cgroup.CgroupLayout;
import dev.caisson.linux.cgroup.CgroupResources;
import dev.caisson.oci.Resources;
import java.util.List;

/** Which devices a container may use. */
record DeviceRules(List<CgroupResources.DeviceRule> v1Rules) {
    static DeviceRules of(List<Resources.DeviceRule> rules, CgroupLayout layout) {
        return new DeviceRules(List.of());
    }

    void attach(Cgroup cgroup) {}
}
