package dev.caisson.trap;

import dev.caisson.backend.ContainerFault;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.MemFd;
import dev.caisson.linux.Processes;
import dev.caisson.trap.sandbox.Control;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/** How a policy, which is too long for a pipe's line, gets to the sandbox process: in memory of this process, where it says that it has it. */
final class PolicyFile {
    private static final Duration TIME = Duration.ofSeconds(5);
    private static final int POLL_MILLIS = 2;

    /** Tells the sandbox process something. */
    interface Sender {
        void send(Control control) throws ContainerFault;
    }

    private PolicyFile() {}

    /** How the sandbox process is told, by the number of the memory's descriptor here. */
    interface Telling {
        Control control(int fd);
    }

    /** @param isFirst whether it is from the container's own program on */
    static void give(String container, String policy, boolean isFirst, Sender sender) throws ContainerFault {
        give(container, policy, fd -> new Control.Policy(Processes.pid(), fd, isFirst), sender);
    }

    /** As {@link #give(String, String, boolean, Sender)}, for a policy of any kind. */
    static void give(String container, String policy, Telling telling, Sender sender) throws ContainerFault {
        byte[] text = policy.getBytes(StandardCharsets.ISO_8859_1);
        try (Fd memory = MemFd.memory("policy", Long.BYTES + text.length);
                RandomAccessFile file = new RandomAccessFile(memory.procPath(), "rw")) {
            file.seek(Long.BYTES);
            file.write(text);
            sender.send(telling.control(memory.number()));
            long end = System.nanoTime() + TIME.toNanos();
            long answer;
            do {
                Thread.sleep(POLL_MILLIS);
                file.seek(0);
                answer = Long.reverseBytes(file.readLong());
            } while (answer == 0 && System.nanoTime() < end);
            if (answer != Control.POLICY_TAKEN) {
                throw new ContainerFault(
                        ContainerFault.Kind.FAILED,
                        "enforce policy of " + container + ": its sandbox process "
                                + (answer == 0 ? "did not answer within " + TIME.toSeconds() + " s" : "refused it"));
            }
        } catch (ErrnoException e) {
            throw new ContainerFault(
                    ContainerFault.Kind.FAILED, "enforce policy of " + container + ": " + e.getMessage(), e);
        } catch (IOException e) {
            throw new ContainerFault(
                    ContainerFault.Kind.FAILED, "enforce policy of " + container + ": " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ContainerFault(
                    ContainerFault.Kind.UNAVAILABLE, "enforce policy of " + container + ": interrupted", e);
        }
    }
}
