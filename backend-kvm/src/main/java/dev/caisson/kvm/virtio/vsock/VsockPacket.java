package dev.caisson.kvm.virtio.vsock;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A packet's header (virtio 1.2, 5.10.6).
 *
 * <pre>
 *   src_cid 0, dst_cid 8, src_port 16, dst_port 20, len 24, type 28, op 30, flags 32, buf_alloc 36, fwd_cnt 40      44 bytes
 * </pre>
 *
 * @param credit {@code buf_alloc}: how much the sender's buffer takes
 * @param forwarded {@code fwd_cnt}: how much of what came the sender has passed on, modulo 2^32
 */
record VsockPacket(
        long sourceCid,
        long targetCid,
        int sourcePort,
        int targetPort,
        int length,
        int type,
        int operation,
        int flags,
        int credit,
        int forwarded) {
    static final int SIZE = 44;
    static final int STREAM = 1;

    static final int REQUEST = 1;
    static final int RESPONSE = 2;
    static final int RESET = 3;
    static final int SHUTDOWN = 4;
    static final int DATA = 5;
    static final int CREDIT_UPDATE = 6;
    static final int CREDIT_REQUEST = 7;

    /** Flags of SHUTDOWN: the sender receives no more, sends no more. */
    static final int NO_RECEIVE = 1;

    static final int NO_SEND = 2;

    static VsockPacket parse(byte[] header) {
        ByteBuffer b = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN);
        return new VsockPacket(
                b.getLong(0),
                b.getLong(8),
                b.getInt(16),
                b.getInt(20),
                b.getInt(24),
                b.getShort(28) & 0xffff,
                b.getShort(30) & 0xffff,
                b.getInt(32),
                b.getInt(36),
                b.getInt(40));
    }

    byte[] bytes() {
        return ByteBuffer.allocate(SIZE)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(sourceCid)
                .putLong(targetCid)
                .putInt(sourcePort)
                .putInt(targetPort)
                .putInt(length)
                .putShort((short) type)
                .putShort((short) operation)
                .putInt(flags)
                .putInt(credit)
                .putInt(forwarded)
                .array();
    }
}
