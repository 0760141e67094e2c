package dev.caisson.trap;

import dev.caisson.backend.ContainerFault;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.oci.Linux;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.Spec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What the namespaces that a container joins mean for its rights in them.
 *
 * @param user path of the user namespace that owns what is joined; null for one of the container's own
 * @param isForeignNetwork whether the network is somebody's who is not in a user namespace, and not the host's own, as what a CNI made for a pod
 */
record PodNamespaces(@Nullable String user, boolean isForeignNetwork) {
    /** Of a container that joins nothing. */
    static final PodNamespaces NONE = new PodNamespaces(null, false);

    private static final Pattern OF_PROCESS = Pattern.compile("(/proc/[0-9]+)(/task/[0-9]+)?/ns/[a-z]+");
    private static final String IDENTITY = "0 0 4294967295";
    /** Those first in which a right is needed for a container to be made: procfs and mqueue are mounted with it. */
    private static final List<NamespaceType> ASKED =
            List.of(NamespaceType.USER, NamespaceType.PID, NamespaceType.IPC, NamespaceType.UTS, NamespaceType.NETWORK);

    private static final Map<NamespaceType, String> HOSTS =
            Map.of(NamespaceType.NETWORK, "network", NamespaceType.PID, "processes", NamespaceType.IPC, "IPC");

    /**
     * Looks at the namespaces that a configuration names.
     *
     * @throws ContainerFault what it asks for is the host's, or other ids' than the host's
     */
    static PodNamespaces of(Spec spec) throws ContainerFault {
        requireOwn(spec);
        String user = null;
        for (NamespaceType type : ASKED) {
            Linux.Namespace ns = spec.linux().namespace(type);
            if (ns != null && ns.path() != null && user == null) {
                user = userOf(type, ns.path());
            }
        }
        Linux.Namespace network = spec.linux().namespace(NamespaceType.NETWORK);
        return new PodNamespaces(
                user, user == null && network != null && network.path() != null && !isHosts(network.path()));
    }

    /** In a pod, whose namespaces a kubelet decides on, one that is not named is the host's. */
    private static void requireOwn(Spec spec) throws ContainerFault {
        if (spec.annotations().containsKey("io.kubernetes.cri.container-type")) {
            for (Map.Entry<NamespaceType, String> host : HOSTS.entrySet()) {
                if (!spec.linux().hasNamespace(host.getKey())) {
                    throw new ContainerFault(
                            ContainerFault.Kind.UNSUPPORTED,
                            "config.json: no " + host.getKey().wire()
                                    + " namespace: behind this wall no pod has the host's " + host.getValue());
                }
            }
        }
    }

    /** The user namespace of the process whose namespace is named, if it is not this host's. */
    private static @Nullable String userOf(NamespaceType type, String path) throws ContainerFault {
        Matcher m = OF_PROCESS.matcher(path);
        if (!m.matches()) {
            if (type == NamespaceType.USER) {
                throw notIdentity(path);
            }
            return null;
        }
        String process = m.group(1);
        String user = process + "/ns/user";
        try {
            if (HostFiles.readlink(user).equals(HostFiles.readlink("/proc/self/ns/user"))) {
                if (type == NamespaceType.USER) {
                    throw notIdentity(path);
                }
                return null;
            }
            for (String map : List.of("/uid_map", "/gid_map")) {
                if (!HostFiles.text(process + map).strip().replaceAll(" +", " ").equals(IDENTITY)) {
                    throw notIdentity(path);
                }
            }
            return user;
        } catch (ErrnoException e) {
            throw new ContainerFault(
                    ContainerFault.Kind.FAILED,
                    "join " + type.wire() + " namespace " + path + ": " + e.getMessage(),
                    e);
        }
    }

    private static ContainerFault notIdentity(String path) {
        return new ContainerFault(
                ContainerFault.Kind.UNSUPPORTED,
                "config.json: user namespace of " + path
                        + ": this wall joins only one of a process in which every id is itself, and not the host's");
    }

    private static boolean isHosts(String path) {
        try {
            return Files.isSameFile(Path.of(path), Path.of("/proc/self/ns/net"));
        } catch (IOException e) {
            // Joining it says what is wrong with it.
            return true;
        }
    }
}
