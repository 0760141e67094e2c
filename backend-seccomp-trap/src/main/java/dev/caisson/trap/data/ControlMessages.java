package dev.caisson.trap.data;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Control messages of what is sent (cmsg(3)), as a caller wrote them: those of which more is known here than their length are let through. */
final class ControlMessages {
    private static final int HEADER = 16;
    private static final int ALIGNMENT = 8;
    private static final int IPPROTO_IP = 0;
    private static final int IPPROTO_UDP = 17;
    private static final int IPPROTO_IPV6 = 41;

    private ControlMessages() {}

    /** Whether it is nothing else than such ones. What is too short for another one at the end is nobody's, as on Linux. */
    static boolean areKnown(byte[] control) {
        ByteBuffer bytes = ByteBuffer.wrap(control).order(ByteOrder.LITTLE_ENDIAN);
        int at = 0;
        while (control.length - at >= HEADER) {
            long length = bytes.getLong(at);
            if (length < HEADER
                    || length > control.length - at
                    || !isKnown(bytes.getInt(at + 8), bytes.getInt(at + 12))) {
                return false;
            }
            at = (int) Math.min(at + (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, control.length);
        }
        return true;
    }

    private static boolean isKnown(int level, int type) {
        return switch (level) {
            case IPPROTO_IP -> type == 1 || type == 2 || type == 8; // IP_TOS, IP_TTL, IP_PKTINFO
            case IPPROTO_IPV6 ->
                type == 50 || type == 52 || type == 62 || type == 67; // PKTINFO, HOPLIMIT, DONTFRAG, TCLASS
            case IPPROTO_UDP -> type == 103; // UDP_SEGMENT
            default -> false;
        };
    }
}
