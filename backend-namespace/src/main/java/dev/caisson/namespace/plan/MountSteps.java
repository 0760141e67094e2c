package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.IdMapping;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The mounts of the specification. No path string is used twice: a target is opened once below the root, where neither a symlink nor
 * {@code ..} leads out, and mounted on by descriptor (CVE-2021-30465 and its like).
 */
final class MountSteps {
    private final Steps s;
    private final PlanBuilder p;
    private final PlanInput in;
    private final Arg.Slot target;
    private final Arg.Slot tree;
    /** Trees that were opened ahead of their turn, by the mount's index. */
    private final Map<Integer, Arg.Slot> opened = new HashMap<>();

    MountSteps(Steps s, PlanInput in) {
        this.s = s;
        this.p = s.p;
        this.in = in;
        this.target = p.slot();
        this.tree = p.slot();
    }

    /** Whether a mount shows the container's groups. */
    boolean hasCgroup() {
        return in.spec().mounts().stream().anyMatch(m -> isCgroup(m.type()));
    }

    private static boolean isCgroup(@Nullable String type) {
        return "cgroup".equals(type) || "cgroup2".equals(type);
    }

    /** The mounts of the specification, in their order. */
    void all() {
        for (int i = 0; i < in.spec().mounts().size(); i++) {
            Mount m = in.spec().mounts().get(i);
            MountOptions o = MountOptions.parse(m.options());
            if (isBind(m)) {
                bind(i, m, o);
            } else if (isCgroup(m.type())) {
                new CgroupMountSteps(s, in).mount(m, o);
            } else if ((o.flags() & MS_REMOUNT) != 0) {
                remount(m, o);
            } else {
                fileSystem(m, o);
            }
        }
    }

    /** Containerd's type uds is a socket of the host's, which a wall without a kernel of its own can just show. */
    private static boolean isBind(Mount m) {
        return m.isBind() || "uds".equals(m.type());
    }

