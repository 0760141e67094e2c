package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.backend.Handover;
import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.IoPriorityClass;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.RlimitType;
import dev.caisson.oci.SchedulerFlag;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What init and exec'd processes have in common: streams, limits, identity, seccomp, and {@linkplain ProgramSteps the user's program}. */
final class ProcessSteps {
    private final Steps s;
    private final PlanBuilder p;
    private final ProcessSpec process;
    private final HostFacts host;
    private final boolean inUserNamespace;
    private final Handover handover;
    private final ProgramSteps program;
    private final Arg.Slot cwdEntered;
    /** What the process is under when it executes its program. */
    private PlanInput.@Nullable SeccompFilter filter;

    ProcessSteps(Steps s, ProcessSpec process, HostFacts host, boolean inUserNamespace, Handover handover) {
        this.s = s;
        this.p = s.p;
        this.process = process;
        this.host = host;
        this.inUserNamespace = inUserNamespace;
        this.handover = handover;
        this.program = new ProgramSteps(s, process, handover);
        this.cwdEntered = p.slot();
    }

    /**
     * For the launcher, with the host's rights: gives streams that are fifos or pipes to their user, so that it can open
     * /dev/stdout again; other files keep their owner.
     *
     * @param uid as the host counts
     */
    void ownStreams(long uid, long gid) {
        if (uid == 0 && gid == 0) {
            return;
        }
        Arg.Data stat = p.room(STAT_SIZE);
        Arg.Slot mode = p.slot();
        for (int fd = PlanBuilder.STDIN_FD; fd <= PlanBuilder.STDERR_FD; fd++) {
            PlanBuilder.Label keep = new PlanBuilder.Label();
            p.attempt(Sys.NEWFSTATAT, c(fd), p.string(""), stat, c(AT_EMPTY_PATH));
            p.load(mode, stat.plus(STAT_MODE), 4);
            p.and(mode, mode, c(S_IFMT));
            p.jumpIfNotEqual(mode, c(S_IFIFO), keep);
            p.attempt(Sys.FCHOWN, c(fd), c(uid), c(gid));
            p.place(keep);
        }
    }

    /** In the container: puts the streams where the program expects them. */
    void streams() {
        for (int fd = 0; fd < 3; fd++) {
            p.call("set up standard stream " + fd, Sys.DUP2, c(PlanBuilder.STDIN_FD + fd), c(fd));
        }
        reopenNull();
    }

    /**
     * Streams that are the host's /dev/null become the container's own node, whose mode and owner its root may change
     * without harm (runc's reOpenDevNull). Where the container has no null device at /dev/null, or may not open it, they stay.
     */
    private void reopenNull() {
        Arg.Data stat = p.room(STAT_SIZE);
        Arg.Slot own = p.slot();
        Arg.Slot stream = p.slot();
        PlanBuilder.Label next = new PlanBuilder.Label();
        PlanBuilder.Label open = new PlanBuilder.Label();
        PlanBuilder.Label replace = new PlanBuilder.Label();
        PlanBuilder.Label done = new PlanBuilder.Label();
        p.set(own, c(-1));
        p.set(stream, c(-1));
        p.place(next);
        p.add(stream, stream, c(1));
        p.jumpIfLess(c(2), stream, done);
        unlessNull(stream, stat, next);
        p.jumpIfLess(own, c(0), open);
        p.jump(replace);
        p.place(open);
        s.tryOpenInRoot(own, "/dev/null", O_RDWR | O_NOCTTY, 0);
        p.jumpIfFailed(own, done);
        unlessNull(own, stat, done);
        p.place(replace);
        p.call("set up standard streams on container's /dev/null", Sys.DUP2, own, stream);
        p.jump(next);
        p.place(done);
    }

    /** Goes on at {@code label} unless the descriptor is the character device 1:3. */
    private void unlessNull(Arg.Slot fd, Arg.Data stat, PlanBuilder.Label label) {
        Arg.Slot field = p.slot();
        p.attempt(Sys.NEWFSTATAT, fd, p.string(""), stat, c(AT_EMPTY_PATH));
        p.load(field, stat.plus(STAT_MODE), 4);
        p.and(field, field, c(S_IFMT));
        p.jumpIfNotEqual(field, c(S_IFCHR), label);
        p.load(field, stat.plus(STAT_RDEV), 8);
        p.jumpIfNotEqual(field, c(NULL_DEVICE), label);
    }

