package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.Spec;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Plans whose player becomes CRIU, and the one that takes what CRIU has restored for a launch's process. */
public final class CriuPlan {
    /** The streams that a restored process gets: numbers of CRIU's descriptors. */
    public static final List<Integer> STREAMS =
            List.of(PlanBuilder.STDIN_FD, PlanBuilder.STDOUT_FD, PlanBuilder.STDERR_FD);

    /** CRIU's end of the socket on which it is asked (criu.org/RPC), and the directories that the request names by number. */
    public static final int SERVICE = 9;

    public static final int IMAGES = 10;
    public static final int WORK = 11;

    /** Where CRIU says that memory can be asked for. */
    public static final int STATUS = 12;

    /** The first of the descriptors of joined namespaces. */
    public static final int FIRST_NAMESPACE = 13;

    private static final int OUT_OF_THE_WAY = 100;

    private final Steps s = new Steps();
    private final PlanBuilder p = s.p;
    private final Map<Integer, Arg.Slot> handed = new TreeMap<>();

    private CriuPlan() {
        p.call("become non-dumpable", Sys.PRCTL, c(PR_SET_DUMPABLE), c(0), c(0), c(0), c(0));
    }

    /**
     * Says {@link Notes#BORN} with its pid and {@link Notes#SERVICE}, and waits at its gate until the other end of that socket is taken.
     *
     * @param program CRIU's absolute path
     * @param images directory of the image
     * @param work directory for its log
     * @param status a file that is handed on as descriptor {@link #STATUS}; null for none
     */
    public static LaunchPlan dump(String program, String images, String work, @Nullable String status) {
        CriuPlan plan = new CriuPlan();
        plan.service();
        plan.directories(images, work);
        if (status != null) {
            plan.open(STATUS, "status file " + status, status, O_WRONLY);
        }
        plan.handOn();
        plan.quiet();
        plan.execute(program);
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
     * a mount point, as pivot_root(2) wants it, and the host has no mount more. It says {@link Notes#BORN} with its pid and {@link
     * Notes#SERVICE} first, and waits at its gate for its cgroups and until the other end of that socket is taken.
     *
     * @param program CRIU's absolute path
     * @param images directory of the image
     * @param work directory for its log
     * @param namespaces files of those that it hands on as descriptors, from {@link #FIRST_NAMESPACE} on
     */
    public static LaunchPlan restore(
            String program,
            String images,
            String work,
            String rootfs,
            List<MountPoint> mountPoints,
            List<String> namespaces) {
        CriuPlan plan = new CriuPlan();
        PlanBuilder p = plan.p;
        plan.service();
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
        for (int stream : STREAMS) {
            p.call("hand on streams", Sys.FCNTL, c(stream), c(F_SETFD), c(0));
        }
        plan.directories(images, work);
        for (int i = 0; i < namespaces.size(); i++) {
            plan.open(FIRST_NAMESPACE + i, "namespace " + namespaces.get(i), namespaces.get(i), O_RDONLY);
        }
        plan.handOn();
        plan.quiet();
        plan.execute(program);
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

    /**
     * As {@link #adopt(int)} for a process with a terminal, whose master another process has. It says {@link
     * Notes#PLAYERS_CONSOLE} before {@link Notes#PID}, and waits at its gate until that is taken.
     *
     * @param holder pid of the process that has the master
     * @param master its number there
     */
    public static LaunchPlan adopt(int pid, int holder, int master) {
        CriuPlan plan = new CriuPlan();
        PlanBuilder p = plan.p;
        Arg.Slot pidfd = p.slot();
        Arg.Slot console = p.slot();
        p.callInto(pidfd, "open the daemon's process", Sys.PIDFD_OPEN, c(holder), c(0));
        p.callInto(console, "take the terminal's master from the daemon", Sys.PIDFD_GETFD, pidfd, c(master), c(0));
        Arg.Data both = p.room(8);
        Arg.Slot self = p.slot();
        p.callInto(self, "look at own pid", Sys.GETPID);
        p.store(console, both, 4);
        p.store(self, both.plus(4), 4);
        p.load(console, both, 8);
        p.note(Notes.PLAYERS_CONSOLE, console);
        p.note(Notes.PID, c(pid));
        plan.s.waitAtGate(p.room(8), 1);
        plan.s.exit(0);
        return p.build();
    }

    private void service() {
        Arg.Data pair = p.room(8);
        Arg.Slot daemons = p.slot();
        Arg.Slot criu = p.slot();
        p.call("make a socket for CRIU", Sys.SOCKETPAIR, c(AF_UNIX), c(SOCK_SEQPACKET | SOCK_CLOEXEC), c(0), pair);
        p.load(daemons, pair, 4);
        p.load(criu, pair.plus(4), 4);
        handed.put(SERVICE, criu);
        Arg.Slot pid = p.slot();
        p.callInto(pid, "look at own pid", Sys.GETPID);
        p.note(Notes.BORN, pid);
        p.note(Notes.SERVICE, daemons);
        s.waitAtGate(p.room(8), 1);
    }

    private void directories(String images, String work) {
        open(IMAGES, "image directory " + images, images, O_RDONLY | O_DIRECTORY);
        open(WORK, "work directory " + work, work, O_RDONLY | O_DIRECTORY);
    }

    private void open(int number, String what, String path, int flags) {
        Arg.Slot fd = p.slot();
        p.callInto(fd, "open " + what, Sys.OPENAT, c(AT_FDCWD), p.string(path), c(flags | O_CLOEXEC));
        handed.put(number, fd);
    }

    /** All that was opened gets its number, and stays open. */
    private void handOn() {
        handed.forEach((number, fd) ->
                p.callInto(fd, "hand on descriptor " + number, Sys.FCNTL, fd, c(F_DUPFD_CLOEXEC), c(OUT_OF_THE_WAY)));
        handed.forEach((number, fd) -> p.call("hand on descriptor " + number, Sys.DUP2, fd, c(number)));
    }

    /** Its own streams are nobody's: it writes a log. */
    private void quiet() {
        Arg.Slot nowhere = p.slot();
        p.callInto(nowhere, "open /dev/null", Sys.OPENAT, c(AT_FDCWD), p.string("/dev/null"), c(O_RDWR | O_CLOEXEC));
        for (int stream = 0; stream < 3; stream++) {
            p.call("set up CRIU's streams", Sys.DUP2, nowhere, c(stream));
        }
    }

    private void execute(String program) {
        Arg.Slot result = p.slot();
        p.attemptInto(
                result,
                Sys.EXECVE,
                p.string(program),
                p.stringArray(List.of(program, "swrk", Integer.toString(SERVICE))),
                p.stringArray(List.of("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")));
        p.fail("run " + program, result);
    }
}
