package dev.caisson.shim.task;

import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.Spec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What a container of a sandbox runs in: the sandbox's namespaces, whatever paths its specification names. Callers write
 * placeholders there, and joining one literally could be joining the host's.
 */
public final class SandboxMembers {
    /** The directory in a sandbox's bundle that is /dev/shm of the members that share its IPC namespace. */
    public static final String SHM = "shm";

    private static final String DEV_SHM = "/dev/shm";

    private SandboxMembers() {}

    /**
     * @param sandbox specification of the sandbox's own process
     * @param pid that process
     * @param shm what /dev/shm becomes where the IPC namespace is shared; shm_open(3) is part of what shares memory
     */
    static Spec join(Spec member, Spec sandbox, int pid, Path shm) {
        List<Linux.Namespace> namespaces = new ArrayList<>();
        boolean network = false;
        boolean sharesIpc = false;
        for (Linux.Namespace ns : member.linux().namespaces()) {
            boolean shareable = ns.type() == NamespaceType.NETWORK
                    || ns.type() == NamespaceType.IPC
                    || ns.type() == NamespaceType.UTS
                    || ns.type() == NamespaceType.PID;
            boolean owned = sandbox.linux().hasNamespace(ns.type());
            if (ns.type() == NamespaceType.NETWORK) {
                network = true;
            }
            if (shareable && owned && (ns.path() != null || ns.type() == NamespaceType.NETWORK)) {
                namespaces.add(new Linux.Namespace(ns.type(), path(pid, ns.type())));
                sharesIpc |= ns.type() == NamespaceType.IPC;
            } else if (!shareable || ns.path() == null || owned) {
                namespaces.add(ns);
            }
            // A path to a namespace that the sandbox shares with the node means the node's: no entry.
        }
        if (!network && sandbox.linux().hasNamespace(NamespaceType.NETWORK)) {
            namespaces.add(new Linux.Namespace(NamespaceType.NETWORK, path(pid, NamespaceType.NETWORK)));
        }
        Linux.Builder linux = member.linux().toBuilder();
        linux.namespaces = namespaces;
        Spec.Builder b = member.toBuilder();
        b.linux = linux.build();
        if (sharesIpc) {
            b.mounts = sharedShm(member.mounts(), shm);
        }
        return b.build();
    }

    private static List<Mount> sharedShm(List<Mount> mounts, Path shm) {
        List<Mount> shared = new ArrayList<>(mounts.size());
        for (Mount m : mounts) {
            shared.add(
                    m.destination().equals(DEV_SHM)
                            ? Mount.of(DEV_SHM, shm.toString(), "bind", List.of("rbind", "nosuid", "noexec", "nodev"))
                            : m);
        }
        return shared;
    }

    private static String path(int pid, NamespaceType type) {
        String name = type == NamespaceType.NETWORK ? "net" : type.wire();
        return "/proc/" + pid + "/ns/" + name;
    }
}
