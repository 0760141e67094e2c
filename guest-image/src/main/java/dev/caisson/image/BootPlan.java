package dev.caisson.image;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import java.util.List;

/** What the monitor does as first process of a guest before it starts its program: file systems and kernel modules. */
final class BootPlan {
    private static final int AT_FDCWD = -100;
    private static final int O_RDONLY_CLOEXEC = 0x80000;
    private static final int MS_NOSUID = 2;
    private static final int MS_NODEV = 4;
    private static final int MS_NOEXEC = 8;

    private final PlanBuilder plan = new PlanBuilder();

    private BootPlan() {}

    /** @param modules paths in the order in which they are loaded */
    static LaunchPlan of(List<String> modules) {
        BootPlan boot = new BootPlan();
        boot.mount("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
        boot.mount("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
        boot.mount("devtmpfs", "/dev", MS_NOSUID, "mode=755");
        for (String module : modules) {
            boot.load(module);
        }
        boot.directory("/dev/pts", 0755);
        boot.mount("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "ptmxmode=666,mode=620,gid=5");
        boot.directory("/dev/shm", 01777);
        boot.mount("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
        boot.mount("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755");
        boot.mount("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777");
        boot.mount("cgroup2", "/sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, "nsdelegate,memory_recursiveprot");
        return boot.plan.build();
    }

    private void directory(String path, int mode) {
        plan.call("make directory " + path, Sys.MKDIRAT, Arg.of(AT_FDCWD), plan.string(path), Arg.of(mode));
    }

    private void mount(String type, String target, int flags, String options) {
        plan.call(
                "mount " + type + " on " + target,
                Sys.MOUNT,
                plan.string(type),
                plan.string(target),
                plan.string(type),
                Arg.of(flags),
                plan.string(options));
    }

    private void load(String path) {
        Arg.Slot file = plan.slot();
        plan.callInto(
                file, "open module " + path, Sys.OPENAT, Arg.of(AT_FDCWD), plan.string(path), Arg.of(O_RDONLY_CLOEXEC));
        plan.call("load module " + path, Sys.FINIT_MODULE, file, plan.string(""), Arg.ZERO);
        plan.call("close module " + path, Sys.CLOSE, file);
    }
}
