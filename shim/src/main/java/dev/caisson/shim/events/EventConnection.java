package dev.caisson.shim.events;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.UnixSockets;
import dev.caisson.ttrpc.FrameSink;
import dev.caisson.ttrpc.TtrpcClient;
import dev.caisson.ttrpc.wire.Frame;
import dev.caisson.ttrpc.wire.FrameEncoder;
import dev.caisson.ttrpc.wire.FrameHeader;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * A connection to containerd's ttrpc socket for a caller that makes one call at a time and may be kept waiting: a blocking socket and a
 * thread that reads. Netty would do, but a daemon that has just been started loads it for longer than it takes to start, and a daemon that
 * is killed again and again would never get to tell an event.
 */
final class EventConnection implements FrameSink {
    private static final int READ_BYTES = 4096;

    private final Fd socket;
    private boolean open = true;

    private EventConnection(Fd socket) {
        this.socket = socket;
    }

    /** Connects; whoever closes the client closes the connection. */
    static TtrpcClient connect(String address) throws ErrnoException {
        EventConnection connection = new EventConnection(UnixSockets.connect(address));
        TtrpcClient client = new TtrpcClient(connection);
        Thread.ofPlatform().daemon().name("events").start(() -> connection.receive(client, address));
        return client;
    }

    /** Blocks its one caller, for at most the socket's time-out. What could not be sent ends the connection, and so the call. */
    @Override
    public synchronized void send(Frame frame) {
        if (!open) {
            return;
        }
        try {
            HostFiles.writeAll(socket, FrameEncoder.encode(frame));
        } catch (ErrnoException e) {
            UnixSockets.shutdown(socket);
        }
    }

    @Override
    public synchronized void close() {
        if (open) {
            UnixSockets.shutdown(socket);
        }
    }

    private void receive(TtrpcClient client, String address) {
        String end = "connection to " + address + " was lost";
        try {
            byte[] unread = new byte[0];
            byte[] more = HostFiles.readAvailable(socket, READ_BYTES);
            while (more != null) {
                byte[] all = Arrays.copyOf(unread, unread.length + more.length);
                System.arraycopy(more, 0, all, unread.length, more.length);
                int used = frames(client, all);
                if (used < 0) {
                    end = address + " sent a frame that is longer than ttrpc allows";
                    break;
                }
                unread = Arrays.copyOfRange(all, used, all.length);
                more = HostFiles.readAvailable(socket, READ_BYTES);
            }
        } catch (ErrnoException e) {
            end = String.valueOf(e.getMessage());
        } finally {
            synchronized (this) {
                open = false;
                socket.close();
            }
            client.onDisconnected(end);
        }
    }

    /** Hands over all whole frames; returns how many bytes they were, or -1 for one that no peer may send. */
    static int frames(TtrpcClient client, byte[] bytes) {
        int at = 0;
        while (bytes.length - at >= FrameHeader.LENGTH) {
            ByteBuffer header = ByteBuffer.wrap(bytes, at, FrameHeader.LENGTH);
            int length = header.getInt();
            if (length < 0 || length > FrameHeader.MAX_PAYLOAD) {
                return -1;
            }
            int stream = header.getInt();
            byte type = header.get();
            byte flags = header.get();
            int from = at + FrameHeader.LENGTH;
            if (bytes.length - from < length) {
                break;
            }
            at = from + length;
            client.onFrame(new Frame(stream, type, flags, Arrays.copyOfRange(bytes, from, at)));
        }
        return at;
    }
}
