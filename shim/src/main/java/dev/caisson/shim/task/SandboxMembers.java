package dev.caisson.shim.task;

import dev.caisson.oci.Linux;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.Spec;
import java.util.ArrayList;
import java.util.List;

/**
 * What a container of a sandbox runs in: the sandbox's namespaces, whatever paths its specification names. Callers write
 * placeholders there, and joining one literally could be joining the host's.
 */
final class SandboxMembers {
    private SandboxMembers() {}

    /**
     * @param sandbox specification of the sandbox's own process
     * @param pid that process
     */
    static Spec join(Spec member, Spec sandbox, int pid) {
        List<Linux.Namespace> namespaces = new ArrayList<>();
        boolean network = false;
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
        return b.build();
    }

    private static String path(int pid, NamespaceType type) {
        String name = type == NamespaceType.NETWORK ? "net" : type.wire();
        return "/proc/" + pid + "/ns/" + name;
    }
}
