package dev.caisson.cli;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PidFds;
import dev.caisson.linux.UnixSockets;
import java.nio.charset.StandardCharsets;

/** Descriptors that callers get over a socket of theirs: one message with a name and the descriptor (runc's protocol). */
final class Descriptors {
    private Descriptors() {}

    /** The master of a terminal that process {@code pid} has as descriptor {@code number}. */
    static void sendTerminal(String socket, int pid, int number) throws ContainerFault {
        try (Fd process = open(pid);
                Fd master = PidFds.getFd(process, number)) {
            UnixSockets.sendDescriptor(socket, "/dev/ptmx".getBytes(StandardCharsets.UTF_8), master);
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "send terminal to console socket: " + e.getMessage(), e);
        }
    }

    /** @param what {@code standard} for a container's init, {@code setns} for an exec'd process */
    static void sendPidfd(String socket, int pid, String what) throws ContainerFault {
        try (Fd process = open(pid)) {
            UnixSockets.sendDescriptor(socket, what.getBytes(StandardCharsets.UTF_8), process);
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "send process descriptor to pidfd socket: " + e.getMessage(), e);
        }
    }

    private static Fd open(int pid) throws ErrnoException {
        Fd process = PidFds.open(pid);
        if (process == null) {
            throw new ErrnoException(Errno.ESRCH, "pidfd_open", "process " + pid);
        }
        return process;
    }
}
