package dev.caisson.shim.link;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * One frame of the link; the diagram is in {@code monitor/src/wire.h}.
 *
 * @param age how long the payload had waited when it was sent, in units of 10 ms, saturating
 */
record WireFrame(int kind, int flags, int age, int a, int b, byte[] payload) {
    static final int HEADER_BYTES = 16;
    static final int MAX_PAYLOAD = 16 << 20;
    static final int VERSION = 1;
    static final byte[] EMPTY = {};

    // spotless:off
    static final int HELLO = 1, PROC = 2, EXIT = 3, CONN_OPEN = 4, CONN_CLOSE = 5, REQUEST = 6, ATTACHED = 7,
            NOTE = 8, LAUNCHED = 9, IO = 10;
    static final int ANSWER = 32, COMMIT = 33, FORGET = 34, IO_OPEN = 35, IO_CLOSE = 36, SPAWN = 37, GATE = 38,
            KILL = 39, CANNED = 40, RESIZE = 41, CLOSE_STDIN = 42, QUIT = 43, PLEDGE = 44, PLAN = 45;
    /** What PROC says of a launch. */
    static final int PROC_GATE_USED = 1, PROC_LAUNCHED = 2, PROC_EXITED = 4, PROC_LOST = 8;
    static final int COMMAND = 64, OUTPUT = 65, START_MONITOR = 66, STARTED = 67, END = 68, HANDS = 69, END_WITH = 70,
            REMOVED = 71;
    // spotless:on

    /** The bytes before the payload. */
    byte[] header() {
        return ByteBuffer.allocate(HEADER_BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(payload.length)
                .put((byte) kind)
                .put((byte) flags)
                .putShort((short) age)
                .putInt(a)
                .putInt(b)
                .array();
    }

    static WireFrame of(int kind, int a, int b) {
        return new WireFrame(kind, 0, 0, a, b, EMPTY);
    }

    static WireFrame of(int kind, int flags, int a, int b, byte[] payload) {
        return new WireFrame(kind, flags, 0, a, b, payload);
    }
}
