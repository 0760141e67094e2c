package dev.caisson.ttrpc.wire;

import java.util.Arrays;

/**
 * One ttrpc frame. The payload array is handed over, not copied: neither the creator nor a receiver may change it.
 * Types and flags this implementation does not know are representable, since peers may send them.
 */
public final class Frame {
    private static final byte[] EMPTY = new byte[0];

    private final int streamId;
    private final byte type;
    private final byte flags;
    private final byte[] payload;

    /**
     * A frame of any type.
     *
     * @param streamId an unsigned 32-bit number
     * @throws IllegalArgumentException if the payload is longer than {@link FrameHeader#MAX_PAYLOAD}
     */
    public Frame(int streamId, byte type, byte flags, byte[] payload) {
        if (payload.length > FrameHeader.MAX_PAYLOAD) {
            throw new IllegalArgumentException("frame payload of " + payload.length + " bytes exceeds the limit of "
                    + FrameHeader.MAX_PAYLOAD + " bytes");
        }
        this.streamId = streamId;
        this.type = type;
        this.flags = flags;
        this.payload = payload;
    }

    /** A Request frame. */
    public static Frame request(int streamId, byte flags, byte[] payload) {
        return new Frame(streamId, FrameHeader.REQUEST, flags, payload);
    }

    /** A Response frame; it carries no flags. */
    public static Frame response(int streamId, byte[] payload) {
        return new Frame(streamId, FrameHeader.RESPONSE, (byte) 0, payload);
    }

    /** A Data frame with a message, which may be empty. */
    public static Frame data(int streamId, byte[] payload) {
        return new Frame(streamId, FrameHeader.DATA, (byte) 0, payload);
    }

    /** A Data frame that says "nothing more from me" and carries no message. */
    public static Frame halfClose(int streamId) {
        return new Frame(streamId, FrameHeader.DATA, (byte) (FrameHeader.REMOTE_CLOSED | FrameHeader.NO_DATA), EMPTY);
    }

    /** The stream's number, an unsigned 32-bit value. */
    public int streamId() {
        return streamId;
    }

    /** One of {@link FrameHeader}'s types, or a value unknown to this implementation. */
    public byte type() {
        return type;
    }

    /** {@link FrameHeader}'s flags, or-ed. */
    public byte flags() {
        return flags;
    }

    /** Whether all bits of the flag are set. */
    public boolean has(byte flag) {
        return (flags & flag) == flag;
    }

    /** The payload itself, not a copy. */
    public byte[] payload() {
        return payload;
    }

    @Override
    public boolean equals(Object o) {
        return o instanceof Frame f
                && f.streamId == streamId
                && f.type == type
                && f.flags == flags
                && Arrays.equals(f.payload, payload);
    }

    @Override
    public int hashCode() {
        return (streamId * 31 + type) * 31 + Arrays.hashCode(payload);
    }

    /** Header fields only: payloads may hold secrets of a container's environment. */
    @Override
    public String toString() {
        return "Frame[stream=" + Integer.toUnsignedString(streamId) + ", type=" + type + ", flags=" + flags
                + ", length=" + payload.length + "]";
    }
}
