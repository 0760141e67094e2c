package dev.caisson.namespace;

import dev.caisson.backend.Backend.CreateRequest;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launcher;
import dev.caisson.linux.cgroup.CgroupPath;
import dev.caisson.oci.Spec;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What the classes of one container work with together.
 *
 * @param rootfs directory of the root file system, in the caller's mount namespace
 * @param ownFilter in front of the configuration's, of another wall; null behind this one
 */
record ContainerParts(
        CreateRequest request,
        Launcher launcher,
        Host host,
        CgroupPath cgroupPath,
        ContainerGroups groups,
        Path rootfs,
        ContainerRdt rdt,
        HookRunner hooks,
        KnownHomes homes,
        SeccompPrograms seccompPrograms,
        @Nullable OwnFilter ownFilter) {
    Spec spec() {
        return request.spec();
    }

    /** What a process of the container's is to be filtered by. */
    SeccompSupport seccomp() throws ContainerFault {
        return SeccompSupport.of(ownFilter, spec().linux().seccomp(), seccompPrograms);
    }
}
