package dev.caisson.shim.link;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/** The command binary's end of the link, for a daemon that asks another one, or itself. Blocks; for one thread at a time. */
public final class CommandClient extends LinkClient {
    /** Connects to a daemon's socket. */
    public CommandClient(Path socket) throws IOException {
        super(socket);
    }

    /** Asks as a command without environment and input would. */
    public void call(List<String> argv, Path cwd) throws IOException {
        byte[] words = (String.join("\0", argv) + "\0" + cwd + "\0").getBytes(StandardCharsets.UTF_8);
        ByteBuffer payload = ByteBuffer.allocate(12 + words.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(argv.size())
                .putInt(0)
                .putInt(0)
                .put(words);
        send(WireFrame.of(WireFrame.COMMAND, 0, 0, 0, payload.array()));
    }

    /**
     * Waits until it is told to start a monitor.
     *
     * @return the key of the pod that the monitor would be of
     */
    public String awaitMonitor() throws IOException {
        WireFrame f = awaitFrame(WireFrame.START_MONITOR);
        if (f == null) {
            throw new IOException("no monitor is to be started");
        }
        String words = new String(f.payload(), 0, f.payload().length - 1, StandardCharsets.UTF_8);
        return words.substring(words.lastIndexOf('\0') + 1);
    }

    /** Says that the monitor that the command was told to start runs. */
    public void started(int pid) throws IOException {
        send(WireFrame.of(WireFrame.STARTED, 0, pid));
    }

    /** Says that it does not. */
    public void startFailed(int errno) throws IOException {
        send(WireFrame.of(WireFrame.STARTED, errno, 0));
    }

    /**
     * Waits for the next END, whatever else the daemon says before it.
     *
     * @return its exit code, or -1 if the connection ends first
     */
    public int awaitEnd() throws IOException {
        WireFrame f = awaitFrame(WireFrame.END);
        return f == null ? -1 : f.a();
    }
}
