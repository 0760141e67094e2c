package dev.caisson.linux.direct;

/**
 * Seccomp user notification (seccomp_unotify(2)), one reader's side: receives a stopped call, and answers it. One object per thread. The
 * methods return a negative errno where the kernel gives one; after ENOENT the call is no more.
 *
 * <pre>
 *   struct seccomp_notif        id 0, pid 8, flags 12, nr 16, arch 20, instruction_pointer 24, args 32    80 bytes
 *   struct seccomp_notif_resp   id 0, val 8, error 16, flags 20                                           24 bytes
 *   struct seccomp_notif_addfd  id 0, flags 8, srcfd 12, newfd 16, newfd_flags 20                         24 bytes
 * </pre>
 */
public final class SeccompListener implements AutoCloseable {
    private static final int SYS_POLL = 7;
    private static final int EINTR = 4;
    private static final int POLLIN = 1;
    private static final int POLLHUP = 0x10;
    private static final int SYS_IOCTL = 16;
    // include/uapi/linux/seccomp.h: _IOWR('!', 0, 80), _IOWR('!', 1, 24), _IOW('!', 2, 8), _IOW('!', 3, 24), _IOW('!',
    // 4, 8).
    private static final long RECV = 0xc050_2100L;
    private static final long SEND = 0xc018_2101L;
    private static final long ID_VALID = 0x4008_2102L;
    private static final long ADDFD = 0x4018_2103L;
    private static final long SET_FLAGS = 0x4008_2104L;
    private static final int SYNC_WAKE_UP = 1;
    private static final int FLAG_CONTINUE = 1;
    private static final int ADDFD_SEND = 2;
    private static final int NOTIF_SIZE = 80;
    private static final int RESPONSE = 128;

    private final KernelCalls calls;
    private final int fd;
    private final NativeMemory memory = new NativeMemory(256);
    /** Of the call: they are asked for several times, and the first compiler makes much of a look at native memory. */
    private long id;

    private int tid;
    private int number;

    /** A reader of an open listener, which stays the caller's. */
    public SeccompListener(KernelCalls calls, int fd) {
        this.calls = calls;
        this.fd = fd;
    }

    /** The call that was received, to be answered by another thread. */
    public SeccompListener copy() {
        SeccompListener copy = new SeccompListener(calls, fd);
        copy.memory.putBytes(0, memory.getBytes(0, NOTIF_SIZE));
        copy.look();
        return copy;
    }

    /** Wakes the answered task on the answering thread's CPU (Linux 6.6); older kernels refuse, and are slower. */
    public long wakeSynchronously() {
        return calls.call(SYS_IOCTL, fd, SET_FLAGS, SYNC_WAKE_UP);
    }

    /** Waits for a stopped call; its parts are then what the accessors say. */
    public long receive() {
        // The kernel wants it zeroed.
        memory.zero(0, NOTIF_SIZE);
        long result = calls.call(SYS_IOCTL, fd, RECV, memory.address());
        look();
        return result;
    }

    private void look() {
        id = memory.getLong(0);
        tid = memory.getInt(8);
        number = memory.getInt(16);
    }

    /**
     * Makes the accessors say that a thread had made a call, which nobody did: for rehearsals, with a listener of descriptor -1, to which no
     * answer goes.
     *
     * @param numberAndArguments at most six arguments
     */
    public void pretend(int tid, long... numberAndArguments) {
        memory.zero(0, NOTIF_SIZE);
        memory.putInt(8, tid);
        memory.putInt(16, (int) numberAndArguments[0]);
        for (int i = 1; i < numberAndArguments.length; i++) {
            memory.putLong(32 + 8 * (i - 1), numberAndArguments[i]);
        }
        look();
    }

    /** Whether no task is left that could make a call (POLLHUP, Linux 5.9); {@link #receive} then fails with ENOENT at once. */
    public boolean isAbandoned() {
        memory.putInt(RESPONSE, fd);
        memory.putInt(RESPONSE + 4, 0);
        return calls.call(SYS_POLL, memory.address(RESPONSE), 1, 0) == 1
                && (memory.getShort(RESPONSE + 6) & POLLHUP) != 0;
    }

    /** Waits until {@link #receive} has something to take, where nobody else takes it; false when no task is left that could make a call. */
    public boolean awaitCall() {
        long ready;
        do {
            memory.putInt(RESPONSE, fd);
            memory.putInt(RESPONSE + 4, POLLIN);
            ready = calls.call(SYS_POLL, memory.address(RESPONSE), 1, -1);
        } while (ready == -EINTR);
        return ready == 1 && (memory.getShort(RESPONSE + 6) & POLLIN) != 0;
    }

    public long id() {
        return id;
    }

    /** Thread that made the call, in the reader's pid namespace. */
    public int tid() {
        return tid;
    }

    public int number() {
        return number;
    }

    /** Argument 0 to 5. */
    public long argument(int index) {
        return memory.getLong(32 + 8 * index);
    }

    /** Whether the call still waits, so that what was read from its thread's memory was its memory. */
    public boolean isValid() {
        memory.putLong(RESPONSE, id);
        return calls.call(SYS_IOCTL, fd, ID_VALID, memory.address(RESPONSE)) == 0;
    }

    /** Lets the call return a result, or a negative errno; -512 and -514 restart it around a signal. */
    public long answer(long result) {
        boolean failed = result < 0 && result >= -4095;
        return send(failed ? 0 : result, failed ? (int) result : 0, 0);
    }

    /** Lets the kernel do it. */
    public long proceed() {
        return send(0, 0, FLAG_CONTINUE);
    }

    private long send(long value, int error, int flags) {
        memory.putLong(RESPONSE, id);
        memory.putLong(RESPONSE + 8, value);
        memory.putInt(RESPONSE + 16, error);
        memory.putInt(RESPONSE + 20, flags);
        return calls.call(SYS_IOCTL, fd, SEND, memory.address(RESPONSE));
    }

    /**
     * Puts a copy of a descriptor into the caller's table (Linux 5.9), before the answer: in one with it the caller would go on before this process
     * has closed its own copy, and might find the file busy (ETXTBSY) or a pipe not ended.
     *
     * @param source a descriptor of this process; stays open
     * @param flags O_CLOEXEC or 0
     * @return its number there, or a negative errno: EMFILE, or ENOENT
     */
    public long addDescriptor(int source, int flags) {
        return addDescriptor(source, flags, 0);
    }

    /**
     * As {@link #addDescriptor}, and its number there is the call's answer (Linux 5.14): the caller is woken once and not twice. It goes on
     * while the descriptor is still open here. After an error the call waits on.
     */
    public long answerWithDescriptor(int source, int flags) {
        return addDescriptor(source, flags, ADDFD_SEND);
    }

    private long addDescriptor(int source, int flags, int how) {
        memory.putLong(RESPONSE, id);
        memory.putInt(RESPONSE + 8, how);
        memory.putInt(RESPONSE + 12, source);
        memory.putInt(RESPONSE + 16, 0);
        memory.putInt(RESPONSE + 20, flags);
        return calls.call(SYS_IOCTL, fd, ADDFD, memory.address(RESPONSE));
    }

    /** Frees this reader's memory; the descriptor stays open. */
    @Override
    public void close() {
        memory.close();
    }
}
