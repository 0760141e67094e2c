package dev.caisson.namespace;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PidFds;
import dev.caisson.linux.UnixSockets;
import dev.caisson.namespace.plan.Notes;
import dev.caisson.namespace.plan.PlanInput;
import dev.caisson.oci.ContainerState;
import dev.caisson.oci.Seccomp;
import dev.caisson.oci.StateJson;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A container's seccomp profile as a program, and the agent that answers its notifications.
 *
 * <p>Who waits for whom: from the moment the filter is loaded, any call of the process but write(2) may stop until the agent
 * answers. The plan's next step is a note, which is a write; the daemon copies the descriptor out of the process, stopped or not,
 * and gives it to the agent. Only then may the plan need an answer, as for the read(2) at its gate, and there is somebody to give it.
 * That is why the specification refuses notification of write.
 */
record SeccompSupport(
        PlanInput.@Nullable SeccompFilter filter,
        @Nullable Seccomp profile,
        @Nullable OwnFilter own) {
    private static final SeccompSupport NONE = new SeccompSupport(null, null, null);

    /** The profile's filter, unless there is one of another wall's. */
    static SeccompSupport of(@Nullable OwnFilter own, @Nullable Seccomp profile, SeccompPrograms programs)
            throws ContainerFault {
        if (own != null) {
            return new SeccompSupport(own.filter(), null, own);
        }
        return profile == null ? NONE : new SeccompSupport(programs.get(profile), profile, null);
    }

    /** Whether calls of the process are to be answered by an agent. */
    boolean hasListener() {
        return filter != null && filter.listener();
    }

    /**
     * Fetches the notification descriptor from the process and sends it to the profile's agent; returns at once without one.
     *
     * @param state of the container, for the agent
     */
    void serveListener(Launch launch, ContainerState state, Duration timeout) throws ContainerFault {
        if (own != null && hasListener()) {
            own.serve(launch, (int) launch.awaitNote(Notes.LISTENER, timeout));
            return;
        }
        if (!hasListener() || profile == null || profile.listenerPath() == null) {
            return;
        }
        int number = (int) launch.awaitNote(Notes.LISTENER, timeout);
        int pid = launch.pid();
        String what = "send seccomp notification descriptor to " + profile.listenerPath() + ": ";
        try (Fd pidfd = PidFds.open(pid)) {
            if (pidfd == null) {
                throw new ContainerFault(Kind.FAILED, what + "process " + pid + " has ended");
            }
            try (Fd listener = PidFds.getFd(pidfd, number)) {
                byte[] message = StateJson.writeContainerProcessState(
                        List.of("seccompFd"), pid, profile.listenerMetadata(), state);
                UnixSockets.sendDescriptor(profile.listenerPath(), message, listener);
            }
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, what + e.getMessage(), e);
        }
    }
}
