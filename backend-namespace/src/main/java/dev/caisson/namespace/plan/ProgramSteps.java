package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.backend.Handover;
import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.ProcessSpec;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The user's program: how it is found, which environment it gets, and what is said when it cannot be executed. */
final class ProgramSteps {
    private static final String DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    private static final int GATE_BYTES = 4096;
    private static final int FIRST_FREE_FD = 3;
    /** Where a plan finds them: PLAN_FD_PRESERVED in {@code monitor/src/plan.h}. */
    private static final int PRESERVED_FD = 8;

    private static final int EXPLAIN_SECONDS = 5;

    private final Steps s;
    private final PlanBuilder p;
    private final ProcessSpec process;
    private final Handover handover;
    private final Arg.Slot program;
    private final Arg.Data gate;
    /** The HOME of an environment without one, if the daemon does not name another. */
    private String directory = "/";

    ProgramSteps(Steps s, ProcessSpec process, Handover handover) {
        this.s = s;
        this.p = s.p;
        this.process = process;
        this.handover = handover;
        this.program = p.slot();
        this.gate = p.room(GATE_BYTES);
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

    /**
     * Builds argv and envp; at the time they are built nothing can fail any more but execve.
     *
     * @param filter what the process is under
     */
    void execute(PlanInput.@Nullable SeccompFilter filter) {
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
        explain(result, filter);
    }

    /** Ends the plan with what execve answered, and with what can be said about why. */
    private void explain(Arg.Slot result, PlanInput.@Nullable SeccompFilter filter) {
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
