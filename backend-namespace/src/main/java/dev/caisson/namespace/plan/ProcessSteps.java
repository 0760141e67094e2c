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
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What init and exec'd processes have in common: streams, limits, identity, seccomp, and the user's program. */
final class ProcessSteps {
    private static final String DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    private static final int GATE_BYTES = 4096;
    private static final int FIRST_FREE_FD = 3;
    /** Where a plan finds them: PLAN_FD_PRESERVED in {@code monitor/src/plan.h}. */
    private static final int PRESERVED_FD = 8;

    private static final int EXPLAIN_SECONDS = 5;

    private final Steps s;
    private final PlanBuilder p;
    private final ProcessSpec process;
    private final HostFacts host;
    private final boolean inUserNamespace;
    private final Handover handover;
    private final Arg.Slot program;
    private final Arg.Slot cwdEntered;
    private final Arg.Data gate;
    /** The HOME of an environment without one, if the daemon does not name another. */
    private String directory = "/";
    /** What the process is under when it executes its program. */
    private PlanInput.@Nullable SeccompFilter filter;

    ProcessSteps(Steps s, ProcessSpec process, HostFacts host, boolean inUserNamespace, Handover handover) {
        this.s = s;
        this.p = s.p;
        this.process = process;
        this.host = host;
        this.inUserNamespace = inUserNamespace;
        this.handover = handover;
        this.program = p.slot();
        this.cwdEntered = p.slot();
        this.gate = p.room(GATE_BYTES);
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
        byte[] bytes = filter.program();
        Arg.Data program0 = p.bytes(bytes);
        Arg.Data fprog = p.struct(8, bytes.length / 8, 8, 0);
        p.store(program0, fprog.plus(8), 8);
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

    /** Finds the program as the user that will run it, so that a missing one fails here and not behind the gate. */
    void lookUp() {
        String name = process.args().getFirst();
        Arg.Data stat = p.room(STAT_SIZE);
        Arg.Slot result = p.slot();
        Arg.Slot error = p.slot();
        PlanBuilder.Label found = new PlanBuilder.Label();
        p.set(error, c(-ENOENT));
        boolean isPath = name.contains("/");
        for (String candidate : isPath ? List.of(name) : candidates(name)) {
            PlanBuilder.Label next = new PlanBuilder.Label();
            PlanBuilder.Label file = new PlanBuilder.Label();
            Arg.Data path = p.string(candidate);
            PlanBuilder.Label there = new PlanBuilder.Label();
            p.attemptInto(result, Sys.NEWFSTATAT, c(AT_FDCWD), path, stat, c(0));
            s.jumpIfDone(result, there);
            if (isPath) {
                p.fail("exec: \"" + name + "\": stat " + name, result);
            }
            p.jump(next);
            p.place(there);
            p.load(result, stat.plus(STAT_MODE), 4);
            p.and(result, result, c(S_IFMT));
            p.jumpIfNotEqual(result, c(S_IFDIR), file);
            if (isPath) {
                p.fail("exec: \"" + name + "\": is a directory", c(-EACCES));
            }
            p.jump(next);
            p.place(file);
            p.attemptInto(result, Sys.FACCESSAT2, c(AT_FDCWD), path, c(X_OK), c(AT_EACCESS));
            p.set(program, path);
            s.jumpIfDone(result, found);
            // The call is younger than many a seccomp profile, which then answers so; execve will tell.
            p.jumpIfEqual(result, c(-ENOSYS), found);
            p.jumpIfEqual(result, c(-EPERM), found);
            p.set(error, result);
            p.place(next);
        }
        PlanBuilder.Label denied = new PlanBuilder.Label();
        p.jumpIfNotEqual(error, c(-ENOENT), denied);
        p.fail("exec: \"" + name + "\": executable file not found in $PATH", error);
        p.place(denied);
        p.fail("exec: \"" + name + "\"", error);
        p.place(found);
    }

    private List<String> candidates(String name) {
        List<String> all = new ArrayList<>();
        String path = variables().getOrDefault("PATH", DEFAULT_PATH);
        for (String directory : path.split(":", -1)) {
            // An empty element means the working directory: never searched, since a guest's volume may be one.
            if (directory.startsWith("/")) {
                all.add(directory.endsWith("/") ? directory + name : directory + "/" + name);
            }
        }
        return all;
    }

    /** The environment without repetitions; the last value of a name wins. */
    private Map<String, String> variables() {
        Map<String, String> all = new LinkedHashMap<>();
        for (String entry : process.env()) {
            int eq = entry.indexOf('=');
            if (eq > 0) {
                all.put(entry.substring(0, eq), entry.substring(eq + 1));
            }
        }
        return all;
    }

    /** Whether HOME has to be looked up in the container's user database. */
    boolean needsHome() {
        return !variables().containsKey("HOME");
    }

    /** Opens /etc/passwd for the daemon to read; a negative result just means that there is none. */
    Arg.Slot openPasswd() {
        Arg.Slot fd = p.slot();
        s.tryOpenInRoot(fd, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
        return fd;
    }

    /**
     * Looks whether the user database is the one that {@code home} was read from; without a database there is nothing to know. Before the
     * process is restricted: a filter may refuse the call.
     *
     * @return 1 when the daemon has nothing to add
     */
    Arg.Slot compare(Arg.Slot passwd, @Nullable KnownHome home) {
        Arg.Slot known = p.slot();
        PlanBuilder.Label done = new PlanBuilder.Label();
        if (home == null) {
            directory = KnownHome.fallback(process.user().uid());
            p.jumpIfLess(c(-1), passwd, done);
        } else {
            directory = home.directory();
            Arg.Data stat = p.room(STAT_SIZE);
            Arg.Slot field = p.slot();
            p.attemptInto(field, Sys.NEWFSTATAT, passwd, p.string(""), stat, c(AT_EMPTY_PATH));
            p.jumpIfFailed(field, done);
            for (var expected : List.of(
                    Map.entry(STAT_DEV, home.device()),
                    Map.entry(STAT_INO, home.inode()),
                    Map.entry(STAT_CTIME, home.changedSeconds()),
                    Map.entry(STAT_CTIME_NSEC, home.changedNanos()))) {
                p.load(field, stat.plus(expected.getKey()), 8);
                p.jumpIfNotEqual(field, c(expected.getValue()), done);
            }
        }
        p.set(known, c(1));
        p.place(done);
        return known;
    }

    /** @param known {@link #compare}'s answer */
    void waitUnless(Arg.Slot known, int note, Arg value) {
        PlanBuilder.Label go = new PlanBuilder.Label();
        p.jumpIfEqual(known, c(1), go);
        waitForStart(note, value);
        p.place(go);
    }

    /** Says {@code note} and waits; what the daemon writes behind the first byte becomes the HOME entry of the environment. */
    void waitForStart(int note, Arg value) {
        p.note(note, value);
        s.waitAtGate(gate, GATE_BYTES - 1);
    }

    /** Builds argv and envp; at the time they are built nothing can fail any more but execve. */
    void execute() {
        List<String> env = new ArrayList<>();
        variables().forEach((k, v) -> env.add(k + "=" + v));
        Arg.Data argv = p.stringArray(process.args());
        Arg.Data environment;
        if (needsHome()) {
            environment = p.stringArray(append(env, "HOME=" + directory));
            Arg.Slot first = p.slot();
            PlanBuilder.Label none = new PlanBuilder.Label();
            p.load(first, gate.plus(1), 1);
            p.jumpIfEqual(first, c(0), none);
            p.store(gate.plus(1), environment.plus(8 * env.size()), 8);
            p.place(none);
        } else {
            environment = p.stringArray(env);
        }
        // Last: these places are the plan's own until then.
        for (int i = 0; i < handover.preserved(); i++) {
            p.attempt(Sys.DUP2, c(PRESERVED_FD + i), c(FIRST_FREE_FD + i));
        }
        Arg.Slot result = p.slot();
        p.attemptInto(result, Sys.EXECVE, program, argv, environment);
        explain(result);
    }

    /** Ends the plan with what execve answered, and with what can be said about why. */
    private void explain(Arg.Slot result) {
        String what = "exec: \"" + process.args().getFirst() + "\"";
        Set<Sys> refused = filter == null ? Set.of() : filter.refused();
        if (refused.contains(Sys.EXECVE)) {
            p.fail(what + ": the seccomp profile refuses execve", result);
        } else if (refused.isEmpty() && handover.preserved() == 0) { // else they are where notes would go
            PlanBuilder.Label plain = new PlanBuilder.Label();
            PlanBuilder.Label mount = new PlanBuilder.Label();
            Arg.Slot fd = p.slot();
            Arg.Slot flags = p.slot();
            Arg.Data statfs = p.room(STATFS_SIZE);
            p.attemptInto(fd, Sys.OPENAT, c(AT_FDCWD), program, c(O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
            p.jumpIfFailed(fd, plain);
            p.jumpIfNotEqual(result, c(-EACCES), mount);
            p.attemptInto(flags, Sys.FSTATFS, fd, statfs);
            p.jumpIfFailed(flags, plain);
            p.load(flags, statfs.plus(STATFS_FLAGS), 8);
            p.and(flags, flags, c(ST_NOEXEC));
            p.jumpIfEqual(flags, c(0), mount);
            p.fail(what + ": its file system is mounted noexec", result);
            p.place(mount);
            p.note(Notes.UNEXECUTABLE, fd);
            // struct pollfd and struct timespec: whoever does not care what the note says need not open the gate.
            p.attempt(
                    Sys.PPOLL,
                    p.struct(4, PlanBuilder.GATE_FD, 2, POLLIN, 2, 0),
                    c(1),
                    p.struct(8, EXPLAIN_SECONDS, 8, 0),
                    Arg.ZERO,
                    c(8));
            p.place(plain);
        }
        p.fail(what, result);
    }

    private static List<String> append(List<String> list, String last) {
        List<String> all = new ArrayList<>(list);
        all.add(last);
        return all;
    }
}
