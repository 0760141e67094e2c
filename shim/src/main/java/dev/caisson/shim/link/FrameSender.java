package dev.caisson.shim.link;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.UnixSockets;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.unix.UnixChannel;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Sends frames from the calling thread: to wake the event loop for each takes longer than to send it. Only what a full socket does not
 * take goes through the loop, and what follows that waits its turn behind it. Thread-safe.
 */
final class FrameSender {
    private final Channel channel;
    private final ReentrantLock lock = new ReentrantLock();
    /** A descriptor of its own: the channel closes its one on the loop, while somebody may be sending. Null when closed. */
    private @Nullable Fd socket;

    /** Messages that the loop has still to write. */
    private int queued;

    /** On the channel's loop. */
    FrameSender(Channel channel) throws ErrnoException {
        this.channel = channel;
        this.socket = UnixSockets.duplicate(((UnixChannel) channel).fd().intValue(), "link");
    }

    /** Sends a frame, after all that were sent before. What is lost with the link is not told here. */
    void send(WireFrame frame) {
        lock.lock();
        try {
            Fd s = socket;
            if (s == null) {
                return;
            }
            if (queued > 0) {
                queue(frame);
                return;
            }
            byte[] header = header(frame);
            int length = header.length + frame.payload().length;
            int sent = UnixSockets.trySend(s, header, frame.payload());
            if (sent == 0) {
                queue(frame);
            } else if (sent < length) {
                queue(rest(header, frame.payload(), sent));
            }
        } catch (ErrnoException e) {
            close(); // the loop sees the end of the connection, after what the peer still said
        } finally {
            lock.unlock();
        }
    }

    private void queue(Object message) {
        queued++;
        channel.writeAndFlush(message).addListener(done -> {
            lock.lock();
            try {
                queued--;
            } finally {
                lock.unlock();
            }
        });
    }

    private ByteBuf rest(byte[] header, byte[] payload, int sent) {
        ByteBuf rest = channel.alloc().buffer(header.length + payload.length - sent);
        if (sent < header.length) {
            rest.writeBytes(header, sent, header.length - sent);
        }
        int from = Math.max(0, sent - header.length);
        return rest.writeBytes(payload, from, payload.length - from);
    }

    private static byte[] header(WireFrame f) {
        return ByteBuffer.allocate(WireFrame.HEADER_BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(f.payload().length)
                .put((byte) f.kind())
                .put((byte) f.flags())
                .putShort((short) f.age())
                .putInt(f.a())
                .putInt(f.b())
                .array();
    }

    /** Gives the descriptor back; nothing is sent any more. The channel must be closed, or about to be. */
    void close() {
        lock.lock();
        try {
            Fd s = socket;
            socket = null;
            if (s != null) {
                s.close();
            }
        } finally {
            lock.unlock();
        }
    }
}
