package dev.caisson.shim.link;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Frames from the bytes of one connection. Keeps only what is not complete yet. For one thread. */
final class FrameDecoder {
    private static final byte[] NOTHING = {};

    private byte[] bytes = NOTHING;
    private int from;
    private int to;

    /** Takes what was received. */
    void add(byte[] more) {
        if (from == to) {
            bytes = more;
            from = 0;
            to = more.length;
            return;
        }
        int kept = to - from;
        if (bytes.length - to < more.length) {
            // At least doubled, so that a large frame is not copied for each of its parts.
            byte[] larger = new byte[Math.max(2 * kept, kept + more.length)];
            System.arraycopy(bytes, from, larger, 0, kept);
            bytes = larger;
            from = 0;
            to = kept;
        }
        System.arraycopy(more, 0, bytes, to, more.length);
        to += more.length;
    }

    /**
     * The next frame, or null when it is not complete.
     *
     * @throws IOException a length above the limit: the peer is not one of ours
     */
    @Nullable
    WireFrame next() throws IOException {
        if (to - from < WireFrame.HEADER_BYTES) {
            return null;
        }
        ByteBuffer in = ByteBuffer.wrap(bytes, from, to - from).order(ByteOrder.LITTLE_ENDIAN);
        long length = in.getInt() & 0xffffffffL;
        if (length > WireFrame.MAX_PAYLOAD) {
            throw new IOException(
                    "link frame of " + length + " bytes exceeds the limit of " + WireFrame.MAX_PAYLOAD + " bytes");
        }
        if (in.remaining() - (WireFrame.HEADER_BYTES - Integer.BYTES) < length) {
            return null;
        }
        int kind = in.get() & 0xff;
        int flags = in.get() & 0xff;
        int age = in.getShort() & 0xffff;
        int a = in.getInt();
        int b = in.getInt();
        int begin = from + WireFrame.HEADER_BYTES;
        from = begin + (int) length;
        byte[] payload = length == 0 ? WireFrame.EMPTY : Arrays.copyOfRange(bytes, begin, from);
        if (from == to) {
            bytes = NOTHING;
            from = to = 0;
        }
        return new WireFrame(kind, flags, age, a, b, payload);
    }
}
