package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.backend.RootfsMount;
import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.IdMapping;
import dev.caisson.oci.Linux;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Spec;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Namespaces: joining, making, and what the parent side does for the child (id maps, cgroups, oom score). */
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
    private final @Nullable ProcessSpec process;
    private final @Nullable String hostname;
    private final @Nullable String domainname;
    private final Linux linux;

    NamespaceSteps(Steps s, Spec spec) {
        this.s = s;
        this.p = s.p;
        this.process = spec.process();
        this.hostname = spec.hostname();
        this.domainname = spec.domainname();
        this.linux = spec.linux();
    }

    /** For a process that joins: only what the Linux section says is known. */
    NamespaceSteps(Steps s, Linux linux) {
        this.s = s;
        this.p = s.p;
        this.process = null;
        this.hostname = null;
        this.domainname = null;
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

    /** What the host calls a user of the container; an id without a mapping stays as it is. */
    long hostUid(long uid) {
        return isNew(NamespaceType.USER) ? mapped(linux.uidMappings(), uid) : uid;
    }

    /** As {@link #hostUid}, for groups. */
    long hostGid(long gid) {
        return isNew(NamespaceType.USER) ? mapped(linux.gidMappings(), gid) : gid;
    }

    private static long mapped(List<IdMapping> mappings, long id) {
        for (IdMapping m : mappings) {
            if (id >= m.containerId() && id - m.containerId() < m.size()) {
                return m.hostId() + id - m.containerId();
            }
        }
        return id;
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
     * For a launcher that is about to enter a user namespace whose root was given the group: moves itself, and the process that it makes
     * is born where it is. Inside, it has no right to a group of another user any more (CLONE_INTO_CGROUP: EACCES). Not done always,
     * since the kernel takes a lock on all processes of the machine for it.
     */
    void moveToUnified(PlanInput.CgroupJoin cgroups) {
        String unified = cgroups.unifiedDirectory();
        if (unified == null) {
            return;
        }
        Arg.Data zero = p.string("0");
        Arg.Slot procs = p.slot();
        Arg.Slot moved = p.slot();
        PlanBuilder.Label done = new PlanBuilder.Label();
        PlanBuilder.Label divided = new PlanBuilder.Label();
        String fallback = cgroups.unifiedFallback();
        openProcs(procs, unified);
        if (fallback == null) {
            p.call("join cgroup " + unified, Sys.WRITE, procs, zero, c(1));
        } else {
            p.attemptInto(moved, Sys.WRITE, procs, zero, c(1));
            s.jumpIfDone(moved, done);
            p.jumpIfEqual(moved, c(-EBUSY), divided);
            p.fail("join cgroup " + unified, moved);
            p.place(divided);
            p.attempt(Sys.CLOSE, procs);
            openProcs(procs, fallback);
            p.call("join cgroup " + fallback, Sys.WRITE, procs, zero, c(1));
        }
        p.place(done);
        p.attempt(Sys.CLOSE, procs);
    }

    private void openProcs(Arg.Slot fd, String group) {
        String file = group + "/cgroup.procs";
        p.callInto(fd, "open " + file, Sys.OPENAT, c(AT_FDCWD), p.string(file), c(O_WRONLY | O_CLOEXEC));
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

    /** Opens, as O_PATH, the directory of a process in the /proc that {@code procfs} is. */
    Arg.Slot openProc(Arg.Slot procfs, Arg.Slot pid) {
        Arg.Data name = p.room(24);
        Arg.Slot length = p.slot();
        Arg.Slot dir = p.slot();
        p.decimal(length, pid, name);
        p.callInto(dir, "open /proc/<pid of init>", Sys.OPENAT, procfs, name, c(O_PATH | O_DIRECTORY | O_CLOEXEC));
        return dir;
    }

    /** Before this process enters a user namespace, where it has no right to lower it any more: its child inherits it. */
    void oomScoreBeforeJoining(HostFacts.@Nullable User user) {
        if (isJoined(NamespaceType.USER)) {
            oomScore(c(AT_FDCWD), "/proc/self/oom_score_adj", user);
        }
    }

    private void oomScore(Arg dir, String file, HostFacts.@Nullable User user) {
        if (process == null || process.oomScoreAdj() == null) {
            return;
        }
        String value = Integer.toString(process.oomScoreAdj());
        if (user == null) {
            s.writeFile("set oom_score_adj to " + value, dir, p.string(file), value);
        } else {
            s.tryWriteFile(dir, p.string(file), value); // a user may not lower it
        }
    }

    /** Writes id maps and the oom score of the child, seen from the parent. */
    void describeChild(Arg.Slot proc, Arg.Slot pid, HostFacts.@Nullable User user) {
        if (isNew(NamespaceType.USER)) {
            if (user == null) {
                s.writeFile("write gid map of user namespace", proc, p.string("gid_map"), map(linux.gidMappings()));
                s.writeFile("write uid map of user namespace", proc, p.string("uid_map"), map(linux.uidMappings()));
            } else {
                mapForUser(proc, pid, user);
            }
        }
        if (!isJoined(NamespaceType.USER)) {
            oomScore(proc, "oom_score_adj", user);
        }
    }

    /** A user may map itself, and that only without setgroups(2); for others there are set-user-id programs (user_namespaces(7)). */
    private void mapForUser(Arg.Slot proc, Arg.Slot pid, HostFacts.User user) {
        if (isOnly(linux.gidMappings(), user.gid())) {
            s.writeFile("deny setgroups in user namespace", proc, p.string("setgroups"), "deny");
            s.writeFile("write gid map of user namespace", proc, p.string("gid_map"), map(linux.gidMappings()));
        } else {
            runIdMap("gid", HostFacts.NEWGIDMAP, pid, linux.gidMappings());
        }
        if (isOnly(linux.uidMappings(), user.uid())) {
            s.writeFile("write uid map of user namespace", proc, p.string("uid_map"), map(linux.uidMappings()));
        } else {
            runIdMap("uid", HostFacts.NEWUIDMAP, pid, linux.uidMappings());
        }
    }

    /** Whether it is the one mapping that needs nobody's permission. */
    static boolean isOnly(List<IdMapping> mappings, long id) {
        return mappings.size() == 1
                && mappings.getFirst().size() == 1
                && mappings.getFirst().hostId() == id;
    }

    private void runIdMap(String kind, String program, Arg.Slot pid, List<IdMapping> mappings) {
        String what = "write " + kind + " map of user namespace with " + program;
        List<String> args = new ArrayList<>(List.of(program, ""));
        for (IdMapping m : mappings) {
            args.add(Long.toString(m.containerId()));
            args.add(Long.toString(m.hostId()));
            args.add(Long.toString(m.size()));
        }
        Arg.Data argv = p.stringArray(args);
        Arg.Data name = p.room(24);
        Arg.Data status = p.room(8);
        Arg.Slot length = p.slot();
        Arg.Slot worker = p.slot();
        Arg.Slot result = p.slot();
        PlanBuilder.Label parent = new PlanBuilder.Label();
        PlanBuilder.Label done = new PlanBuilder.Label();
        p.decimal(length, pid, name);
        p.store(name, argv.plus(8), 8);
        p.callInto(worker, what, Sys.CLONE3, cloneArgs(0, SIGCHLD), c(CLONE_ARGS_SIZE));
        p.jumpIfNotEqual(worker, c(0), parent);
        p.callInto(result, what, Sys.EXECVE, p.string(program), argv, p.stringArray(List.of()));
        p.place(parent);
        p.call(what, Sys.WAIT4, worker, status, c(0), Arg.ZERO);
        p.load(result, status, 4);
        p.jumpIfEqual(result, c(0), done);
        p.fail(what + ", which wants the range in /etc/sub" + kind, c(-EPERM));
        p.place(done);
    }

    private static String map(List<IdMapping> mappings) {
        StringBuilder text = new StringBuilder();
        for (IdMapping m : mappings) {
            text.append(m.containerId())
                    .append(' ')
                    .append(m.hostId())
                    .append(' ')
                    .append(m.size())
                    .append('\n');
        }
        return text.toString();
    }

    /** Opens the tasks files while their paths are what they are on the host. */
    List<Arg.Slot> openCgroups(PlanInput.CgroupJoin cgroups) {
        List<Arg.Slot> fds = new ArrayList<>();
        for (String file : cgroups.taskFiles()) {
            Arg.Slot fd = p.slot();
            p.callInto(fd, "open " + file, Sys.OPENAT, c(AT_FDCWD), p.string(file), c(O_WRONLY | O_CLOEXEC));
            fds.add(fd);
        }
        return fds;
    }

    /** Moves the process that plays this into the cgroups. */
    void enterCgroups(PlanInput.CgroupJoin cgroups, List<Arg.Slot> fds) {
        for (int i = 0; i < fds.size(); i++) {
            p.call("join cgroup " + cgroups.taskFiles().get(i), Sys.WRITE, fds.get(i), p.string("0"), c(1));
        }
    }

    /**
     * A user namespace with these mappings, made for nothing but its descriptor: a process is born in it, waits until it is
     * described, and ends.
     */
    Arg.Slot userNamespace(Arg.Slot procfs, List<IdMapping> uids, List<IdMapping> gids) {
        String what = "make user namespace for id-mapped mount";
        Arg.Slot pid = p.slot();
        Arg.Slot fd = p.slot();
        PlanBuilder.Label parent = new PlanBuilder.Label();
        PlanBuilder.Label asleep = new PlanBuilder.Label();
        p.callInto(pid, what, Sys.CLONE3, cloneArgs(CLONE_NEWUSER, SIGCHLD), c(CLONE_ARGS_SIZE));
        p.jumpIfNotEqual(pid, c(0), parent);
        p.attempt(Sys.PRCTL, c(PR_SET_PDEATHSIG), c(SIGKILL), c(0), c(0), c(0));
        p.place(asleep);
        p.attempt(Sys.PAUSE);
        p.jump(asleep);
        p.place(parent);
        Arg.Slot proc = openProc(procfs, pid);
        s.writeFile(what + ": write gid map", proc, p.string("gid_map"), map(gids));
        s.writeFile(what + ": write uid map", proc, p.string("uid_map"), map(uids));
        p.callInto(fd, what, Sys.OPENAT, proc, p.string("ns/user"), c(O_RDONLY | O_CLOEXEC));
        p.attempt(Sys.CLOSE, proc);
        p.call(what, Sys.KILL, pid, c(SIGKILL));
        p.call(what, Sys.WAIT4, pid, Arg.ZERO, c(0), Arg.ZERO);
        return fd;
    }

    /** struct clone_args; {@code cgroup} is stored into it when the plan runs. */
    Arg.Data cloneArgs(long flags, long exitSignal) {
        return p.struct(8, flags, 8, 0, 8, 0, 8, 0, 8, exitSignal, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0);
    }

    /** Brings lo up in a new network namespace (netdevice(7)). */
    void loopback() {
        if (!isNew(NamespaceType.NETWORK)) {
            return;
        }
        byte[] ifreq = new byte[40];
        ifreq[0] = 'l';
        ifreq[1] = 'o';
        ifreq[16] = IFF_UP | IFF_RUNNING;
        Arg.Slot fd = p.slot();
        p.callInto(
                fd, "open socket in new network namespace", Sys.SOCKET, c(AF_INET), c(SOCK_DGRAM | SOCK_CLOEXEC), c(0));
        p.call("bring lo up", Sys.IOCTL, fd, c(SIOCSIFFLAGS), p.bytes(ifreq));
        p.attempt(Sys.CLOSE, fd);
    }

    void names() {
        if (hostname != null && !hostname.isEmpty()) {
            String name = hostname;
            p.call("set hostname to " + name, Sys.SETHOSTNAME, p.string(name), c(utf8(name)));
        }
        if (domainname != null && !domainname.isEmpty()) {
            String name = domainname;
            p.call("set domainname to " + name, Sys.SETDOMAINNAME, p.string(name), c(utf8(name)));
        }
    }

    /**
     * Sysctls, through the host's /proc opened before the rootfs was entered: a /proc that the image brought along cannot divert
     * them (CVE-2019-16884, CVE-2025-52881). The kernel resolves net, ipc and uts entries by the writer's namespaces.
     */
    void sysctls(Arg.Slot procfs) {
        Arg.Slot fd = p.slot();
        linux.sysctl().forEach((name, value) -> {
            String path = "sys/" + (name.contains("/") ? name : name.replace('.', '/'));
            p.callInto(
                    fd,
                    "open sysctl " + name,
                    Sys.OPENAT2,
                    procfs,
                    p.string(path),
                    s.how(O_WRONLY | O_CLOEXEC, RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS),
                    c(24));
            p.call("set sysctl " + name + " to " + value, Sys.WRITE, fd, p.string(value), c(utf8(value)));
            p.attempt(Sys.CLOSE, fd);
        });
    }

    private static int utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }
}
