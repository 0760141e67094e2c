package dev.caisson.trap.dispatch;

import dev.caisson.trap.egress.ContainerEgress;
import dev.caisson.trap.limits.ContainerLimits;
import dev.caisson.trap.limits.SandboxMemory;
import dev.caisson.trap.mounts.Mounts;
import dev.caisson.trap.policy.ContainerPolicy;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * What is the same for all calls of a container.
 *
 * @param hostProc a descriptor of the host's /proc, by which callers are looked at
 * @param procDevice device number of the container's own procfs
 * @param isStrict whether its data comes here too
 * @param bootId a line for /proc/sys/kernel/random/boot_id
 * @param moves when its processes change their directories
 * @param changes when its names may lead somewhere else
 * @param waiting bounds the calls that wait on threads of their own
 * @param waitingCalls those that wait for a descriptor
 * @param fileSizes what its processes' limits say of files that they write
 * @param fifos whether it may have any
 * @param signalFiles whether it may have any
 * @param handedOver descriptors that guests were given and that are about to be closed here
 * @param tracers who is told of its calls
 * @param limits what it may use
 * @param memory what may still be held for guests here
 * @param policy what it may ask for
 * @param egress where it may send to; null for anywhere
 * @param mounts what it has mounted; null where it may not
 */
public record ContainerView(
        int hostProc,
        long procDevice,
        boolean isStrict,
        String bootId,
        Callers callers,
        DirectoryMoves moves,
        NameChanges changes,
        Semaphore waiting,
        WaitingCalls waitingCalls,
        FileSizes fileSizes,
        KnownFifos fifos,
        KnownSignalFiles signalFiles,
        HandedOver handedOver,
        Tracers tracers,
        ContainerLimits limits,
        SandboxMemory memory,
        ContainerPolicy policy,
        @Nullable ContainerEgress egress,
        @Nullable Mounts mounts) {
    private static final int MAX_WAITING = 64;

    /** @param init host pid of the container's first process */
    public ContainerView(
            int hostProc,
            long procDevice,
            boolean isStrict,
            String bootId,
            int init,
            ContainerPolicy policy,
            @Nullable ContainerEgress egress,
            FileSizes fileSizes,
            HandedOver handedOver,
            SandboxMemory memory,
            @Nullable Mounts mounts) {
        this(
                hostProc,
                procDevice,
                isStrict,
                bootId,
                new Callers(),
                new DirectoryMoves(),
                new NameChanges(),
                new Semaphore(MAX_WAITING),
                new WaitingCalls(),
                fileSizes,
                new KnownFifos(),
                new KnownSignalFiles(),
                handedOver,
                new Tracers(),
                new ContainerLimits(hostProc, init),
                memory,
                policy,
                egress,
                mounts);
    }
}
