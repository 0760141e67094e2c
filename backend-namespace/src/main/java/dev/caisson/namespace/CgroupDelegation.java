package dev.caisson.namespace;

import dev.caisson.oci.IdMapping;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.Spec;
import java.util.List;

/** The runtime-spec's "Cgroup ownership": who gets a version 2 group. */
final class CgroupDelegation {
    private CgroupDelegation() {}

    /** A new cgroup namespace, in which the group is mounted for writing. */
    static boolean isDue(Spec spec) {
        Linux.Namespace ns = spec.linux().namespace(NamespaceType.CGROUP);
        if (ns == null || ns.path() != null) {
            return false;
        }
        for (Mount m : spec.mounts()) {
            if ("cgroup".equals(m.type()) || "cgroup2".equals(m.type())) {
                List<String> options = m.options();
                return options.lastIndexOf("ro") <= options.lastIndexOf("rw") && !options.contains("rro");
            }
        }
        return false;
    }

    /** The process's user as the host counts users. */
    static long owner(Spec spec) {
        long uid = spec.process() == null ? 0 : spec.process().user().uid();
        for (IdMapping m : spec.linux().uidMappings()) {
            if (uid >= m.containerId() && uid - m.containerId() < m.size()) {
                return m.hostId() + uid - m.containerId();
            }
        }
        return uid;
    }
}
