package dev.caisson.kvm;

import dev.caisson.backend.Checkpoint;
import dev.caisson.backend.Checkpoint.Option;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launcher;
import dev.caisson.kvm.guest.GuestAgent;
import dev.caisson.kvm.pod.MachineCommand;
import dev.caisson.kvm.pod.PodMachine;
import dev.caisson.kvm.pod.Standstill;
import dev.caisson.kvm.template.PodImage;
import dev.caisson.kvm.template.SavedPod;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;

/** Writes a pod down with all of its machine, as a template is, and finds what was written. */
final class PodCheckpoint {
    private static final System.Logger LOG = System.getLogger(PodCheckpoint.class.getName());

    /** What a machine has in it anyway, and CRIU has to be allowed. */
    private static final Set<Option> TAKEN = EnumSet.of(
            Option.LEAVE_RUNNING,
            Option.TCP_ESTABLISHED,
            Option.EXTERNAL_UNIX_SOCKETS,
            Option.SHELL_JOB,
            Option.FILE_LOCKS,
            Option.LINK_REMAP);

    private PodCheckpoint() {}

    /** @throws ContainerFault UNSUPPORTED for what means something to CRIU only */
    static void check(Checkpoint asked) throws ContainerFault {
        for (Option each : asked.options()) {
            if (!TAKEN.contains(each)) {
                throw unsupported(each.name().toLowerCase(java.util.Locale.ROOT).replace('_', '-'));
            }
        }
        if (asked.parent() != null || asked.pageServer() != null || asked.cgroupsMode() != null) {
            throw unsupported("a parent image, a page server or a mode for cgroups");
        }
        if (asked.lsmProfile() != null || asked.lsmMountContext() != null) {
            throw unsupported("a profile or context");
        }
    }

    private static ContainerFault unsupported(String what) {
        return new ContainerFault(
                Kind.UNSUPPORTED, "image of a virtual machine with " + what + ": not in this version");
    }

    /**
     * A container of the pod.
     *
     * @param disk the file
     * @param paused whether it is frozen already, and is to stay so
     */
    record Member(SavedPod.Container container, Path disk, boolean paused) {}

    /**
     * Writes it. Containers are frozen and their streams are empty when the machine is held, so that nothing is lost that they have written; the machine stays
     * so unless it is asked to go on.
     *
     * @param members all of the pod's
     */
    static void save(PodMachine machine, List<Member> members, Checkpoint asked, Path images) throws ContainerFault {
        SavedPod pod = new SavedPod(members.stream().map(Member::container).toList());
        Map<SavedPod.Container, Path> disks =
                members.stream().collect(Collectors.toMap(Member::container, Member::disk));
        List<String> names =
                pod.containers().stream().map(SavedPod.Container::name).toList();
        StepTimes times = new StepTimes();
        GuestAgent agent = machine.agent();
        Standstill still = machine.standstill();
        boolean done = false;
        try {
            still.begin(members.stream()
                    .map(each -> new Standstill.Held(
                            each.container().name(), each.container().drive(), each.paused()))
                    .toList());
            for (Member each : members) {
                if (!each.paused()) {
                    agent.pause(each.container().name());
                }
            }
            agent.settle(names);
            times.done("still");
            PodImage.write(images, MachineCommand.image(), machine.requests().shape(), pod, new PodImage.Source() {
                @Override
                public void writeMachine(Fd file) throws ContainerFault {
                    machine.requests().hold();
                    machine.requests().save(file);
                    times.done("machine");
                }

                @Override
                public Path disk(SavedPod.Container container) {
                    return Objects.requireNonNull(disks.get(container));
                }

                @Override
                public void done() throws ContainerFault {
                    times.done("disk");
                    if (asked.is(Option.LEAVE_RUNNING)) {
                        still.end();
                    }
                }
            });
            times.done("image");
            done = true;
        } finally {
            if (!done) {
                try {
                    still.end();
                } catch (ContainerFault e) {
                    LOG.log(Level.WARNING, "after a failed checkpoint: " + e.getMessage());
                }
            }
            LOG.log(Level.INFO, "checkpoint of " + String.join(", ", names) + ": " + times);
        }
    }

    /** The image to go on from. */
    static PodImage find(Checkpoint asked, Launcher launcher) throws ContainerFault {
        check(asked);
        Path images = asked.images();
        try {
            // The machine's process opens it by its path.
            if (!Files.isSameFile(images, launcher.here(images))) {
                throw unsupported("mounts of the caller's own");
            }
        } catch (IOException e) {
            throw new ContainerFault(Kind.INVALID, "read image " + images + ": " + Errno.describe(e), e);
        }
        return PodImage.read(images, MachineCommand.image());
    }
}
