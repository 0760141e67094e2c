package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.backend.RootfsMount;
import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.Linux;
import dev.caisson.oci.NamespaceType;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Namespaces: joining those that are there, and making the others. */
final class NamespaceSteps {
    /** Mount last, since paths change with it. */
    private static final List<NamespaceType> JOIN_ORDER = List.of(
            NamespaceType.USER,
            NamespaceType.IPC,
            NamespaceType.UTS,
            NamespaceType.NETWORK,
            NamespaceType.PID,
            NamespaceType.CGROUP,
            NamespaceType.TIME,
            NamespaceType.MOUNT);

    private final Steps s;
    private final PlanBuilder p;
    private final Linux linux;

    NamespaceSteps(Steps s, Linux linux) {
        this.s = s;
        this.p = s.p;
        this.linux = linux;
    }

    static long flag(NamespaceType type) {
        return switch (type) {
            case PID -> CLONE_NEWPID;
            case NETWORK -> CLONE_NEWNET;
            case MOUNT -> CLONE_NEWNS;
            case IPC -> CLONE_NEWIPC;
            case UTS -> CLONE_NEWUTS;
            case USER -> CLONE_NEWUSER;
            case CGROUP -> CLONE_NEWCGROUP;
            case TIME -> CLONE_NEWTIME;
        };
    }

    boolean isNew(NamespaceType type) {
        Linux.Namespace ns = linux.namespace(type);
        return ns != null && ns.path() == null;
    }

    boolean isJoined(NamespaceType type) {
        Linux.Namespace ns = linux.namespace(type);
        return ns != null && ns.path() != null;
    }

    /** Whether the container lives in another user namespace than this host's daemon. */
    boolean hasUser() {
        return linux.hasNamespace(NamespaceType.USER);
    }

    /**
     * Opens all namespaces that are joined, before anything changes what their paths mean; {@link #join} then enters them.
     *
     * @return slots in {@link #JOIN_ORDER}
     */
    List<Arg.Slot> openJoined() {
        List<Arg.Slot> fds = new ArrayList<>();
        for (NamespaceType type : JOIN_ORDER) {
            Linux.Namespace ns = linux.namespace(type);
            if (ns != null && ns.path() != null) {
                Arg.Slot fd = p.slot();
                p.callInto(
                        fd,
                        "open " + type.wire() + " namespace " + ns.path(),
                        Sys.OPENAT,
                        c(AT_FDCWD),
                        p.string(ns.path()),
                        c(O_RDONLY | O_CLOEXEC));
                fds.add(fd);
            }
        }
        return fds;
    }

    /** The one of {@code fds} that is for a joined type. */
    Arg.Slot joinedSlot(List<Arg.Slot> fds, NamespaceType wanted) {
        int i = 0;
        for (NamespaceType type : JOIN_ORDER) {
            if (type == wanted) {
                return fds.get(i);
            }
            if (isJoined(type)) {
                i++;
            }
        }
        throw new IllegalArgumentException(wanted + " is not joined");
    }

    /**
     * Enters them; the kernel refuses a file that is not of the type. Whether one belongs to the user namespace that is joined, which gives the
     * right to it, or to the namespace that this process comes from, as networks do that a CNI made for a pod, only the kernel knows: with
     * a user namespace the others are tried before it, and those that were refused again after it.
     */
    void join(List<Arg.Slot> fds) {
        if (!isJoined(NamespaceType.USER)) {
            for (NamespaceType type : JOIN_ORDER) {
                if (isEntered(type)) {
                    enter(type, fds);
                }
            }
            return;
        }
        Map<NamespaceType, Arg.Slot> tried = new EnumMap<>(NamespaceType.class);
        for (NamespaceType type : JOIN_ORDER) {
            if (isEntered(type) && type != NamespaceType.USER) {
                Arg.Slot result = p.slot();
                tried.put(type, result);
                p.attemptInto(result, Sys.SETNS, joinedSlot(fds, type), c(flag(type)));
            }
        }
        enter(NamespaceType.USER, fds);
        for (NamespaceType type : JOIN_ORDER) {
            Arg.Slot result = tried.get(type);
            if (result != null) {
                PlanBuilder.Label done = new PlanBuilder.Label();
                s.jumpIfDone(result, done);
                enter(type, fds);
                p.place(done);
            }
        }
    }

