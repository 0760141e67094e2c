package dev.caisson.shim.link;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.ReceiveBuffer;
import dev.caisson.linux.UnixSockets;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One connection of a {@link FrameLoop}. Frames are sent from the calling thread, since to wake another one takes longer than to send;
 * what a full socket does not take follows from the loop, in order. They are received on the loop. {@link #send} and {@link #end} are
 * for any thread.
 */
final class FrameConnection {
    /** What is done with a connection's frames, all on the loop. */
    interface Receiver {
        void onFrame(WireFrame frame) throws IOException;

        /** The connection has ended, for whatever reason. */
        void onEnd();
    }

    private final FrameLoop loop;
    private final long token;
    private final Fd socket;
    private final FrameDecoder decoder = new FrameDecoder();
    private final ReentrantLock lock = new ReentrantLock();
    /** Bytes that did not fit yet; while there are any, all others wait behind them. */
    private final ArrayDeque<byte[]> unsent = new ArrayDeque<>(0);

    private Receiver receiver = new Receiver() {
        @Override
        public void onFrame(WireFrame frame) {}

        @Override
        public void onEnd() {}
    };
    private boolean watched;
    private boolean closed;

    FrameConnection(FrameLoop loop, long token, Fd socket) {
        this.loop = loop;
        this.token = token;
        this.socket = socket;
    }

    long token() {
        return token;
    }

    void receiver(Receiver r) {
        receiver = r;
    }

    /** Sends a frame, after all that were sent before. What is lost with the connection is not told here. */
    void send(WireFrame frame) {
        lock.lock();
        try {
            if (closed) {
                return;
            }
            byte[] header = frame.header();
            if (!unsent.isEmpty()) {
                unsent.add(header);
                unsent.add(frame.payload());
                return;
            }
            int sent = UnixSockets.trySend(socket, header, frame.payload());
            if (sent < header.length + frame.payload().length) {
                if (sent < header.length) {
                    unsent.add(Arrays.copyOfRange(header, sent, header.length));
                }
                int from = Math.max(0, sent - header.length);
                unsent.add(Arrays.copyOfRange(frame.payload(), from, frame.payload().length));
                watchAgain();
            }
        } catch (ErrnoException e) {
            UnixSockets.shutdown(socket); // the loop sees the end, after what the peer still said
        } finally {
            lock.unlock();
        }
    }

    /** Ends the connection, from this side; {@link Receiver#onEnd} follows. */
    void end() {
        lock.lock();
        try {
            if (!closed) {
                UnixSockets.shutdown(socket);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Whether all that was sent has left this process. */
    boolean isSent() {
        lock.lock();
        try {
            return closed || unsent.isEmpty();
        } finally {
            lock.unlock();
        }
    }

    // ---- on the loop ----

    void watch() throws ErrnoException {
        lock.lock();
        try {
            if (!closed) {
                watched = true;
                loop.watch(socket, !unsent.isEmpty(), token);
            }
        } finally {
            lock.unlock();
        }
    }

    private void watchAgain() throws ErrnoException {
        if (watched) {
            loop.watchAgain(socket, !unsent.isEmpty(), token);
        }
    }

    /** Something can be sent or received. */
    void ready(ReceiveBuffer buffer) throws IOException {
        flush();
        int got = buffer.receive(socket);
        if (got == 0) {
            close();
        } else if (got > 0) {
            decoder.add(buffer.bytes(got));
            for (WireFrame f = decoder.next(); f != null && !closed; f = decoder.next()) {
                receiver.onFrame(f);
            }
        }
    }

    private void flush() throws ErrnoException {
        lock.lock();
        try {
            if (unsent.isEmpty()) {
                return;
            }
            for (byte[] next = unsent.peek(); next != null; next = unsent.peek()) {
                int sent = next.length == 0 ? 0 : UnixSockets.trySend(socket, next, WireFrame.EMPTY);
                unsent.remove();
                if (sent < next.length) {
                    unsent.addFirst(Arrays.copyOfRange(next, sent, next.length));
                    return;
                }
            }
            watchAgain();
        } finally {
            lock.unlock();
        }
    }

    void close() {
        lock.lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            unsent.clear();
            socket.close(); // under the lock: nobody may be sending to a number that becomes a stranger's
        } finally {
            lock.unlock();
        }
        loop.forget(this);
        receiver.onEnd();
    }
}
