package dev.caisson.tests.monitor;

import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** One frame of the link, as docs/monitor-protocol.md describes it. */
record Frame(int kind, int flags, int age, int a, int b, byte[] payload) {
    // spotless:off
    static final int HELLO = 1, PROC = 2, EXIT = 3, CONN_OPEN = 4, CONN_CLOSE = 5, REQUEST = 6, ATTACHED = 7,
            NOTE = 8, LAUNCHED = 9, IO = 10;
    static final int ANSWER = 32, COMMIT = 33, FORGET = 34, IO_OPEN = 35, IO_CLOSE = 36, SPAWN = 37, GATE = 38,
            KILL = 39, CANNED = 40, RESIZE = 41, CLOSE_STDIN = 42, QUIT = 43, PLEDGE = 44, PLAN = 45;
    static final int COMMAND = 64, OUTPUT = 65, START_MONITOR = 66, STARTED = 67, END = 68,
            HANDS = 69, END_WITH = 70, REMOVED = 71;
    // spotless:on

    static Frame of(int kind, int a, int b) {
        return new Frame(kind, 0, 0, a, b, new byte[0]);
    }

    static Frame of(int kind, int flags, int a, int b, byte[] payload) {
        return new Frame(kind, flags, 0, a, b, payload);
    }

    static Frame of(int kind, int a, String text) {
        return new Frame(kind, 0, 0, a, 0, text.getBytes(StandardCharsets.UTF_8));
    }

    ByteBuffer body() {
        return ByteBuffer.wrap(payload).order(ByteOrder.LITTLE_ENDIAN);
    }

    ByteBuffer encode() {
        return ByteBuffer.allocate(16 + payload.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(payload.length)
                .put((byte) kind)
                .put((byte) flags)
                .putShort((short) age)
                .putInt(a)
                .putInt(b)
                .put(payload)
                .flip();
    }

    static Frame read(DataInputStream in) throws IOException {
        byte[] head = new byte[16];
        in.readFully(head);
        ByteBuffer h = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN);
        byte[] payload = new byte[h.getInt(0)];
        in.readFully(payload);
        return new Frame(h.get(4) & 0xff, h.get(5) & 0xff, h.getShort(6) & 0xffff, h.getInt(8), h.getInt(12), payload);
    }

    @Override
    public String toString() {
        return "frame " + kind + " flags " + flags + " a " + a + " b " + b + " of " + payload.length + " bytes";
    }
}