    /**
     * For the launcher, before it gives up the host's rights: trees that are to be id-mapped (mount_setattr(2)). A mapping is a user
     * namespace: the mount's own, or the container's, of which a copy does.
     *
     * @param joinedUser the container's user namespace if it exists already
     */
    void openIdmapped(IdMapSteps ids, Arg.Slot procfs, Arg.@Nullable Slot joinedUser) {
        Map<List<List<IdMapping>>, Arg.Slot> known = new HashMap<>();
        for (int i = 0; i < in.spec().mounts().size(); i++) {
            Mount m = in.spec().mounts().get(i);
            MountOptions o = MountOptions.parse(m.options());
            boolean own = !m.uidMappings().isEmpty() || !o.idmapUids().isEmpty();
            if (!isBind(m) || (o.idmap() == MountOptions.Idmap.NONE && !own)) {
                continue;
            }
            Arg.Slot mapping;
            if (!own && joinedUser != null) {
                mapping = joinedUser;
            } else {
                List<IdMapping> uids = !o.idmapUids().isEmpty() ? o.idmapUids() : m.uidMappings();
                List<IdMapping> gids = !o.idmapUids().isEmpty() ? o.idmapGids() : m.gidMappings();
                List<List<IdMapping>> key = own
                        ? List.of(uids, gids)
                        : List.of(
                                in.spec().linux().uidMappings(),
                                in.spec().linux().gidMappings());
                mapping = known.computeIfAbsent(key, k -> ids.userNamespace(procfs, k.getFirst(), k.getLast()));
            }
            String what = bindWords(m) + ": map ids";
            Arg.Slot slot = openSource(m, o);
            Arg.Data attr = p.struct(8, MOUNT_ATTR_IDMAP, 8, 0, 8, 0, 8, 0);
            p.store(mapping, attr.plus(24), 8);
            boolean recursive = o.idmap() == MountOptions.Idmap.RECURSIVE;
            p.call(
                    what,
                    Sys.MOUNT_SETATTR,
                    slot,
                    p.string(""),
                    c(AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0)),
                    attr,
                    c(MOUNT_ATTR_SIZE));
            opened.put(i, slot);
        }
    }

    /** The sources of all bind mounts that are not open yet. */
    void openSources() {
        for (int i = 0; i < in.spec().mounts().size(); i++) {
            Mount m = in.spec().mounts().get(i);
            if (isBind(m) && !opened.containsKey(i)) {
                opened.put(i, openSource(m, MountOptions.parse(m.options())));
            }
        }
    }

    private String source(Mount m) {
        String source = m.source() == null ? "" : m.source();
        return source.startsWith("/") ? source : in.bundle() + "/" + source;
    }

    private static String bindWords(Mount m) {
        return "bind mount " + m.source() + " on " + m.destination();
    }

    private Arg.Slot openSource(Mount m, MountOptions o) {
        Arg.Slot slot = p.slot();
        openSource(slot, m, o);
        return slot;
    }

    private void openSource(Arg.Slot dst, Mount m, MountOptions o) {
        p.callInto(
                dst,
                bindWords(m) + ": open source",
                Sys.OPEN_TREE,
                c(AT_FDCWD),
                p.string(source(m)),
                c(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (o.recursiveBind() ? AT_RECURSIVE : 0)));
    }

    private static String describe(Mount m) {
        return "mount " + m.source() + " (" + m.type() + ") on " + m.destination();
    }

    private void bind(int index, Mount m, MountOptions o) {
        String what = bindWords(m);
        Arg.Slot ahead = opened.get(index);
        if (ahead == null) {
            openSource(tree, m, o);
        } else {
            p.set(tree, ahead);
        }
        if (o.attrSet() != 0 || o.attrClear() != 0) {
            // The clear side frees the atime field or undoes a flag of the source; a flag that is locked stays.
            s.setAttr(what + ": set attributes", tree, false, o.attrSet(), o.attrClear(), 0);
        }
        if (o.recursiveSet() != 0 || o.recursiveClear() != 0) {
            s.setAttr(what + ": set recursive attributes", tree, true, o.recursiveSet(), o.recursiveClear(), 0);
        }
        for (long propagation : o.propagation()) {
            s.setAttr(what + ": set propagation", tree, (propagation & MS_REC) != 0, 0, 0, propagation & ~MS_REC);
        }
        s.openTarget(target, m.destination(), in.host().isDirectory().test(source(m)));
        s.moveMount(what, tree, target);
        p.attempt(Sys.CLOSE, tree);
        p.attempt(Sys.CLOSE, target);
    }

    private void fileSystem(Mount m, MountOptions o) {
        String what = describe(m);
        long flags = o.flags();
        if (m.destination().equals("/dev")) {
            flags &= ~MS_RDONLY; // the nodes come first; see makeReadonly
        }
        boolean tmpfs = "tmpfs".equals(m.type());
        boolean inherit = tmpfs && (o.copyUp() || !hasMode(o.data()));
        boolean readonly = inherit && (flags & MS_RDONLY) != 0;
        if (readonly) {
            flags &= ~MS_RDONLY;
        }
        TmpfsSteps covered = inherit ? new TmpfsSteps(s, what, m.destination()) : null;
        if (covered != null) {
            covered.look(o.copyUp());
        }
        String data = withLabel(m, o.data());
        s.openTarget(target, m.destination(), true);
        p.call(what, Sys.FCHDIR, target);
        p.call(
                what,
                Sys.MOUNT,
                p.string(m.source() == null ? "none" : m.source()),
                p.string("."),
                p.string(m.type() == null ? "" : m.type()),
                c(flags),
                data.isEmpty() ? Arg.ZERO : p.string(data));
        p.attempt(Sys.CLOSE, target);
        if (covered != null) {
            if (!hasMode(o.data())) {
                covered.inheritMode();
            }
            if (o.copyUp()) {
                covered.showContent(flags, in.spec().linux().hasNamespace(NamespaceType.USER));
            }
            if (readonly) {
                covered.makeReadonly();
            }
        }
        if (!o.propagation().isEmpty()) {
            s.openInRoot(target, what, m.destination(), O_PATH, 0);
            p.call(what, Sys.FCHDIR, target);
            for (long propagation : o.propagation()) {
                p.call(
                        what + ": set propagation",
                        Sys.MOUNT,
                        Arg.ZERO,
                        p.string("."),
                        Arg.ZERO,
                        c(propagation),
                        Arg.ZERO);
            }
            p.attempt(Sys.CLOSE, target);
        }
    }

    private static boolean hasMode(String data) {
        return data.startsWith("mode=") || data.contains(",mode=");
    }

    /** SELinux's label for file systems that have none of their own (mount(8), "context"). */
    private String withLabel(Mount m, String data) {
        String label = in.spec().linux().mountLabel();
        if (label == null || label.isEmpty() || m.type() == null) {
            return data;
        }
        return switch (m.type()) {
            case "proc", "sysfs", "mqueue", "cgroup", "cgroup2" -> data;
            default -> (data.isEmpty() ? "" : data + ",") + "context=\"" + label + "\"";
        };
    }

    private void remount(Mount m, MountOptions o) {
        String what = "remount " + m.destination();
        s.openInRoot(target, what, m.destination(), O_PATH, 0);
        p.call(what, Sys.FCHDIR, target);
        p.call(
                what,
                Sys.MOUNT,
                Arg.ZERO,
                p.string("."),
                Arg.ZERO,
                c(o.flags()),
                o.data().isEmpty() ? Arg.ZERO : p.string(o.data()));
        p.attempt(Sys.CLOSE, target);
    }

    /** For what is protected among them. */
    ProtectedPathSteps protectedPaths() {
        return new ProtectedPathSteps(s, in.spec().linux(), target, tree);
    }
}