    /**
     * For the launcher of a container in a user namespace: hard limits that are to be higher than the monitor's are raised while the
     * right to do so is there; the child inherits them, and {@link #limits} sets the final values.
     */
    void raiseLimits() {
        for (ProcessSpec.Rlimit l : process.rlimits()) {
            Arg.Data old = p.room(16);
            Arg.Slot hard = p.slot();
            PlanBuilder.Label enough = new PlanBuilder.Label();
            String what = "raise hard limit " + l.type().wire() + " to " + l.hard();
            p.call(what, Sys.PRLIMIT64, c(0), c(number(l.type())), Arg.ZERO, old);
            p.load(hard, old.plus(8), 8);
            p.jumpIfEqual(hard, c(-1), enough); // RLIM_INFINITY
            if (l.hard() != -1) {
                p.jumpIfLess(c(l.hard()), hard, enough);
            }
            p.store(c(l.hard()), old.plus(8), 8);
            p.call(what, Sys.PRLIMIT64, c(0), c(number(l.type())), old, Arg.ZERO);
            p.place(enough);
        }
    }

    /** CPU affinity (sched_setaffinity(2)) of the process that plays this; an empty list changes nothing. */
    void affinity(@Nullable String cpus) {
        if (cpus == null || cpus.isEmpty()) {
            return;
        }
        byte[] mask = BitList.mask(cpus);
        p.call("set cpu affinity to " + cpus, Sys.SCHED_SETAFFINITY, c(0), c(mask.length), p.bytes(mask));
    }

