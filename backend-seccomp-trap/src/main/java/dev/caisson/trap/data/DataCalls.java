package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Handler;
import java.util.Map;

/** read(2), write(2) and their relatives. */
public final class DataCalls {
    private static final long EINVAL = -Errno.EINVAL.number();
    private static final long EFAULT = -Errno.EFAULT.number();
    private static final long ESPIPE = -Errno.ESPIPE.number();

    private DataCalls() {}

    /** Adds these calls' handlers. */
    public static void register(Map<String, Handler> h) {
        h.put("read", c -> plain(c, false, Transfer.AT_POSITION));
        h.put("write", c -> plain(c, true, Transfer.AT_POSITION));
        h.put("pread64", c -> c.arg(3) < 0 ? EINVAL : plain(c, false, c.arg(3)));
        h.put("pwrite64", c -> c.arg(3) < 0 ? EINVAL : plain(c, true, c.arg(3)));
        h.put("sendfile", SendFile::run);
        h.put("readv", c -> vector(c, false, Transfer.AT_POSITION, 0));
        h.put("writev", c -> vector(c, true, Transfer.AT_POSITION, 0));
        h.put("preadv", c -> c.arg(3) < 0 ? EINVAL : vector(c, false, c.arg(3), 0));
        h.put("pwritev", c -> c.arg(3) < 0 ? EINVAL : vector(c, true, c.arg(3), 0));
        h.put("preadv2", c -> c.arg(3) < -1 ? EINVAL : vector(c, false, c.arg(3), c.intArg(5)));
        h.put("pwritev2", c -> c.arg(3) < -1 ? EINVAL : vector(c, true, c.arg(3), c.intArg(5)));
    }

    private static long plain(GuestCall c, boolean writes, long position) {
        return on(c, writes, position, 0, false);
    }

    private static long vector(GuestCall c, boolean writes, long position, int flags) {
        return on(c, writes, position, flags, true);
    }

    // Not with a lambda for the two ways to have the pieces, which would cost what it costs to move them: see
    // Names.Work.
    private static long on(GuestCall c, boolean writes, long position, int flags, boolean isVector) {
        long fd = c.takeDescriptor(c.intArg(0));
        if (fd < 0) {
            return fd;
        }
        FileKind kind = FileKind.of(c, fd, writes);
        if (kind == FileKind.CALLERS || (writes && (kind == FileKind.LOCAL || kind == FileKind.MEMORY))) {
            c.close(fd);
            return GuestCall.PROCEED;
        }
        if (position != Transfer.AT_POSITION && (kind == FileKind.STREAM || kind == FileKind.INTERNET)) {
            c.close(fd);
            return ESPIPE;
        }
        long[] error = {EFAULT};
        Pieces pieces = isVector ? Pieces.many(c, c.arg(1), c.arg(2), error) : Pieces.one(c.arg(1), c.arg(2));
        if (pieces == null) {
            c.close(fd);
            return error[0];
        }
        return new Transfer(fd, kind, writes, pieces, position, flags).run(c);
    }
}
