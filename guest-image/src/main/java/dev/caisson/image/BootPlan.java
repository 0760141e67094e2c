package dev.caisson.image;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import java.util.List;

/**
 * What the monitor does as first process of a guest: file systems and kernel modules; then, with an agent's disk, it changes to that and becomes the
 * pod's monitor, which listens to the host and starts the agent when it is asked for something. Without one it starts the program that the kernel's
 * command line names.
 */
final class BootPlan {
    private static final int AT_FDCWD = -100;
    private static final int O_RDONLY_CLOEXEC = 0x80000;
    private static final int MS_NOSUID = 2;
    private static final int MS_NODEV = 4;
    private static final int MS_NOEXEC = 8;

    private static final int MS_RDONLY = 1;
    private static final int MS_MOVE = 0x2000;
    private static final int AF_INET = 2;
    private static final int AF_VSOCK = 40;
    private static final int SOCK_STREAM_CLOEXEC = 0x80001;
    private static final int SOCK_DGRAM_CLOEXEC = 0x80002;
    private static final int SIOCSIFFLAGS = 0x8914;
    private static final int IFF_UP = 1;
    private static final int IFREQ = 40;
    private static final int IFREQ_FLAGS = 16;
    private static final int ANY_CID = -1;
    private static final int BACKLOG = 128;
    /** Where a monitor finds what it listens to; see monitor/src/main.c. */
    private static final int LISTENER = 3;

    /** The port of the guest's that the agent is asked at ({@code dev.caisson.kvm.guest.GuestAgent}). */
    private static final int AGENT_PORT = 1025;

    /** The first disk. */
    private static final String AGENT_DISK = "/dev/vda";

    private static final String MOUNT_POINT = "/root";
    /** On that disk; see guest-image/agent-disk. */
    private static final String MONITOR = "/sbin/caisson";

    private static final String AGENT = "/libexec/agent";
    private static final String STATE = "/run/caisson";
    /** Where the host's configurations expect volumes ({@code dev.caisson.kvm.guest.GuestSpec}). */
    private static final String VOLUMES = "/run/volumes";
    /** The tag of the machine's file system ({@code dev.caisson.kvm.vmm.MachineMain}). */
    private static final String SHARED = "caisson";
    /** The pod's name ({@code dev.caisson.agent.Agent}). */
    private static final String POD = "guest";

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
        boot.agent();
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

    private void agent() {
        Arg.Slot mounted = plan.slot();
        PlanBuilder.Label without = new PlanBuilder.Label();
        plan.attemptInto(
                mounted,
                Sys.MOUNT,
                plan.string(AGENT_DISK),
                plan.string(MOUNT_POINT),
                plan.string("erofs"),
                Arg.of(MS_RDONLY | MS_NODEV),
                Arg.ZERO);
        plan.jumpIfFailed(mounted, without);
        changeRoot();
        loopbackUp();
        directory(STATE, 0700);
        volumes();
        listenAndBecomeMonitor();
        plan.place(without);
    }

    /** As switch_root(8): containers' pivot_root(2) needs a root that is no initramfs. */
    private void changeRoot() {
        for (String each : List.of("/dev", "/proc", "/sys", "/run", "/tmp")) {
            plan.call(
                    "move " + each,
                    Sys.MOUNT,
                    plan.string(each),
                    plan.string(MOUNT_POINT + each),
                    Arg.ZERO,
                    Arg.of(MS_MOVE),
                    Arg.ZERO);
        }
        plan.call("change to the agent's disk", Sys.CHDIR, plan.string(MOUNT_POINT));
        plan.call(
                "move the agent's disk to /",
                Sys.MOUNT,
                plan.string("."),
                plan.string("/"),
                Arg.ZERO,
                Arg.of(MS_MOVE),
                Arg.ZERO);
        plan.call("change root to the agent's disk", Sys.CHROOT, plan.string("."));
        plan.call("change to /", Sys.CHDIR, plan.string("/"));
    }

    private void loopbackUp() {
        Arg.Slot socket = plan.slot();
        byte[] request = new byte[IFREQ];
        request[0] = 'l';
        request[1] = 'o';
        request[IFREQ_FLAGS] = IFF_UP;
        plan.callInto(socket, "make socket for lo", Sys.SOCKET, Arg.of(AF_INET), Arg.of(SOCK_DGRAM_CLOEXEC), Arg.ZERO);
        plan.call("bring up lo", Sys.IOCTL, socket, Arg.of(SIOCSIFFLAGS), plan.bytes(request));
        plan.call("close socket for lo", Sys.CLOSE, socket);
    }

    /** Files of the host's, live: an entry for each volume of a container, while there is one. Devices there are none of this machine's. */
    private void volumes() {
        directory(VOLUMES, 0700);
        plan.call(
                "mount the host's files on " + VOLUMES,
                Sys.MOUNT,
                plan.string(SHARED),
                plan.string(VOLUMES),
                plan.string("virtiofs"),
                Arg.of(MS_NODEV),
                Arg.ZERO);
    }

    private void listenAndBecomeMonitor() {
        Arg.Slot socket = plan.slot();
        plan.callInto(
                socket,
                "make socket for the host",
                Sys.SOCKET,
                Arg.of(AF_VSOCK),
                Arg.of(SOCK_STREAM_CLOEXEC),
                Arg.ZERO);
        // struct sockaddr_vm: family, reserved, port, cid, and four bytes.
        Arg.Data address = plan.struct(2, AF_VSOCK, 2, 0, 4, AGENT_PORT, 4, ANY_CID, 4, 0);
        plan.call("bind port " + AGENT_PORT, Sys.BIND, socket, address, Arg.of(16));
        plan.call("listen to the host", Sys.LISTEN, socket, Arg.of(BACKLOG));
        Arg.Data argv = plan.stringArray(List.of("caisson-monitor", STATE, AGENT, POD));
        Arg.Data environment = plan.stringArray(List.of("PATH=/sbin:/bin"));
        plan.call("look for " + MONITOR, Sys.FACCESSAT2, Arg.of(AT_FDCWD), plan.string(MONITOR), Arg.of(1), Arg.ZERO);
        plan.call("hand over the socket", Sys.DUP2, socket, Arg.of(LISTENER));
        Arg.Slot result = plan.slot();
        plan.attemptInto(result, Sys.EXECVE, plan.string(MONITOR), argv, environment);
        plan.fail("exec " + MONITOR, result);
    }
}
