package dev.caisson.kvm;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.kvm.pod.PodMachine;
import dev.caisson.linux.Fd;
import java.util.List;

/** A container's machine, for whoever looks into it: its console, its memory, what it counts, a shell in the guest. */
final class MachineView implements Container.VirtualMachine {
    /** What is asked of a guest. */
    interface Question<R> {
        R ask() throws ContainerFault;
    }

    /** Lets a guest whose processors stand still answer. */
    interface Awake {
        Launch whileAwake(Question<Launch> question) throws ContainerFault;
    }

    private final PodMachine machine;
    private final Awake awake;

    MachineView(PodMachine machine, Awake awake) {
        this.machine = machine;
        this.awake = awake;
    }

    @Override
    public String console() {
        return machine.console();
    }

    @Override
    public void dump(Fd file) throws ContainerFault {
        machine.requests().dump(file);
    }

    @Override
    public String metrics() throws ContainerFault {
        return machine.requests().metrics();
    }

    @Override
    public Launch debug(Launcher caller, int launch, String tag, int io, List<String> args, boolean terminal)
            throws ContainerFault {
        return awake.whileAwake(
                () -> DebugShell.run(machine, caller, new GuestProcesses.Place(launch, tag, io), args, terminal));
    }
}
