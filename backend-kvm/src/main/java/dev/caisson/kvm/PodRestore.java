package dev.caisson.kvm;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.kvm.guest.GuestSpec;
import dev.caisson.kvm.template.SavedPod;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Decides as which container of a pod that was written down a new one goes on. Pure. */
final class PodRestore {
    /** Of a container that is to go on as another one than that of its own id. */
    static final String ANNOTATION = "dev.caisson.kvm.checkpoint.container";

    private PodRestore() {}

    /**
     * Which one it is: the one that its annotation names, or that has its id, or the only one that it can be.
     *
     * @param wanted the annotation, empty for none
     * @param isFirst whether its pod has no machine yet
     * @throws ContainerFault INVALID: none can be meant
     */
    static SavedPod.Container choose(SavedPod pod, String id, String wanted, boolean isFirst) throws ContainerFault {
        List<SavedPod.Container> possible = isFirst
                ? pod.containers().subList(0, 1)
                : pod.containers().subList(1, pod.containers().size());
        String named = wanted.isEmpty() ? id : wanted;
        for (SavedPod.Container each : pod.containers()) {
            if (each.id().equals(named) && possible.contains(each)) {
                return each;
            }
            if (each.id().equals(named)) {
                throw invalid(
                        id,
                        isFirst
                                ? "the pod's machine comes with "
                                        + possible.getFirst().id()
                                : named + " is the one with the machine, and the pod has one");
            }
        }
        if (!wanted.isEmpty() || possible.size() != 1) {
            throw invalid(
                    id,
                    "the image has no container " + named + " for it, but "
                            + (possible.isEmpty()
                                    ? "none that joins a pod"
                                    : possible.stream()
                                            .map(SavedPod.Container::id)
                                            .collect(Collectors.joining(", ")))
                            + " (annotation " + ANNOTATION + ")");
        }
        return possible.getFirst();
    }

    private static ContainerFault invalid(String id, String why) {
        return new ContainerFault(Kind.INVALID, "restore container " + id + ": " + why);
    }

    /**
     * The files of the host's for it to go on with, by the names that the guest knows.
     *
     * @param offered the new container's
     * @throws ContainerFault INVALID: they are in other places, or may be written to where the saved ones may not, or the other way about
     */
    static List<GuestSpec.Volume> volumes(SavedPod.Container saved, List<GuestSpec.Volume> offered, String id)
            throws ContainerFault {
        List<GuestSpec.Volume> rest = new ArrayList<>(offered);
        List<GuestSpec.Volume> found = new ArrayList<>();
        for (SavedPod.Volume each : saved.volumes()) {
            GuestSpec.Volume now = rest.stream()
                    .filter(one -> one.destination().equals(each.destination()) && one.readOnly() == each.readOnly())
                    .findFirst()
                    .orElseThrow(() -> invalid(
                            id,
                            "the saved one has files of the host's at " + each.destination()
                                    + (each.readOnly() ? ", read-only" : "")));
            rest.remove(now);
            found.add(new GuestSpec.Volume(
                    GuestSpec.volumeName(saved.name(), found.size()),
                    now.source(),
                    now.destination(),
                    now.readOnly(),
                    now.cache()));
        }
        if (!rest.isEmpty()) {
            throw invalid(
                    id,
                    "the saved one has no files of the host's at "
                            + rest.getFirst().destination());
        }
        return found;
    }
}
