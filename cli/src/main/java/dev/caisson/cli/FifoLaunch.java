package dev.caisson.cli;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.ProcessExit;
import dev.caisson.cli.ContainerRecord.ProcessId;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.PidFds;
import dev.caisson.linux.Processes;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A container's init whose launcher is gone: it is reached through the fifos {@code notes} and {@code gate} in the container's directory,
 * which it holds open until it executes its program.
 */
final class FifoLaunch implements Launch {
    private static final int NOTE_BYTES = 16;
    private static final int NOTE_FAILED = 2;
    private static final int SHORT_NAPS = 20;
    private static final Duration SHORT_NAP = Duration.ofNanos(50_000);
    private static final Duration NAP = Duration.ofMillis(1);

    private final String id;
    private final Path directory;
    private final ProcessId process;
    private final long ready;
    /** Held from before the gate is opened to the last note: what is in a fifo goes when nobody has it open. */
    private @Nullable Fd notes;

    FifoLaunch(String id, Path directory, ProcessId process, long ready) {
        this.id = id;
        this.directory = directory;
        this.process = process;
        this.ready = ready;
    }

    /** Whether init still waits to be started. */
    static boolean isWaiting(Path directory) {
        try (Fd gate = openGate(directory)) {
            return gate != null;
        } catch (ErrnoException e) {
            return false;
        }
    }

    /** Null when nobody has the other end. */
    private static @Nullable Fd openGate(Path directory) throws ErrnoException {
        try {
            return HostFiles.openIfPresent(
                    directory.resolve("gate").toString(), HostFiles.O_WRONLY | HostFiles.O_NONBLOCK);
        } catch (ErrnoException e) {
            if (e.errno() == Errno.ENXIO) {
                return null;
            }
            throw e;
        }
    }

    @Override
    public int id() {
        return Invocation.MAIN_LAUNCH;
    }

    @Override
    public int pid() {
        return process.pid();
    }

    /** All notes that there are to wait for were said at its creation. */
    @Override
    public long awaitNote(int code, Duration timeout) {
        return ready;
    }

    @Override
    public void awaitLaunched(Duration timeout) throws ContainerFault {
        while (awaitLaunchedOr(0, timeout) != null) {
            // no note has this code
        }
    }

    @Override
    public synchronized @Nullable Long awaitLaunchedOr(int code, Duration timeout) throws ContainerFault {
        boolean hasMore = false;
        try {
            Long value = read(code, timeout);
            hasMore = value != null;
            return value;
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, String.valueOf(e.getMessage()), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ContainerFault(Kind.UNAVAILABLE, "interrupted while starting " + id, e);
        } finally {
            if (!hasMore && notes != null) {
                notes.close();
                notes = null;
            }
        }
    }

    private @Nullable Long read(int code, Duration timeout)
            throws ContainerFault, ErrnoException, InterruptedException {
        long end = System.nanoTime() + timeout.toNanos();
        Fd fd = openNotes();
        if (fd == null) {
            return null;
        }
        for (int round = 0; ; round++) {
            byte[] note = HostFiles.readAvailable(fd, NOTE_BYTES);
            if (note == null) {
                return null; // nobody has the other end: it was closed by execve
            }
            Long value = value(note, code);
            if (value != null) {
                return value;
            }
            if (System.nanoTime() > end) {
                throw new ContainerFault(Kind.FAILED, "start of " + id + " did not finish within " + timeout);
            }
            Thread.sleep(round < SHORT_NAPS ? SHORT_NAP : NAP);
        }
    }

    private @Nullable Fd openNotes() throws ErrnoException {
        if (notes == null) {
            notes = HostFiles.openIfPresent(
                    directory.resolve("notes").toString(), HostFiles.O_RDONLY | HostFiles.O_NONBLOCK);
        }
        return notes;
    }

    /** The plan is not at hand any more, so that a step has no name; what can fail behind the gate is execve and hooks. */
    private @Nullable Long value(byte[] note, int code) throws ContainerFault {
        if (note.length < NOTE_BYTES) {
            return null;
        }
        ByteBuffer b = ByteBuffer.wrap(note).order(ByteOrder.LITTLE_ENDIAN);
        int kind = b.getInt();
        int step = b.getInt();
        long value = b.getLong();
        if (kind == NOTE_FAILED) {
            throw new ContainerFault(
                    Kind.FAILED,
                    "run the program of container " + id + " (step " + step + "): "
                            + Errno.of((int) -value).description());
        }
        return step == code ? Long.valueOf(value) : null;
    }

    @Override
    public boolean awaitExit(Duration timeout) {
        long end = System.nanoTime() + timeout.toNanos();
        try {
            while (Processes.isRunning(process.pid(), process.startTime())) {
                if (System.nanoTime() > end) {
                    return false;
                }
                Thread.sleep(NAP);
            }
        } catch (ErrnoException e) {
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
        return true;
    }

    @Override
    public boolean isLaunched() {
        return !isWaiting(directory);
    }

    @Override
    public boolean hasFailed() {
        return false;
    }

    @Override
    public boolean gateUsed() {
        return false;
    }

    @Override
    public synchronized void gate(byte... bytes) {
        try (Fd gate = openGate(directory)) {
            if (gate != null) {
                var _ = openNotes();
                HostFiles.writeAll(gate, bytes);
            }
        } catch (ErrnoException e) {
            // It has ended meanwhile: whoever waits for it to be launched will see that.
        }
    }

    @Override
    public void gateInBuild(byte... bytes) {
        throw new IllegalStateException("container " + id + " has been created");
    }

    @Override
    public void kill(int signal) {
        try (Fd fd = PidFds.open(process.pid())) {
            // Looked at behind the opening: the descriptor is of the process that was seen.
            if (fd != null && Processes.isRunning(process.pid(), process.startTime())) {
                var _ = PidFds.sendSignal(fd, signal);
            }
        } catch (ErrnoException e) {
            // Not ours to signal: the kernel's word to whoever sees it live on.
        }
    }

    @Override
    public CompletableFuture<ProcessExit> exit() {
        return new CompletableFuture<>();
    }

    @Override
    public void forget() {}
}