    /**
     * Makes the terminal in the container's own devpts and tells the monitor, which copies its bytes. The slave is got from the
     * master by descriptor, and bound to /dev/console by descriptor (CVE-2025-52565).
     */
    void terminal(boolean bindConsole) {
        Arg.Slot master = p.slot();
        Arg.Slot slave = p.slot();
        s.openInRoot(master, "open /dev/pts/ptmx for terminal", "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0);
        p.call("unlock terminal", Sys.IOCTL, master, c(TIOCSPTLCK), p.struct(4, 0));
        p.callInto(slave, "open terminal", Sys.IOCTL, master, c(TIOCGPTPEER), c(O_RDWR | O_NOCTTY | O_CLOEXEC));
        ProcessSpec.ConsoleSize size = process.consoleSize();
        if (size != null) {
            p.attempt(Sys.IOCTL, master, c(TIOCSWINSZ), p.struct(2, size.height(), 2, size.width(), 2, 0, 2, 0));
        }
        if (process.user().uid() != 0) {
            p.attempt(Sys.FCHOWN, slave, c(process.user().uid()), c(-1));
        }
        if (bindConsole) {
            Arg.Slot tree = p.slot();
            Arg.Slot target = p.slot();
            p.callInto(
                    tree,
                    "bind terminal to /dev/console",
                    Sys.OPEN_TREE,
                    slave,
                    p.string(""),
                    c(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
            s.openTarget(target, "/dev/console", false);
            s.moveMount("bind terminal to /dev/console", tree, target);
        }
        p.call("make terminal the controlling one", Sys.IOCTL, slave, c(TIOCSCTTY), c(0));
        for (int fd = 0; fd < 3; fd++) {
            p.call("set up standard stream " + fd, Sys.DUP2, slave, c(fd));
        }
        // A caller that reads its pipes to their end must not wait for start, before which nothing is executed.
        for (int fd = PlanBuilder.STDIN_FD; fd <= PlanBuilder.STDERR_FD; fd++) {
            p.attempt(Sys.CLOSE, c(fd));
        }
        p.note(Notes.CONSOLE, master);
    }

    void limits() {
        for (ProcessSpec.Rlimit l : process.rlimits()) {
            p.call(
                    "set " + l.type().wire() + " to " + l.soft() + ":" + l.hard(),
                    Sys.PRLIMIT64,
                    c(0),
                    c(number(l.type())),
                    p.struct(8, l.soft(), 8, l.hard()),
                    Arg.ZERO);
        }
    }

    /** include/uapi/asm-generic/resource.h. */
    private static int number(RlimitType type) {
        return switch (type) {
            case CPU -> 0;
            case FSIZE -> 1;
            case DATA -> 2;
            case STACK -> 3;
            case CORE -> 4;
            case RSS -> 5;
            case NPROC -> 6;
            case NOFILE -> 7;
            case MEMLOCK -> 8;
            case AS -> 9;
            case LOCKS -> 10;
            case SIGPENDING -> 11;
            case MSGQUEUE -> 12;
            case NICE -> 13;
            case RTPRIO -> 14;
            case RTTIME -> 15;
        };
    }

    void scheduling() {
        ProcessSpec.Scheduler sched = process.scheduler();
        if (sched != null) {
            int policy = switch (sched.policy()) {
                case OTHER -> 0;
                case FIFO -> 1;
                case RR -> 2;
                case BATCH -> 3;
                case ISO -> 4;
                case IDLE -> 5;
                case DEADLINE -> 6;
            };
            long flags = 0;
            for (SchedulerFlag flag : sched.flags()) {
                flags |= switch (flag) {
                    case RESET_ON_FORK -> 1;
                    case RECLAIM -> 2;
                    case DL_OVERRUN -> 4;
                    case KEEP_POLICY -> 8;
                    case KEEP_PARAMS -> 16;
                    case UTIL_CLAMP_MIN -> 32;
                    case UTIL_CLAMP_MAX -> 64;
                };
            }
            // struct sched_attr, version 0 (48 bytes).
            Arg.Data attr = p.struct(
                    4,
                    48,
                    4,
                    policy,
                    8,
                    flags,
                    4,
                    sched.nice(),
                    4,
                    sched.priority(),
                    8,
                    sched.runtime(),
                    8,
                    sched.deadline(),
                    8,
                    sched.period());
            p.call("set scheduler " + sched.policy().wire(), Sys.SCHED_SETATTR, c(0), attr, c(0));
        }
        ProcessSpec.IoPriority io = process.ioPriority();
        if (io != null) {
            int ioClass =
                    io.ioClass() == IoPriorityClass.REALTIME ? 1 : io.ioClass() == IoPriorityClass.BEST_EFFORT ? 2 : 3;
            p.call(
                    "set io priority " + io.ioClass().wire() + " " + io.priority(),
                    Sys.IOPRIO_SET,
                    c(IOPRIO_WHO_PROCESS),
                    c(0),
                    c(ioClass << 13 | io.priority()));
        }
    }

    boolean noNewPrivileges() {
        return Boolean.TRUE.equals(process.noNewPrivileges());
    }

    void setNoNewPrivileges() {
        if (noNewPrivileges()) {
            p.call("set no_new_privs", Sys.PRCTL, c(PR_SET_NO_NEW_PRIVS), c(1), c(0), c(0), c(0));
        }
    }

    /** Labels for the coming execve; the kernel has no other moment for them. */
    void securityLabels(Arg.Slot procSelf) {
        String profile = process.apparmorProfile();
        if (profile != null && !profile.isEmpty() && !profile.equals("unconfined")) {
            s.writeFile(
                    "apply AppArmor profile " + profile, procSelf, p.string("attr/apparmor/exec"), "exec " + profile);
        }
        String label = process.selinuxLabel();
        if (label != null && !label.isEmpty()) {
            s.writeFile("apply SELinux label " + label, procSelf, p.string("attr/exec"), label);
        }
    }

    private String cwd() {
        return process.cwd().isEmpty() ? "/" : process.cwd();
    }

    /**
     * Enters the working directory as root, who may reach what the user may not (a volume's parents); {@link #identity} tries
     * again as the user if that fails (root-squashed NFS). Comes before any filter, which may refuse getcwd.
     */
    void enterCwd() {
        PlanBuilder.Label refused = new PlanBuilder.Label();
        p.attemptInto(cwdEntered, Sys.CHDIR, p.string(cwd()));
        p.jumpIfFailed(cwdEntered, refused);
        verifyCwd(cwd());
        p.place(refused);
    }

    /** User, groups, capabilities: afterwards the process is what the user's program will be. */
    void identity() {
        ProcessSpec.User user = process.user();
        ProcessSpec.Capabilities caps =
                process.capabilities() == null ? ProcessSpec.Capabilities.NONE : process.capabilities();
        long available = inUserNamespace ? (2L << host.lastCapability()) - 1 : host.ownCapabilities();
        long bounding = Capability.mask(caps.bounding(), available);
        long permitted = Capability.mask(caps.permitted(), available);
        long effective = Capability.mask(caps.effective(), permitted);
        long inheritable = Capability.mask(caps.inheritable(), available);
        long ambient = Capability.mask(caps.ambient(), permitted & inheritable);

        for (int cap = 0; cap <= host.lastCapability(); cap++) {
            if ((bounding & 1L << cap) == 0) {
                p.call(
                        "drop capability " + cap + " from the bounding set",
                        Sys.PRCTL,
                        c(PR_CAPBSET_DROP),
                        c(cap),
                        c(0),
                        c(0),
                        c(0));
            }
        }
        p.call("keep capabilities over the change of user", Sys.PRCTL, c(PR_SET_KEEPCAPS), c(1), c(0), c(0), c(0));
        groups(user);
        p.call("set group id " + user.gid(), Sys.SETRESGID, c(user.gid()), c(user.gid()), c(user.gid()));
        p.call("set user id " + user.uid(), Sys.SETRESUID, c(user.uid()), c(user.uid()), c(user.uid()));
        p.call("stop keeping capabilities", Sys.PRCTL, c(PR_SET_KEEPCAPS), c(0), c(0), c(0), c(0));
        if (handover.outlives()) {
            p.call("untie from the launcher's life", Sys.PRCTL, c(PR_SET_PDEATHSIG), c(0), c(0), c(0), c(0));
        } else {
            // The change of user cleared it.
            p.call("tie to the monitor's life", Sys.PRCTL, c(PR_SET_PDEATHSIG), c(SIGKILL), c(0), c(0), c(0));
        }
        PlanBuilder.Label inside = new PlanBuilder.Label();
        s.jumpIfDone(cwdEntered, inside);
        String cwd = cwd();
        p.call("chdir to cwd (\"" + cwd + "\") set in config.json failed", Sys.CHDIR, p.string(cwd));
        verifyCwd(cwd);
        p.place(inside);
        p.call(
                "set capabilities",
                Sys.CAPSET,
                p.struct(4, 0x20080522, 4, 0),
                p.struct(
                        4,
                        effective,
                        4,
                        permitted,
                        4,
                        inheritable,
                        4,
                        effective >>> 32,
                        4,
                        permitted >>> 32,
                        4,
                        inheritable >>> 32));
        p.attempt(Sys.PRCTL, c(PR_CAP_AMBIENT), c(PR_CAP_AMBIENT_CLEAR_ALL), c(0), c(0), c(0));
        for (int cap = 0; cap <= host.lastCapability(); cap++) {
            if ((ambient & 1L << cap) != 0) {
                p.call(
                        "raise ambient capability " + cap,
                        Sys.PRCTL,
                        c(PR_CAP_AMBIENT),
                        c(PR_CAP_AMBIENT_RAISE),
                        c(cap),
                        c(0),
                        c(0));
            }
        }
        p.attempt(Sys.UMASK, c(user.umask() == null ? 022 : user.umask()));
    }

    private void groups(ProcessSpec.User user) {
        List<Long> groups = user.additionalGids();
        long[] fields = new long[2 * groups.size()];
        for (int i = 0; i < groups.size(); i++) {
            fields[2 * i] = 4;
            fields[2 * i + 1] = groups.get(i);
        }
        Arg.Data list = groups.isEmpty() ? p.room(8) : p.struct(fields);
        if (inUserNamespace) {
            // A user namespace with setgroups denied has none to set.
            p.attempt(Sys.SETGROUPS, c(groups.size()), list);
        } else {
            p.call("set additional groups", Sys.SETGROUPS, c(groups.size()), list);
        }
    }

    /** A working directory outside the root would be a way out (CVE-2024-21626): getcwd then starts with "(unreachable)". */
    private void verifyCwd(String cwd) {
        Arg.Data buffer = p.room(4096);
        Arg.Slot first = p.slot();
        PlanBuilder.Label good = new PlanBuilder.Label();
        p.call("verify cwd " + cwd, Sys.GETCWD, buffer, c(4096));
        p.load(first, buffer, 1);
        p.jumpIfEqual(first, c('/'), good);
        p.fail("cwd " + cwd + " is outside of the container", c(-EPERM));
        p.place(good);
    }

    /** Makes the working directory if it is missing, as the container's root. */
    void makeCwd() {
        String cwd = process.cwd();
        if (!cwd.isEmpty() && !cwd.equals("/")) {
            Arg.Slot fd = p.slot();
            s.openTarget(fd, cwd, true);
            p.attempt(Sys.CLOSE, fd);
        }
    }

    /** Loads the filter; with a listener, the daemon fetches its descriptor before the process goes on. */
    void seccomp(PlanInput.@Nullable SeccompFilter filter) {
        this.filter = filter;
        if (filter == null) {
            return;
        }
        Arg.Data fprog = p.filter(filter.program());
        if (!filter.listener()) {
            p.call("load seccomp filter", Sys.SECCOMP, c(SECCOMP_SET_MODE_FILTER), c(filter.flags()), fprog);
            return;
        }
        Arg.Slot listener = p.slot();
        boolean isMute = filter.refused().contains(Sys.WRITE);
        if (isMute) {
            // Nothing can be said until somebody answers, who has to know where: at the lowest number that is free.
            p.callInto(listener, "find a free descriptor", Sys.FCNTL, c(PlanBuilder.GATE_FD), c(F_DUPFD_CLOEXEC), c(0));
            p.call("free it", Sys.CLOSE, listener);
            p.note(Notes.LISTENER, listener);
        }
        p.callInto(
                listener,
                "load seccomp filter with listener",
                Sys.SECCOMP,
                c(SECCOMP_SET_MODE_FILTER),
                c(filter.flags()),
                fprog);
        if (!isMute) {
            p.note(Notes.LISTENER, listener);
        }
    }

    /** The user's program, which is found and executed when all of this is done. */
    ProgramSteps program() {
        return program;
    }

    /** Executes it, under the filter that was loaded. */
    void execute() {
        program.execute(filter);
    }
}
