package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.Spec;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Plans whose player becomes CRIU, and the one that takes what CRIU has restored for a launch's process. */
public final class CriuPlan {
    /** The streams that a restored process gets: numbers of CRIU's descriptors. */
    public static final List<Integer> STREAMS =
            List.of(PlanBuilder.STDIN_FD, PlanBuilder.STDOUT_FD, PlanBuilder.STDERR_FD);

    /** The first of the descriptors of joined namespaces. */
    public static final int FIRST_NAMESPACE = 10;

    /** Where CRIU says that memory can be asked for. */
    public static final int STATUS = 9;

    private static final int OUT_OF_THE_WAY = 100;

    private final Steps s = new Steps();
    private final PlanBuilder p = s.p;

    private CriuPlan() {
        p.call("become non-dumpable", Sys.PRCTL, c(PR_SET_DUMPABLE), c(0), c(0), c(0), c(0));
    }

    /**
     * @param argv its words; the first is an absolute path
     * @param status a file that is handed on as descriptor {@link #STATUS}; null for none
     */
    public static LaunchPlan dump(List<String> argv, @Nullable String status) {
        CriuPlan plan = new CriuPlan();
        PlanBuilder p = plan.p;
        if (status != null) {
            Arg.Slot fd = p.slot();
            p.callInto(fd, "open " + status, Sys.OPENAT, c(AT_FDCWD), p.string(status), c(O_WRONLY | O_CLOEXEC));
            p.call("hand on " + status, Sys.DUP2, fd, c(STATUS));
        }
        plan.quiet();
        plan.execute(argv);
        return plan.p.build();
    }

    /**
     * What has to be there in a root file system before mounts can be restored.
     *
     * @param path inside
     */
    public record MountPoint(String path, boolean isDirectory) {}

    /**
     * CRIU restores into a mount namespace that it makes a copy of its own for. Its own is made here, so that the root file system can be
     * a mount point, as pivot_root(2) wants it, and the host has no mount more. It says {@link Notes#BORN} with its pid
     * first, and waits at its gate for its cgroups.
     *
     * @param namespaces files of those that it hands on as descriptors, from {@link #FIRST_NAMESPACE} on
     */
    public static LaunchPlan restore(
            List<String> argv, String rootfs, List<MountPoint> mountPoints, List<String> namespaces) {
        CriuPlan plan = new CriuPlan();
        PlanBuilder p = plan.p;
        Arg.Slot pid = p.slot();
        p.callInto(pid, "look at own pid", Sys.GETPID);
        p.note(Notes.BORN, pid);
        plan.s.waitAtGate(p.room(8), 1);
        String what = "make root file system " + rootfs + " a mount point";
        p.call("create mount namespace for CRIU", Sys.UNSHARE, c(CLONE_NEWNS));
        p.call(what, Sys.MOUNT, Arg.ZERO, p.string("/"), Arg.ZERO, c(MS_REC | MS_SLAVE), Arg.ZERO);
        p.call(what, Sys.MOUNT, p.string(rootfs), p.string(rootfs), Arg.ZERO, c(MS_BIND | MS_REC), Arg.ZERO);
        p.callInto(
                plan.s.root,
                "open root file system " + rootfs,
                Sys.OPENAT,
                c(AT_FDCWD),
                p.string(rootfs),
                c(O_PATH | O_DIRECTORY | O_CLOEXEC));
        Arg.Slot target = p.slot();
        for (MountPoint m : mountPoints) {
            plan.s.openTarget(target, m.path(), m.isDirectory());
            p.attempt(Sys.CLOSE, target);
        }
        plan.handOn(namespaces);
        plan.quiet();
        plan.execute(argv);
        return p.build();
    }

    /** Devices that a container which may not make nodes has from the host. */
    public static List<String> hostNodes(Spec spec) {
        return new DeviceSteps(new Steps(), spec, true).paths();
    }

    /** The process is a child of whoever plays this: the launch is of that process. */
    public static LaunchPlan adopt(int pid) {
        CriuPlan plan = new CriuPlan();
        plan.p.note(Notes.PID, c(pid));
        plan.s.exit(0);
        return plan.p.build();
    }

    private void handOn(List<String> namespaces) {
        for (int stream : STREAMS) {
            p.call("hand on streams", Sys.FCNTL, c(stream), c(F_SETFD), c(0));
        }
        List<Arg.Slot> opened = new ArrayList<>();
        for (String path : namespaces) {
            Arg.Slot fd = p.slot();
            p.callInto(fd, "open namespace " + path, Sys.OPENAT, c(AT_FDCWD), p.string(path), c(O_RDONLY | O_CLOEXEC));
            opened.add(fd);
        }
        for (Arg.Slot fd : opened) {
            p.callInto(fd, "hand on namespaces", Sys.FCNTL, fd, c(F_DUPFD_CLOEXEC), c(OUT_OF_THE_WAY));
        }
        for (int i = 0; i < opened.size(); i++) {
            p.call("hand on namespaces", Sys.DUP2, opened.get(i), c(FIRST_NAMESPACE + i));
        }
    }

    /** Its own streams are nobody's: it writes a log. */
    private void quiet() {
        Arg.Slot nowhere = p.slot();
        p.callInto(nowhere, "open /dev/null", Sys.OPENAT, c(AT_FDCWD), p.string("/dev/null"), c(O_RDWR | O_CLOEXEC));
        for (int stream = 0; stream < 3; stream++) {
            p.call("set up CRIU's streams", Sys.DUP2, nowhere, c(stream));
        }
    }

    private void execute(List<String> argv) {
        Arg.Slot result = p.slot();
        p.attemptInto(
                result,
                Sys.EXECVE,
                p.string(argv.getFirst()),
                p.stringArray(argv),
                p.stringArray(List.of("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")));
        p.fail("run " + argv.getFirst(), result);
    }
}
