package dev.caisson.ttrpc.wire;

import io.netty.buffer.ByteBuf;

/** Turns frames into bytes. Stateless. */
public final class FrameEncoder {
    private FrameEncoder() {}

    /** Header and payload in a new array. */
    public static byte[] encode(Frame frame) {
        byte[] payload = frame.payload();
        byte[] out = new byte[FrameHeader.LENGTH + payload.length];
        putU32(out, 0, payload.length);
        putU32(out, 4, frame.streamId());
        out[8] = frame.type();
        out[9] = frame.flags();
        System.arraycopy(payload, 0, out, FrameHeader.LENGTH, payload.length);
        return out;
    }

    /** Appends header and payload to the buffer. */
    public static void encode(Frame frame, ByteBuf out) {
        byte[] payload = frame.payload();
        out.ensureWritable(FrameHeader.LENGTH + payload.length);
        out.writeInt(payload.length);
        out.writeInt(frame.streamId());
        out.writeByte(frame.type());
        out.writeByte(frame.flags());
        out.writeBytes(payload);
    }

    private static void putU32(byte[] out, int at, int value) {
        out[at] = (byte) (value >>> 24);
        out[at + 1] = (byte) (value >>> 16);
        out[at + 2] = (byte) (value >>> 8);
        out[at + 3] = (byte) value;
    }
}
