package dev.caisson.kvm.vmm;

import dev.caisson.kvm.virtio.BalloonDevice;
import dev.caisson.kvm.virtio.BlockDevice;
import dev.caisson.kvm.virtio.RngDevice;
import dev.caisson.kvm.virtio.VirtioDevice;
import dev.caisson.kvm.virtio.fs.FsDevice;
import dev.caisson.kvm.virtio.net.NetDevice;
import dev.caisson.kvm.virtio.vsock.VsockDevice;
import dev.caisson.kvm.vm.BootProtocol;
import dev.caisson.kvm.vm.VirtualMachine;
import dev.caisson.kvm.vm.VmConfig;
import dev.caisson.kvm.vm.VmEnd;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.direct.ProcessFilter;
import dev.caisson.linux.plan.PlanBuilder;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A pod's machine: main program of the process that is one. It waits until it is told to begin, and lives until its guest ends or nobody keeps it; what it has
 * lies in one directory, which the daemon made and removes.
 */
public final class MachineMain {
    /** In the machine's directory: the guest's ports, as {@link VsockDevice} maps them. */
    public static final String PORTS = "ports";
    /** In the machine's directory: {@link MachineControl}. */
    public static final String CONTROL = "control";

    /** In the machine's directory: who is connected to it keeps the machine. */
    public static final String KEEPERS = "keepers";

    /** How many containers' disks a machine takes: virtio devices have lines of the interrupt controller of their own. */
    public static final int DRIVES = 11;

    /**
     * What guests' kernels are started with; kcompactd, the counters of memory and the watchdogs for processors that hang and for the processors' clock wake an idle guest some times a
     * second otherwise. Debian's kernels write zeros to whatever they allocate, against their own mistakes (CONFIG_INIT_ON_ALLOC_DEFAULT_ON): each packet of a vsock and each
     * page of a file would be written twice. Kernels that are made for microVMs do without; what a process gets is zeros anyway, and nothing of another pod's was ever in this memory.
     */
    public static final String KERNEL_COMMAND_LINE =
            "console=ttyS0 quiet reboot=k panic=-1 nowatchdog tsc=nowatchdog init_on_alloc=0"
                    + " sysctl.vm.compaction_proactiveness=0 sysctl.vm.stat_interval=10";

    /** Serial number of the first drive's disk, up to its number. */
    public static final String DRIVE = "drive";

    /** By which the guest mounts the host's files ({@code dev.caisson.image.BootPlan}). */
    private static final String SHARED = "caisson";

    /** Of the image's directory. */
    public static final String AGENT_DISK = "agent.erofs";

    private static final long GUEST_CID = 3;
    private static final Duration LONG = Duration.ofDays(1);
    private static final int USAGE = 64;

    private MachineMain() {}

    /** See {@link MachineArguments}. */
    public static void main(String[] words) {
        MachineArguments args;
        try {
            args = MachineArguments.parse(words);
        } catch (IllegalArgumentException e) {
            System.err.println("usage: machine " + MachineArguments.USAGE);
            System.exit(USAGE);
            return;
        }
        try {
            run(args);
            System.exit(0);
        } catch (IOException e) {
            System.err.println("machine: run a guest in " + args.directory() + ": " + Errno.describe(e));
        } catch (InterruptedException e) {
            System.err.println("machine: interrupted");
        }
        System.exit(1);
    }

    private static void run(MachineArguments args) throws IOException, InterruptedException {
        Path image = args.image();
        List<BlockDevice> drives = new ArrayList<>();
        List<NetDevice> cards = new ArrayList<>();
        List<VirtioDevice> devices = new ArrayList<>();
        devices.add(BlockDevice.open(image.resolve(AGENT_DISK), true, "agent"));
        for (int i = 0; i < DRIVES; i++) {
            drives.add(BlockDevice.empty(DRIVE + i));
        }
        devices.addAll(drives);
        FsDevice shared = new FsDevice(SHARED);
        devices.add(shared);
        devices.add(new RngDevice());
        BalloonDevice balloon = new BalloonDevice();
        devices.add(balloon);
        for (int i = 0; i < args.cards(); i++) {
            cards.add(NetDevice.unplugged(MachineCards.address(i), MachineCards.MTU));
        }
        devices.addAll(cards);
        devices.add(VsockDevice.open(GUEST_CID, args.directory().resolve(PORTS)));
        VmConfig config = new VmConfig(
                args.memory(),
                args.processors(),
                image.resolve("vmlinux"),
                image.resolve("initramfs"),
                BootProtocol.PVH,
                KERNEL_COMMAND_LINE,
                devices);
        Keepers keepers =
                Keepers.listen(args.directory().resolve(KEEPERS), Fd.adopt(PlanBuilder.GATE_FD, "the daemon's pipe"));
        Thread.ofPlatform().daemon().name("keepers").start(keepers::watch);
        try (VirtualMachine machine = machine(config, args.template());
                MachineControl control =
                        MachineControl.listen(args.directory(), drives, shared, cards, balloon, machine)) {
            // Before the guest is heard; what is still to be set up needs none of what is given up.
            ProcessFilter.load(args.filterProgram());
            Thread.ofPlatform().daemon().name("control").start(control::serve);
            VmEnd end = machine.await(LONG);
            while (end == null) {
                end = machine.await(LONG);
            }
            System.err.println(machine.console().lastLines(30));
            // Before its sockets are closed: whoever finds them so looks here why.
            System.err.println("machine: the guest ended: " + end.cause() + " " + end.detail());
        }
    }

    private static VirtualMachine machine(VmConfig config, @Nullable Path template) throws IOException {
        return template == null
                ? VirtualMachine.create(config)
                : VirtualMachine.restore(
                        config, HostFiles.open(template.toString(), HostFiles.O_RDONLY | HostFiles.O_CLOEXEC, 0));
    }
}
