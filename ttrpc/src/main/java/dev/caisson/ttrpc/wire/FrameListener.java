package dev.caisson.ttrpc.wire;

/** Receives what a {@link FrameDecoder} finds, on the thread that feeds it and in the order of the bytes. */
public interface FrameListener {
    /** A whole frame. */
    void onFrame(Frame frame);

    /**
     * A frame whose payload is longer than {@link FrameHeader#MAX_PAYLOAD}. The decoder skips the payload as it
     * arrives; the connection stays usable.
     *
     * @param length the announced length in bytes, at most 2^32-1
     */
    void onOversized(int streamId, byte type, byte flags, long length);
}
