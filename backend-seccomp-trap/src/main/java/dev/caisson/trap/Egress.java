package dev.caisson.trap;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.linux.CgroupEgressPrograms;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.Processes;
import dev.caisson.linux.bpf.EgressProgram;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.CgroupHierarchy;
import dev.caisson.linux.cgroup.CgroupLayout;
import dev.caisson.oci.Spec;
import dev.caisson.trap.egress.EgressException;
import dev.caisson.trap.egress.EgressPolicy;
import dev.caisson.trap.sandbox.Control;
import org.jspecify.annotations.Nullable;

/**
 * A container's egress policy: programs of the kernel on its version 2 group, which see the address that a call really uses, and the sandbox
 * process, which is told of it first, says what it refuses and keeps the addresses of names.
 */
final class Egress {
    /** Annotation whose text is where the container may send to. */
    static final String ANNOTATION = "dev.caisson.trap.egress";

    private final String container;
    private final String text;
    private final EgressPolicy policy;
    private final CgroupHierarchy groups;
    private @Nullable Fd table;

    private Egress(String container, String text, EgressPolicy policy, CgroupHierarchy groups) {
        this.container = container;
        this.text = text;
        this.policy = policy;
        this.groups = groups;
    }

    /** What a configuration asks for; null for nothing. */
    static @Nullable Egress of(String container, Spec spec) throws ContainerFault {
        String text = spec.annotations().get(ANNOTATION);
        if (text == null) {
            return null;
        }
        try {
            EgressPolicy policy = EgressPolicy.parse(text);
            CgroupHierarchy groups = CgroupLayout.detect().unified();
            if (groups == null) {
                throw new ContainerFault(
                        Kind.UNSUPPORTED, "annotation " + ANNOTATION + ": no cgroup2 file system is mounted");
            }
            return new Egress(container, text, policy, groups);
        } catch (EgressException e) {
            throw new ContainerFault(Kind.INVALID, "annotation " + ANNOTATION + ": " + e.getMessage(), e);
        } catch (ErrnoException | CgroupException e) {
            throw failed(container, e);
        }
    }

    private static ContainerFault failed(String container, Exception e) {
        return new ContainerFault(Kind.FAILED, "set egress policy of " + container + ": " + e.getMessage(), e);
    }

    /** Tells the sandbox process, before it serves the container. */
    void give(PolicyFile.Sender sender) throws ContainerFault {
        try {
            Fd made = CgroupEgressPrograms.table(policy.tableSize());
            table = made;
            PolicyFile.give(container, text, fd -> new Control.Egress(Processes.pid(), fd, made.number()), sender);
        } catch (ErrnoException e) {
            throw failed(container, e);
        }
    }

    /** From now on it holds; the container's program does not run yet. */
    void attach(Launch init) throws ContainerFault {
        try (Fd names = table) {
            if (names == null) {
                throw new ContainerFault(Kind.FAILED, "set egress policy of " + container + ": nobody was told of it");
            }
            String directory = group(HostFiles.text("/proc/" + init.pid() + "/cgroup"));
            try (Fd group = HostFiles.open(directory, HostFiles.O_RDONLY | HostFiles.O_DIRECTORY, 0)) {
                CgroupEgressPrograms.attach(group, new EgressProgram(policy.rules()), names);
            }
        } catch (ErrnoException e) {
            throw failed(container, e);
        } finally {
            table = null;
        }
    }

    /** Where init's version 2 group is; never the hierarchy's root, which is everybody's. */
    private String group(String groupsOfInit) throws ContainerFault {
        for (String line : groupsOfInit.split("\n", -1)) {
            if (line.startsWith("0::/")) {
                String path = line.substring("0::".length());
                String root = groups.root().equals("/") ? "" : groups.root();
                if (path.length() > 1 && path.startsWith(root + "/") && !path.contains("/../")) {
                    return groups.mountPoint() + path.substring(root.length());
                }
            }
        }
        throw new ContainerFault(
                Kind.UNSUPPORTED, "annotation " + ANNOTATION + ": the container has no group of its own");
    }
}
