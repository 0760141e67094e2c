package dev.caisson.kvm.vm;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;

/** Beginnings of requests that each kind of device understands. */
final class HostileRequests {
    static final int NET = 1;
    static final int BLOCK = 2;
    static final int CONSOLE = 3;
    static final int RNG = 4;
    static final int BALLOON = 5;
    static final int VSOCK = 19;
    static final int FS = 26;

    static final int GUEST_CID = 3;
    static final int HOST_PORT = 1024;

    private static final String[] NAMES = {"data", "fixed", "a", "..", "link", "new", "d", "a/b", "", "/etc/passwd"};
    private static final int[] BLOCK_REQUESTS = {0, 1, 4, 8, 11, 13, 99};

    private HostileRequests() {}

    /** Whether the device writes into such a queue's buffers. */
    static boolean isInput(int type, int queue) {
        return switch (type) {
            case NET, VSOCK, CONSOLE -> queue == 0;
            case RNG, BALLOON -> true;
            default -> false;
        };
    }

    static byte[] header(SplittableRandom random, int type) {
        ByteBuffer to = ByteBuffer.allocate(256).order(ByteOrder.LITTLE_ENDIAN);
        switch (type) {
            case BLOCK ->
                to.putInt(BLOCK_REQUESTS[random.nextInt(BLOCK_REQUESTS.length)])
                        .putInt(0)
                        .putLong(random.nextInt(20));
            case VSOCK -> packet(random, to);
            case FS -> file(random, to);
            case NET -> to.putInt(0).putInt(0).putInt(0).put(new byte[random.nextInt(200)]);
            default -> to.put("what a guest says\n".getBytes(StandardCharsets.US_ASCII));
        }
        byte[] header = new byte[to.position()];
        to.flip().get(header);
        return header;
    }

    private static void packet(SplittableRandom random, ByteBuffer to) {
        int length = random.nextInt(64);
        to.putLong(GUEST_CID)
                .putLong(2)
                .putInt(random.nextInt(4))
                .putInt(random.nextInt(4) == 0 ? (1 << 30) + random.nextInt(4) : HOST_PORT)
                .putInt(length)
                .putShort((short) 1)
                .putShort((short) random.nextInt(9))
                .putInt(random.nextInt(4))
                .putInt(random.nextInt(3) * 4096)
                .putInt(random.nextInt(3))
                .put(new byte[length]);
    }

    /** A FUSE request, the greeting among them. */
    private static void file(SplittableRandom random, ByteBuffer to) {
        byte[] name = (NAMES[random.nextInt(NAMES.length)] + "\0").getBytes(StandardCharsets.US_ASCII);
        int opcode = random.nextInt(4) == 0 ? 26 : random.nextInt(53);
        int arguments = random.nextInt(6) * 8;
        to.putInt(40 + arguments + name.length)
                .putInt(opcode)
                .putLong(random.nextInt(100))
                .putLong(1 + random.nextInt(6))
                .putInt(0)
                .putInt(0)
                .putInt(1)
                .putInt(0);
        for (int i = 0; i < arguments; i += 8) {
            to.putLong(opcode == 26 && i == 0 ? 7 | 38L << 32 : random.nextInt(3) == 0 ? random.nextLong() : i);
        }
        to.put(name);
    }
}
