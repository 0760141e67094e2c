package dev.caisson.kvm;

import dev.caisson.backend.ContainerFault;
import dev.caisson.kvm.pod.PodMachine;
import dev.caisson.kvm.pod.SpecLimits;
import dev.caisson.kvm.vmm.ContainerLimits;
import dev.caisson.oci.Resources;
import dev.caisson.oci.SpecWriter;
import java.lang.System.Logger.Level;

/** New limits of a running container: the guest's group of it gets them, and what of the machine nobody may use any more is the host's. */
final class HotUpdate {
    private static final System.Logger LOG = System.getLogger(HotUpdate.class.getName());

    private HotUpdate() {}

    /** All of it, or nothing. */
    static void apply(PodMachine in, String id, int drive, Resources resources) throws ContainerFault {
        ContainerLimits before = in.requests().limits(drive);
        ContainerLimits wanted = SpecLimits.change(before, resources);
        byte[] told = SpecWriter.writeResources(resources);
        if (wanted.equals(before)) {
            in.agent().update(id, told);
            return;
        }
        // The balloon takes only what the guest has to spare: it waits for a group that has to shrink first, and who
        // grows finds it on its way back.
        int running = in.requests().limit(drive, wanted);
        try {
            in.agent().processors(running);
            in.agent().update(id, told);
        } catch (ContainerFault e) {
            takeBack(in, id, drive, before);
            throw e;
        }
    }

    private static void takeBack(PodMachine in, String id, int drive, ContainerLimits before) {
        try {
            in.agent().processors(in.requests().limit(drive, before));
        } catch (ContainerFault e) {
            LOG.log(Level.WARNING, "take back an update of " + id + ": " + e.getMessage());
        }
    }
}
