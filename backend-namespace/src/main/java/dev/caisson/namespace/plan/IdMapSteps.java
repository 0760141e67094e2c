package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.IdMapping;
import dev.caisson.oci.Linux;
import dev.caisson.oci.NamespaceType;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Id mappings of user namespaces: what they make of an id, and who writes them (user_namespaces(7)). */
final class IdMapSteps {
    private final Steps s;
    private final PlanBuilder p;
    private final Linux linux;

    IdMapSteps(Steps s, Linux linux) {
        this.s = s;
        this.p = s.p;
        this.linux = linux;
    }

    /** What the host calls a user of the container; an id without a mapping stays as it is. */
    long hostUid(long uid) {
        return isOfNewNamespace() ? mapped(linux.uidMappings(), uid) : uid;
    }

    /** As {@link #hostUid}, for groups. */
    long hostGid(long gid) {
        return isOfNewNamespace() ? mapped(linux.gidMappings(), gid) : gid;
    }

    private static long mapped(List<IdMapping> mappings, long id) {
        for (IdMapping m : mappings) {
            if (id >= m.containerId() && id - m.containerId() < m.size()) {
                return m.hostId() + id - m.containerId();
            }
        }
        return id;
    }

    private boolean isOfNewNamespace() {
        Linux.Namespace ns = linux.namespace(NamespaceType.USER);
        return ns != null && ns.path() == null;
    }

    /** Writes those of a child in a new user namespace, seen from the parent. */
    void write(Arg.Slot proc, Arg.Slot pid, HostFacts.@Nullable User user) {
        if (!isOfNewNamespace()) {
            return;
        }
        if (user == null) {
            s.writeFile("write gid map of user namespace", proc, p.string("gid_map"), map(linux.gidMappings()));
            s.writeFile("write uid map of user namespace", proc, p.string("uid_map"), map(linux.uidMappings()));
        } else {
            writeByUser(proc, pid, user);
        }
    }

    /** A user may map itself, and that only without setgroups(2); for others there are set-user-id programs (user_namespaces(7)). */
    private void writeByUser(Arg.Slot proc, Arg.Slot pid, HostFacts.User user) {
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
        p.callInto(worker, what, Sys.CLONE3, s.cloneArgs(0, SIGCHLD), c(CLONE_ARGS_SIZE));
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
        p.callInto(pid, what, Sys.CLONE3, s.cloneArgs(CLONE_NEWUSER, SIGCHLD), c(CLONE_ARGS_SIZE));
        p.jumpIfNotEqual(pid, c(0), parent);
        p.attempt(Sys.PRCTL, c(PR_SET_PDEATHSIG), c(SIGKILL), c(0), c(0), c(0));
        p.place(asleep);
        p.attempt(Sys.PAUSE);
        p.jump(asleep);
        p.place(parent);
        Arg.Slot proc = s.openProc(procfs, pid);
        s.writeFile(what + ": write gid map", proc, p.string("gid_map"), map(gids));
        s.writeFile(what + ": write uid map", proc, p.string("uid_map"), map(uids));
        p.callInto(fd, what, Sys.OPENAT, proc, p.string("ns/user"), c(O_RDONLY | O_CLOEXEC));
        p.attempt(Sys.CLOSE, proc);
        p.call(what, Sys.KILL, pid, c(SIGKILL));
        p.call(what, Sys.WAIT4, pid, Arg.ZERO, c(0), Arg.ZERO);
        return fd;
    }
}
