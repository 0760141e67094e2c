package dev.caisson.ttrpc.wire;

import io.netty.buffer.ByteBuf;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Cuts a byte stream into frames, however the bytes are chunked. Needs no channel. Not thread-safe: one instance per
 * direction of a connection, fed from one thread at a time.
 */
public final class FrameDecoder {
    // A peer that announces 4 MiB and sends nothing must not cost 4 MiB: the buffer grows with what has arrived.
    private static final int FIRST_ALLOCATION = 64 << 10;
    private static final byte[] EMPTY = new byte[0];

    private final FrameListener listener;
    private final byte[] header = new byte[FrameHeader.LENGTH];
    private int headerFill;
    private byte @Nullable [] payload;
    private int payloadLength;
    private int payloadFill;
    private long toSkip;

    /** A decoder at a frame boundary. */
    public FrameDecoder(FrameListener listener) {
        this.listener = listener;
    }

    /** Consumes {@code length} bytes of the array from {@code offset} on; keeps no reference to it. */
    public void feed(byte[] bytes, int offset, int length) {
        if (offset < 0 || length < 0 || length > bytes.length - offset) {
            throw new IndexOutOfBoundsException(
                    "range " + offset + "+" + length + " outside an array of " + bytes.length + " bytes");
        }
        int at = offset;
        int end = offset + length;
        while (at < end) {
            int n = wanted(end - at);
            if (toSkip == 0) {
                System.arraycopy(bytes, at, target(), targetIndex(), n);
            }
            at += n;
            advance(n);
        }
    }

    /** Consumes every readable byte of the buffer; does not release it. */
    public void feed(ByteBuf bytes) {
        while (bytes.isReadable()) {
            int n = wanted(bytes.readableBytes());
            if (toSkip > 0) {
                bytes.skipBytes(n);
            } else {
                bytes.readBytes(target(), targetIndex(), n);
            }
            advance(n);
        }
    }

    /** Whether the bytes fed so far end exactly at a frame's end; at end of stream, false means a truncated frame. */
    public boolean atBoundary() {
        return headerFill == 0 && toSkip == 0;
    }

    private int wanted(int available) {
        if (toSkip > 0) {
            return (int) Math.min(available, toSkip);
        }
        byte[] body = payload;
        if (body == null) {
            return Math.min(available, FrameHeader.LENGTH - headerFill);
        }
        if (payloadFill == body.length) {
            body = Arrays.copyOf(body, Math.min(payloadLength, body.length * 2));
            payload = body;
        }
        return Math.min(available, body.length - payloadFill);
    }

    private byte[] target() {
        byte[] body = payload;
        return body == null ? header : body;
    }

    private int targetIndex() {
        return payload == null ? headerFill : payloadFill;
    }

    private void advance(int n) {
        if (toSkip > 0) {
            toSkip -= n;
            return;
        }
        byte[] body = payload;
        if (body == null) {
            headerFill += n;
            if (headerFill == FrameHeader.LENGTH) {
                headerComplete();
            }
            return;
        }
        payloadFill += n;
        if (payloadFill == payloadLength) {
            emit(body);
        }
    }

    private void headerComplete() {
        long length = u32(0) & 0xffffffffL;
        if (length > FrameHeader.MAX_PAYLOAD) {
            headerFill = 0;
            toSkip = length;
            listener.onOversized(u32(4), header[8], header[9], length);
        } else if (length == 0) {
            emit(EMPTY);
        } else {
            payloadLength = (int) length;
            payloadFill = 0;
            payload = new byte[Math.min(payloadLength, FIRST_ALLOCATION)];
        }
    }

    private void emit(byte[] body) {
        payload = null;
        headerFill = 0;
        listener.onFrame(new Frame(u32(4), header[8], header[9], body));
    }

    private int u32(int at) {
        return (header[at] & 0xff) << 24
                | (header[at + 1] & 0xff) << 16
                | (header[at + 2] & 0xff) << 8
                | (header[at + 3] & 0xff);
    }
}
