package dev.caisson.shim.link;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/** The command binary's end of the link, for a daemon that asks another one, or itself. Blocks; for one thread at a time. */
public final class CommandClient implements AutoCloseable {
    private final SocketChannel channel;

    /** Connects to a daemon's socket. */
    public CommandClient(Path socket) throws IOException {
        channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            channel.connect(UnixDomainSocketAddress.of(socket));
        } catch (IOException e) {
            channel.close();
            throw e;
        }
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

    /** Says what became of the monitor that the command was told to start. */
    public void startFailed(int errno) throws IOException {
        send(WireFrame.of(WireFrame.STARTED, errno, 0));
    }

    /**
     * Waits for the next END, whatever else the daemon says before it.
     *
     * @return its exit code, or -1 if the connection ends first
     */
    public int awaitEnd() throws IOException {
        ByteBuffer header = ByteBuffer.allocate(WireFrame.HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        int kind;
        do {
            if (!fill(header.clear()) || !fill(ByteBuffer.allocate(header.getInt(0)))) {
                return -1;
            }
            kind = header.get(4);
        } while (kind != WireFrame.END);
        return header.getInt(8);
    }

    private void send(WireFrame frame) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(WireFrame.HEADER_BYTES + frame.payload().length)
                .put(frame.header())
                .put(frame.payload());
        for (bytes.flip(); bytes.hasRemaining(); ) {
            channel.write(bytes);
        }
    }

    private boolean fill(ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            if (channel.read(bytes) < 0) {
                return false;
            }
        }
        return true;
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