    /** Joined here, and not by the child. */
    private boolean isEntered(NamespaceType type) {
        return isJoined(type) && type != NamespaceType.CGROUP;
    }

    private void enter(NamespaceType type, List<Arg.Slot> fds) {
        Linux.Namespace ns = java.util.Objects.requireNonNull(linux.namespace(type));
        p.call("join " + type.wire() + " namespace " + ns.path(), Sys.SETNS, joinedSlot(fds, type), c(flag(type)));
    }

    /**
     * For the child, which is in its group by now: enters the cgroup namespace that is joined. A launcher inside could not make a process
     * in a group that is outside of it (cgroup2 mounted with nsdelegate).
     */
    void joinCgroup(List<Arg.Slot> fds) {
        Linux.Namespace ns = linux.namespace(NamespaceType.CGROUP);
        if (ns != null && ns.path() != null) {
            p.call(
                    "join cgroup namespace " + ns.path(),
                    Sys.SETNS,
                    joinedSlot(fds, NamespaceType.CGROUP),
                    c(CLONE_NEWCGROUP));
        }
    }

    /**
     * Flags for the clone3 that makes init: all new namespaces that can be made at birth.
     *
     * @param made those that the launcher is in already
     */
    long cloneFlags(int made) {
        long flags = 0;
        for (NamespaceType type : List.of(
                NamespaceType.USER, NamespaceType.PID, NamespaceType.NETWORK, NamespaceType.IPC, NamespaceType.UTS)) {
            if (isNew(type)) {
                flags |= flag(type);
            }
        }
        return flags & ~made;
    }

    /** They speak by the network namespace of whoever mounts them, which for a rootfs is the host's. */
    private static final Set<String> NETWORK_FILE_SYSTEMS =
            Set.of("nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "afs", "glusterfs");

    /** {@link InitPlan#namespacesAhead}. */
    static int ahead(Linux linux, List<RootfsMount> rootfs, boolean byUser) {
        // Of a user namespace they would not be; and what is to move into the network namespace is looked up in the
        // host's.
        if (linux.hasNamespace(NamespaceType.USER)
                || byUser
                || !linux.netDevices().isEmpty()
                || rootfs.stream().anyMatch(m -> NETWORK_FILE_SYSTEMS.contains(m.type()))) {
            return 0;
        }
        long flags = 0;
        for (NamespaceType type : List.of(NamespaceType.NETWORK, NamespaceType.IPC, NamespaceType.UTS)) {
            Linux.Namespace ns = linux.namespace(type);
            if (ns != null && ns.path() == null) {
                flags |= flag(type);
            }
        }
        // The others take no time that would be worth it.
        return (flags & CLONE_NEWNET) == 0 ? 0 : (int) flags;
    }

    /** A new time namespace is made for children and set before the first one is in it. */
    void newTime() {
        if (!isNew(NamespaceType.TIME)) {
            return;
        }
        p.call("create time namespace", Sys.UNSHARE, c(CLONE_NEWTIME));
        Linux.TimeOffsets offsets = linux.timeOffsets();
        if (offsets == null) {
            return;
        }
        StringBuilder text = new StringBuilder();
        if (offsets.monotonic() != null) {
            text.append("monotonic ")
                    .append(offsets.monotonic().secs())
                    .append(' ')
                    .append(offsets.monotonic().nanosecs())
                    .append('\n');
        }
        if (offsets.boottime() != null) {
            text.append("boottime ")
                    .append(offsets.boottime().secs())
                    .append(' ')
                    .append(offsets.boottime().nanosecs())
                    .append('\n');
        }
        s.writeFile("write time offsets", c(AT_FDCWD), p.string("/proc/self/timens_offsets"), text.toString());
    }
}
