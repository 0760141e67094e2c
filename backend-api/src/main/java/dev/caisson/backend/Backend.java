package dev.caisson.backend;

import dev.caisson.oci.Spec;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A wall: makes containers out of specifications. Found by ServiceLoader; thread-safe, without state of its own. */
public interface Backend {
    /** The word that users choose it by: {@code namespace}, {@code seccomp-trap} or {@code kvm}. */
    String name();

    /**
     * Decides everything about a container without touching the host: validates, resolves cgroup paths, plans.
     *
     * @throws ContainerFault when the specification asks for what is wrong or unsupported
     */
    Container prepare(CreateRequest request, Launcher launcher) throws ContainerFault;

    /**
     * A container that an earlier daemon made, from the record it stored.
     *
     * @param record what {@link Container#record()} gave
     */
    Container recover(CreateRequest request, Map<String, String> record, Launcher launcher) throws ContainerFault;

    /**
     * Whether a container is frozen.
     *
     * @param record what {@link Container#record()} gave
     */
    boolean isPaused(Map<String, String> record) throws ContainerFault;

    /** Templates of this wall's virtual machines; null for a wall without. */
    default @Nullable MachineTemplates templates() {
        return null;
    }

    /** What {@code features} reports: the JSON document of the runtime-spec. */
    String features();

    /**
     * What a container is made from.
     *
     * @param io the opened streams of its init, 0 for none
     * @param launch the id under which its init will be launched
     * @param rootfs mounts that make up the root file system at {@code bundle/rootfs}; empty when it is there already
     * @param scratch a directory for files of the daemon's about this container; whoever writes one makes it, the caller removes it
     */
    record CreateRequest(
            String id,
            Path bundle,
            Spec spec,
            List<RootfsMount> rootfs,
            int launch,
            int io,
            Path scratch,
            Options options) {
        public CreateRequest {
            rootfs = List.copyOf(rootfs);
        }
    }

    /**
     * What a caller may ask besides the specification (containerd.runc.v1.Options and command line flags).
     *
     * @param ioUid owner for the streams, -1 for the container's user
     * @param rootless whether a container does without cgroups where none can be had, if it asks for nothing of them; null for where its
     *     maker is a user or root of a user namespace only
     */
    record Options(
            boolean noPivotRoot,
            boolean noNewKeyring,
            boolean systemdCgroup,
            int ioUid,
            int ioGid,
            @Nullable String logPath,
            @Nullable Boolean rootless) {
        public static final Options DEFAULT = new Options(false, false, false, -1, -1, null);

        /** What is decided by who the maker is. */
        public Options(
                boolean noPivotRoot,
                boolean noNewKeyring,
                boolean systemdCgroup,
                int ioUid,
                int ioGid,
                @Nullable String logPath) {
            this(noPivotRoot, noNewKeyring, systemdCgroup, ioUid, ioGid, logPath, null);
        }
    }

    /**
     * Says where a wall may keep files that outlive a daemon, named so that no other wall's are meant; called once, before anything else is
     * asked. Touches nothing: a daemon that waits for another's end has called it, too.
     */
    default void keepIn(Path stateDirectory) {}

    /** Removes what daemons that were killed left on this host; called once, a moment after a daemon's start. */
    default void cleanUp() {}

    /** Called when a daemon leaves: what is kept only because it may be needed again soon goes. Requests may still be under way. */
    default void leave() {}

    /**
     * Goes so often through what creating a container takes in thought, without doing anything to the host, that the virtual machine
     * has compiled it before the first container is waited for.
     */
    default void rehearse(int rounds) {}
}
