package dev.caisson.trap.mounts;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.locks.ReentrantLock;

/**
 * What the processes of a container that may mount have mounted, and the way to its guard, who does it. Its methods are for who holds {@link #lock}:
 * one change after the other.
 */
public final class Mounts implements AutoCloseable {
    // syscall_64.tbl
    private static final int CLOSE = 3;
    private static final int SENDMSG = 46;
    private static final int RECVMSG = 47;

    private static final int ANSWER = MountRequest.SIZE;
    private static final int HEADER = ANSWER + MountRequest.ANSWER_SIZE;
    private static final int HEADER_SIZE = 56;
    private static final int PIECE = HEADER + 64;
    private static final int CONTROL = PIECE + 16;
    private static final int SIZE = CONTROL + 32;
    private static final int SOL_SOCKET = 1;
    private static final int SCM_RIGHTS = 1;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int CMSG_HEADER = 16;
    private static final long LOST = -Errno.EIO.number();

    private final KernelCalls kernel;
    private final int socket;
    private final NativeMemory memory = new NativeMemory(SIZE);

    /** Who changes something holds it. */
    public final ReentrantLock lock = new ReentrantLock();
    /** What may be done. */
    public final MountTable table = new MountTable();

    private long made;
    private boolean isClosed;
    private volatile boolean isProcElsewhere;

    /** @param socket the one whose other end is the guard's; closed with this */
    public Mounts(KernelCalls kernel, int socket) {
        this.kernel = kernel;
        this.socket = socket;
    }

    /** Whether the container's procfs may be elsewhere too. */
    public boolean isProcElsewhere() {
        return isProcElsewhere;
    }

    /** Whether the container has ended. */
    public boolean isClosed() {
        return isClosed;
    }

    public void procIsElsewhere() {
        isProcElsewhere = true;
    }

    /** Begins another request. */
    public void begin(int op, int flags) {
        memory.zero(0, MountRequest.SIZE);
        memory.putInt(MountRequest.OP, op);
        memory.putInt(MountRequest.FLAGS, flags);
    }

    public void attributes(long value) {
        memory.putLong(MountRequest.ATTRIBUTES, value);
    }

    /** struct mount_attr. */
    public void attr(long set, long clear, long propagation) {
        memory.putLong(MountRequest.ATTR, set);
        memory.putLong(MountRequest.ATTR + 8, clear);
        memory.putLong(MountRequest.ATTR + 16, propagation);
    }

    public void name(String name) {
        memory.putBytes(MountRequest.NAME, name.getBytes(StandardCharsets.ISO_8859_1));
    }

    public void options(MountOptions options) {
        options.values()
                .forEach((option, text) -> memory.putBytes(option.at(), text.getBytes(StandardCharsets.ISO_8859_1)));
    }

    /**
     * Has the request carried out.
     *
     * @param fds at most two descriptors, which stay the caller's
     * @return 0, or a negative errno
     */
    public long ask(long... fds) {
        memory.zero(ANSWER, SIZE - ANSWER);
        int control = CMSG_HEADER + 4 * fds.length;
        memory.putLong(CONTROL, control);
        memory.putInt(CONTROL + 8, SOL_SOCKET);
        memory.putInt(CONTROL + 12, SCM_RIGHTS);
        for (int i = 0; i < fds.length; i++) {
            memory.putInt(CONTROL + CMSG_HEADER + 4 * i, (int) fds[i]);
        }
        header(0, MountRequest.SIZE);
        memory.putLong(HEADER + 32, memory.address(CONTROL));
        memory.putLong(HEADER + 40, CMSG_HEADER + ((4L * fds.length + 7) & ~7));
        if (kernel.call(SENDMSG, socket, memory.address(HEADER), MSG_NOSIGNAL) != MountRequest.SIZE) {
            return LOST;
        }
        memory.zero(HEADER, HEADER_SIZE);
        header(ANSWER, MountRequest.ANSWER_SIZE);
        long got;
        do {
            got = kernel.call(RECVMSG, socket, memory.address(HEADER), 0);
        } while (got == -Errno.EINTR.number());
        made = memory.getLong(ANSWER + MountRequest.ANSWER_ID);
        return got == MountRequest.ANSWER_SIZE ? memory.getLong(ANSWER) : LOST;
    }

    private void header(int at, int size) {
        memory.putLong(PIECE, memory.address(at));
        memory.putLong(PIECE + 8, size);
        memory.putLong(HEADER + 16, memory.address(PIECE));
        memory.putLong(HEADER + 24, 1);
    }

    /** The id of the mount that the last request made. */
    public long made() {
        return made;
    }

    @Override
    public void close() {
        lock.lock();
        try {
            isClosed = true;
            kernel.call(CLOSE, socket);
            memory.close();
        } finally {
            lock.unlock();
        }
    }
}
