package dev.caisson.shim.link;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The end of a command that launches something, for a daemon that practises: what it is told to launch it says to have launched, and, in
 * the foreground, to have ended. Blocks; for one thread at a time.
 */
public final class HandsClient implements AutoCloseable {
    private static final int FIFO_MODE = 0600;
    private static final int FOREGROUND = 1;

    private final CommandClient command;
    private final int pid;
    private Path directory = Path.of("/");
    private boolean foreground;
    private @Nullable Waiting waiting;

    /**
     * Connects to a daemon's socket.
     *
     * @param pid of all that it launches
     */
    public HandsClient(Path socket, int pid) throws IOException {
        this.command = new CommandClient(socket);
        this.pid = pid;
    }

    /** An init that waits for its start at fifos, where its command is gone. */
    public record Waiting(FileChannel notes, FileChannel gate) implements AutoCloseable {
        private static Waiting in(Path directory) throws IOException {
            Path notes = directory.resolve("notes");
            Path gate = directory.resolve("gate");
            try {
                HostFiles.mkfifo(notes.toString(), FIFO_MODE);
                HostFiles.mkfifo(gate.toString(), FIFO_MODE);
            } catch (ErrnoException e) {
                throw new IOException(e.getMessage(), e);
            }
            return new Waiting(open(notes), open(gate));
        }

        /** For both, which waits for nobody. */
        private static FileChannel open(Path fifo) throws IOException {
            return FileChannel.open(fifo, StandardOpenOption.READ, StandardOpenOption.WRITE);
        }

        /** Waits for its start, and executes its program as far as can be told from outside: the fifos are closed. */
        public void awaitStart() throws IOException {
            var _ = gate.read(ByteBuffer.allocate(1));
            close();
        }

        @Override
        public void close() throws IOException {
            gate.close();
            notes.close();
        }
    }

    /** Asks as a command without environment and input would. */
    public void call(List<String> argv, Path cwd) throws IOException {
        command.call(argv, cwd);
    }

    /**
     * Does what it is told until it is told to end.
     *
     * @return its exit code, or -1 if the connection ends first
     */
    public int awaitEnd() throws IOException {
        for (WireFrame f = command.read(); f != null; f = command.read()) {
            switch (f.kind()) {
                case WireFrame.HANDS -> {
                    foreground = (f.a() & FOREGROUND) != 0;
                    directory = Path.of(new String(f.payload(), 0, f.payload().length - 1, StandardCharsets.UTF_8));
                }
                case WireFrame.SPAWN -> launch(f);
                case WireFrame.GATE -> start(f);
                case WireFrame.END -> {
                    return f.flags() == 0 ? f.a() : 0;
                }
                default -> {
                    // Of no consequence for who launches nothing.
                }
            }
        }
        return -1;
    }

    private void launch(WireFrame spawn) throws IOException {
        if ((spawn.flags() & CommandLauncher.FIFOS) != 0) {
            waiting = Waiting.in(directory);
        }
        command.note(spawn.a(), LinkLaunch.SAID_PID, pid);
        command.note(spawn.a(), MonitorClient.READY, -1);
    }

    private void start(WireFrame gate) throws IOException {
        if (gate.flags() == LinkClient.IN_BUILD) {
            return;
        }
        command.send(WireFrame.of(WireFrame.LAUNCHED, gate.a(), pid));
        if (foreground) {
            command.exited(pid, gate.a());
        }
    }

    /** The init that it was told to launch so that it outlives the command. */
    public Waiting waiting() throws IOException {
        Waiting w = waiting;
        if (w == null) {
            throw new IOException("nothing was to be launched");
        }
        return w;
    }

    @Override
    public void close() throws IOException {
        command.close();
    }
}
