package dev.caisson.ttrpc.wire;

/**
 * The ten bytes before every payload, big-endian:
 *
 * <pre>
 *   byte  0      1      2      3      4      5      6      7      8      9      10 ...
 *       +------+------+------+------+------+------+------+------+------+------+---------
 *       |    payload length (u32)   |      stream id (u32)      | type | flags| payload
 *       +------+------+------+------+------+------+------+------+------+------+---------
 * </pre>
 *
 * <p>Source: containerd/ttrpc PROTOCOL.md, "Frame format".
 */
public final class FrameHeader {
    /** Bytes of a header. */
    public static final int LENGTH = 10;

    /** Most bytes of payload in one frame, in either direction: 4 MiB. */
    public static final int MAX_PAYLOAD = 4 << 20;

    /** Opens a stream; the payload is a {@code ttrpc.Request}. Sent by clients only. */
    public static final byte REQUEST = 1;

    /** Ends a stream; the payload is a {@code ttrpc.Response}. Sent by servers only. */
    public static final byte RESPONSE = 2;

    /** One bare message of an open stream. */
    public static final byte DATA = 3;

    /** The sender will send nothing more on this stream. */
    public static final byte REMOTE_CLOSED = 0x01;

    /** The sender of this request will send data on the stream. */
    public static final byte REMOTE_OPEN = 0x02;

    /** This frame carries no message, as opposed to an empty one. */
    public static final byte NO_DATA = 0x04;

    private FrameHeader() {}
}
