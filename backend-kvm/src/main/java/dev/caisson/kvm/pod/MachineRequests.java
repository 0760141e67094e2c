package dev.caisson.kvm.pod;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.MachineTemplates;
import dev.caisson.kvm.guest.GuestSpec;
import dev.caisson.kvm.guest.PodInterface;
import dev.caisson.kvm.vmm.ContainerLimits;
import dev.caisson.kvm.vmm.MachineControl;
import dev.caisson.kvm.vmm.MachineMain;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;

/**
 * What a daemon asks a machine's process, at its control socket ({@link MachineControl}). Of any thread; each request has a connection of its own. Fails with UNAVAILABLE when
 * the process does not answer.
 */
public final class MachineRequests {
    private static final int DUMP_SECONDS = 300;

    private final MachineSocket control;

    MachineRequests(MachineSocket control) {
        this.control = control;
    }

    /** Lets the guest run for the first time. */
    void begin() throws ContainerFault {
        var _ = control.ask("begin");
    }

    /** By how many nanoseconds the clocks of a copy were behind when it was restored. */
    long behind() throws ContainerFault {
        return Long.parseLong(control.ask("behind"));
    }

    /** The guest stands still until {@link #go}. */
    public void hold() throws ContainerFault {
        var _ = control.ask("hold");
    }

    /** The guest goes on. */
    public void go() throws ContainerFault {
        var _ = control.ask("go");
    }

    /** Gives its cards the pod's interfaces. */
    public void plug(PodNetwork network) throws ContainerFault {
        for (int i = 0; i < network.taps().size(); i++) {
            PodInterface each = network.interfaces().get(i);
            try {
                var _ = control.ask(
                        "plug " + i + " " + each.mtu() + " " + each.mac(),
                        network.taps().get(i));
            } catch (ErrnoException e) {
                throw new ContainerFault(
                        Kind.FAILED, "connect " + each.name() + " with the virtual machine: " + e.getMessage(), e);
            }
        }
    }

    /**
     * Where a container's disk is.
     *
     * @param drive its number; see {@link MachineMain#DRIVE}
     * @param running how many of the machine's processors have to run now that were parked before; 0 where none was
     */
    public record Inserted(int drive, int running) {}

    /**
     * Puts a file into a free drive.
     *
     * @param limits what its container may use
     */
    public Inserted insert(Path file, ContainerLimits limits) throws ContainerFault {
        try (Fd disk = HostFiles.open(file.toString(), HostFiles.O_RDWR, 0)) {
            String[] words = control.ask("insert " + limits.text(), disk).split(" ", -1);
            return new Inserted(Integer.parseInt(words[0]), Integer.parseInt(words[1]));
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "put " + file + " into the virtual machine: " + e.getMessage(), e);
        }
    }

    /** Puts the file into a drive whose guest, which does not run yet, believes it there. */
    public void reinsert(int drive, Path file) throws ContainerFault {
        try (Fd disk = HostFiles.open(file.toString(), HostFiles.O_RDWR, 0)) {
            var _ = control.ask("reinsert " + drive, disk);
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "put " + file + " into the virtual machine: " + e.getMessage(), e);
        }
    }

    /** What it is made like. */
    public MachineTemplates.Shape shape() throws ContainerFault {
        String[] words = control.ask("shape").split(" ", -1);
        return new MachineTemplates.Shape(
                Integer.parseInt(words[0]), Integer.parseInt(words[1]), Integer.parseInt(words[2]));
    }

    /** What the container of that drive may use. */
    public ContainerLimits limits(int drive) throws ContainerFault {
        return ContainerLimits.parse(control.ask("limits " + drive));
    }

    /**
     * Changes what the container of that drive may use: what no container may use any more is the host's.
     *
     * @return how many of the machine's processors are to run
     * @throws ContainerFault INVALID when the machine has not so much
     */
    public int limit(int drive, ContainerLimits limits) throws ContainerFault {
        String answer = control.ask("limit " + drive + " " + limits.text());
        if (answer.startsWith(MachineControl.REFUSED)) {
            throw new ContainerFault(
                    Kind.INVALID,
                    "change limits: " + answer.substring(MachineControl.REFUSED.length()) + " (annotations "
                            + MachineSize.MEMORY + ", " + MachineSize.PROCESSORS + ")");
        }
        return Integer.parseInt(answer);
    }

    /** Which drives have a disk: one for each container. */
    public Set<Integer> drives() throws ContainerFault {
        Set<Integer> drives = new TreeSet<>();
        for (String each : control.ask("drives").strip().split(" ", -1)) {
            if (!each.isEmpty()) {
                drives.add(Integer.parseInt(each));
            }
        }
        return drives;
    }

    /** Takes the file out of a drive. */
    public void eject(int drive) throws ContainerFault {
        var _ = control.ask("eject " + drive);
    }

    /** The container of that drive is paused; while all of the machine's are its processors stand still, and its agent does not answer. */
    public void pause(int drive) throws ContainerFault {
        var _ = control.ask("pause " + drive);
    }

    /** The container of that drive is to go on; the agent answers. */
    public void resume(int drive) throws ContainerFault {
        var _ = control.ask("resume " + drive);
    }

    /** Lets the guest see a file or directory, from now on and live, as the entry {@link GuestSpec.Volume#name} of its file system. */
    public void share(GuestSpec.Volume volume, Path source) throws ContainerFault {
        String access = volume.readOnly() ? MachineControl.READ_ONLY : MachineControl.READ_WRITE;
        try (Fd root = HostFiles.open(source.toString(), HostFiles.O_PATH, 0)) {
            var _ = control.ask("share " + access + " " + volume.cache().word() + " " + volume.name(), root);
        } catch (ErrnoException e) {
            throw new ContainerFault(
                    Kind.FAILED, "share " + volume.source() + " with the virtual machine: " + e.getMessage(), e);
        }
    }

    /** Takes a volume away from the guest, whatever it has open of it. */
    public void unshare(String volume) throws ContainerFault {
        var _ = control.ask("unshare " + volume);
    }

    /** What is counted of it, in Prometheus' text format. */
    public String metrics() throws ContainerFault {
        return control.ask("metrics") + "\n";
    }

    /** Writes an ELF core to a file. */
    public void dump(Fd file) throws ContainerFault {
        try {
            var _ = control.ask("dump", file, DUMP_SECONDS);
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "dump virtual machine: " + e.getMessage(), e);
        }
    }

    /** Writes all of the machine to a file, for others to go on from. */
    public void save(Fd file) throws ContainerFault {
        try {
            var _ = control.ask("save", file, DUMP_SECONDS);
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "save virtual machine: " + e.getMessage(), e);
        }
    }

    /** Writes down which pages of its memory were touched ({@link dev.caisson.kvm.memory.Footprint}). */
    public void footprint(Fd file) throws ContainerFault {
        try {
            var _ = control.ask("footprint", file, DUMP_SECONDS);
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "look at the memory of the virtual machine: " + e.getMessage(), e);
        }
    }

    /** Has its own made of the pages that a footprint has as written to; before it begins. */
    void own(Path footprint) throws ContainerFault {
        try (Fd file = HostFiles.open(footprint.toString(), HostFiles.O_RDONLY | HostFiles.O_CLOEXEC, 0)) {
            var _ = control.ask("own", file, DUMP_SECONDS);
        } catch (ErrnoException e) {
            throw new ContainerFault(
                    Kind.FAILED, "give the virtual machine its own of " + footprint + ": " + e.getMessage(), e);
        }
    }

    /** The last lines that the guest wrote to its console. */
    String console() throws ContainerFault {
        return control.ask("console");
    }
}
