package dev.caisson.linux.direct;

/**
 * Reads and writes the memory of a stopped thread's process (process_vm_readv(2)). One object per thread. Addresses and lengths come from the
 * guest: what is not mapped is EFAULT, and nothing is read twice.
 */
public final class GuestMemory implements AutoCloseable {
    private static final int SYS_READV = 310;
    private static final int SYS_WRITEV = 311;
    private static final int PAGE = 4096;
    private static final int SHORT = 256;
    private static final int EFAULT = 14;
    private static final int REMOTE = 16;

    private final KernelCalls calls;
    private final NativeMemory iovecs = new NativeMemory(64);

    public GuestMemory(KernelCalls calls) {
        this.calls = calls;
    }

    /**
     * Copies guest memory to a place here.
     *
     * @return 0, or -EFAULT when not all of it is there, or another negative errno
     */
    public long read(int tid, long address, NativeMemory to, int offset, int length) {
        if (length == 0) {
            return 0;
        }
        return complete(transfer(SYS_READV, tid, address, to, offset, length, length), length);
    }

    /** Copies to guest memory; result as {@link #read}. */
    public long write(int tid, long address, NativeMemory from, int offset, int length) {
        if (length == 0) {
            return 0;
        }
        return complete(transfer(SYS_WRITEV, tid, address, from, offset, length, length), length);
    }

    /**
     * Copies from pieces of guest memory to one place here, up to {@code length} bytes or the first that is not mapped.
     *
     * @param pieces {@code struct iovec}s that were copied here, at most 1024 (UIO_MAXIOV)
     * @return how many bytes, which may be fewer than asked for, or a negative errno when there was none
     */
    public long gather(int tid, NativeMemory pieces, int at, int count, NativeMemory to, int offset, int length) {
        return vector(SYS_READV, tid, pieces, at, count, to, offset, length);
    }

    /** Copies from one place here to pieces of guest memory; otherwise as {@link #gather}. */
    public long scatter(int tid, NativeMemory pieces, int at, int count, NativeMemory from, int offset, int length) {
        return vector(SYS_WRITEV, tid, pieces, at, count, from, offset, length);
    }

    private long vector(
            int call, int tid, NativeMemory pieces, int at, int count, NativeMemory local, int offset, int length) {
        if (length < 0 || offset < 0 || offset > local.size() - length) {
            throw new IndexOutOfBoundsException(offset + "+" + length);
        }
        if (count < 0 || at < 0 || at > pieces.size() - count * 16) {
            throw new IndexOutOfBoundsException(at + "+" + count + " pieces");
        }
        iovecs.putLong(0, local.address(offset));
        iovecs.putLong(8, length);
        return calls.call(call, tid, iovecs.address(), 1, pieces.address(at), count, 0);
    }

    private static long complete(long result, int length) {
        return result == length ? 0 : result >= 0 ? -EFAULT : result;
    }

    /**
     * Copies a NUL-ended string of at most {@code limit} bytes, NUL included.
     *
     * @return its length, or -EFAULT, or {@code limit} when there is no NUL among so many
     */
    public int readString(int tid, long address, NativeMemory to, int offset, int limit) {
        // Most are short, and each page that is looked at takes a microsecond.
        int some = Math.min(limit, SHORT);
        int length = readPart(tid, address, to, offset, some);
        if (length != some || some == limit) {
            return length;
        }
        int rest = readPart(tid, address + some, to, offset + some, limit - some);
        return rest < 0 ? rest : some + rest;
    }

    /** As {@link #readString}, of a part. */
    private int readPart(int tid, long address, NativeMemory to, int offset, int limit) {
        // In two parts, so that the end of a mapping behind the string does no harm.
        int first = Math.min(limit, PAGE - (int) (address & (PAGE - 1)));
        long got = transfer(SYS_READV, tid, address, to, offset, first, limit);
        if (got < 0) {
            return (int) got;
        }
        int length = to.stringLength(offset, offset + (int) got);
        return length >= 0 ? length : got < limit ? -EFAULT : limit;
    }

    private long transfer(int call, int tid, long address, NativeMemory local, int offset, int first, int length) {
        if (length < 0 || offset < 0 || offset > local.size() - length) {
            throw new IndexOutOfBoundsException(offset + "+" + length);
        }
        iovecs.putLong(0, local.address(offset));
        iovecs.putLong(8, length);
        iovecs.putLong(REMOTE, address);
        iovecs.putLong(REMOTE + 8, first);
        iovecs.putLong(REMOTE + 16, address + first);
        iovecs.putLong(REMOTE + 24, (long) length - first);
        return calls.call(call, tid, iovecs.address(), 1, iovecs.address(REMOTE), first == length ? 1 : 2, 0);
    }

    @Override
    public void close() {
        iovecs.close();
    }
}
