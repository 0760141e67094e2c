package dev.caisson.kvm.plan;

import dev.caisson.backend.RootfsMount;
import dev.caisson.linux.Mounts;
import dev.caisson.linux.bpf.InvalidProfileException;
import dev.caisson.linux.bpf.SeccompAction;
import dev.caisson.linux.bpf.SeccompCompiler;
import dev.caisson.linux.bpf.SeccompProfile;
import dev.caisson.linux.bpf.SyscallAbi;
import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Makes a disk with a file system that has a copy of what is mounted below a directory: the root file system and the volumes of a container, which
 * are mounted in a mount namespace of the maker's own only. Pure.
 */
public final class ImagePlan {
    private static final int AT_FDCWD = -100;
    private static final int PR_SET_PDEATHSIG = 1;
    private static final int SIGKILL = 9;
    private static final int CLONE_NEWNS = 0x20000;
    private static final int SECCOMP_SET_MODE_FILTER = 1;
    private static final int O_WRONLY_CREAT_TRUNC_CLOEXEC = 0x80241;

    /** What options of mount(8) set, and the bits that those with "no" in front, or without, clear. */
    private static final Map<String, Integer> FLAGS = Map.of(
            "ro", Mounts.MS_RDONLY,
            "nosuid", Mounts.MS_NOSUID,
            "nodev", Mounts.MS_NODEV,
            "noexec", Mounts.MS_NOEXEC,
            "noatime", Mounts.MS_NOATIME,
            "bind", Mounts.MS_BIND,
            "rbind", Mounts.MS_BIND | Mounts.MS_REC);

    private ImagePlan() {}

    /** A mount that the copy is made of; the target is below the directory that is copied. */
    public record Source(String type, String source, String target, List<String> options) {
        public Source {
            options = List.copyOf(options);
        }

        /** Everything that is mounted at and below a path. */
        public static Source bind(String from, String target) {
            return new Source("bind", from, target, List.of("rbind"));
        }

        public static Source of(RootfsMount mount, String root) {
            return new Source(
                    mount.type(),
                    mount.source(),
                    mount.target().isEmpty() ? root : root + "/" + mount.target(),
                    mount.options());
        }
    }

    /**
     * The plan.
     *
     * @param maker the program that makes the file system, and its arguments
     * @param log where it says what goes wrong
     */
    public static LaunchPlan of(List<Source> sources, List<String> maker, String log) {
        PlanBuilder p = new PlanBuilder();
        Arg.Data argv = p.stringArray(maker);
        Arg.Data env = p.stringArray(List.of("PATH=/usr/sbin:/usr/bin:/sbin:/bin"));
        Arg.Data program = p.string(maker.getFirst());
        p.call("set parent-death signal", Sys.PRCTL, Arg.of(PR_SET_PDEATHSIG), Arg.of(SIGKILL));
        p.call("make mount namespace", Sys.UNSHARE, Arg.of(CLONE_NEWNS));
        p.call(
                "make mounts private",
                Sys.MOUNT,
                Arg.ZERO,
                p.string("/"),
                Arg.ZERO,
                Arg.of(Mounts.MS_REC | Mounts.MS_PRIVATE),
                Arg.ZERO);
        for (Source each : sources) {
            mount(p, each);
        }
        Arg.Slot file = p.slot();
        p.callInto(
                file,
                "open " + log,
                Sys.OPENAT,
                Arg.of(AT_FDCWD),
                p.string(log),
                Arg.of(O_WRONLY_CREAT_TRUNC_CLOEXEC),
                Arg.of(0600));
        p.call("set up standard input", Sys.DUP2, Arg.of(PlanBuilder.STDIN_FD), Arg.of(0));
        p.call("set up standard output", Sys.DUP2, file, Arg.of(1));
        p.call("set up standard error", Sys.DUP2, file, Arg.of(2));
        answerFsync(p);
        Arg.Slot result = p.slot();
        p.attemptInto(result, Sys.EXECVE, program, argv, env);
        p.fail("exec " + maker.getFirst(), result);
        return p.build();
    }

    /**
     * The disk is of no use after a crash of the host, and its machine reads it through the same page cache: fsync(2) says 0, and does nothing, where the maker would wait four
     * times for a real disk.
     */
    private static void answerFsync(PlanBuilder p) {
        p.call("load seccomp filter", Sys.SECCOMP, Arg.of(SECCOMP_SET_MODE_FILTER), Arg.ZERO, p.filter(NoSync.PROGRAM));
    }

    /** Compiled once. */
    private static final class NoSync {
        static final byte[] PROGRAM = program();

        private static byte[] program() {
            try {
                return SeccompCompiler.compile(new SeccompProfile(
                                SeccompAction.ALLOW,
                                null,
                                Set.of(SyscallAbi.X86_64),
                                0,
                                List.of(new SeccompProfile.Rule(
                                        List.of("fsync", "fdatasync", "sync_file_range", "syncfs"),
                                        SeccompAction.ERRNO,
                                        0,
                                        List.of()))))
                        .program()
                        .toBytes();
            } catch (InvalidProfileException e) {
                throw new AssertionError("our own filter", e);
            }
        }
    }

    private static void mount(PlanBuilder p, Source mount) {
        int flags = 0;
        List<String> data = new ArrayList<>();
        for (String option : mount.options()) {
            Integer flag = FLAGS.get(option);
            if (flag != null) {
                flags |= flag;
            } else if (!option.equals("rw")) {
                data.add(option);
            }
        }
        // An overlay that could be written to has all of the file system below its upper directory written to the disk
        // when it is unmounted (ovl_sync_fs()), and waits for that.
        if (mount.type().equals("overlay")) {
            flags |= Mounts.MS_RDONLY;
        }
        // Read-only is no flag of a new bind; nobody writes here anyway.
        p.call(
                "mount " + mount.source() + " on " + mount.target(),
                Sys.MOUNT,
                p.string(mount.source()),
                p.string(mount.target()),
                p.string(mount.type()),
                Arg.of(flags),
                data.isEmpty() ? Arg.ZERO : p.string(String.join(",", data)));
    }
}
