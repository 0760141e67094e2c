package dev.caisson.trap.net;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Handler;
import java.util.Map;

/** socket(2) and what goes with it. */
public final class SocketCalls {
    private static final int AF_UNIX = 1;
    private static final int AF_INET = 2;
    private static final int AF_INET6 = 10;
    private static final int AF_NETLINK = 16;
    private static final int SOCK_STREAM = 1;
    private static final int SOCK_DGRAM = 2;
    private static final int SOCK_RAW = 3;
    private static final int SOCK_SEQPACKET = 5;
    private static final int SOCK_MAX = 11;
    private static final int SOCK_NONBLOCK = 0x800;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int IPPROTO_TCP = 6;
    private static final int IPPROTO_UDP = 17;

    private SocketCalls() {}

    /** Adds these calls' handlers. */
    public static void register(Map<String, Handler> h) {
        h.put("socket", SocketCalls::socket);
    }

    /** 0 if a socket of this kind may be, or a negative errno as the kernel has it for a family that was not built. */
    static long check(int family, int type, int protocol) {
        int kind = type & 0xf;
        if ((type & ~(0xf | SOCK_NONBLOCK | SOCK_CLOEXEC)) != 0) {
            return -Errno.EINVAL.number();
        }
        boolean isKind = switch (family) {
            case AF_UNIX -> kind == SOCK_STREAM || kind == SOCK_DGRAM || kind == SOCK_SEQPACKET;
            case AF_INET, AF_INET6 -> kind == SOCK_STREAM || kind == SOCK_DGRAM || kind == SOCK_RAW;
            case AF_NETLINK -> kind == SOCK_RAW || kind == SOCK_DGRAM;
            default -> true;
        };
        if (!isKind && kind < SOCK_MAX) {
            return -Errno.ESOCKTNOSUPPORT.number();
        }
        if (kind >= SOCK_MAX) {
            return -Errno.EINVAL.number();
        }
        boolean known = switch (family) {
            case AF_UNIX ->
                (kind == SOCK_STREAM || kind == SOCK_DGRAM || kind == SOCK_SEQPACKET)
                        && (protocol == 0 || protocol == 1);
            case AF_INET, AF_INET6 ->
                (kind == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP))
                        || (kind == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP));
            case AF_NETLINK -> (kind == SOCK_RAW || kind == SOCK_DGRAM) && protocol == 0;
            default -> false;
        };
        if (known) {
            return 0;
        }
        boolean family0 = family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK;
        return kind == SOCK_RAW && (family == AF_INET || family == AF_INET6)
                ? -Errno.EPERM.number()
                : family0 ? -Errno.EPROTONOSUPPORT.number() : -Errno.EAFNOSUPPORT.number();
    }

    private static long socket(GuestCall c) {
        long refused = check(c.intArg(0), c.intArg(1), c.intArg(2));
        // The registers say all. Whoever makes a socket, in that one's group it is, and so under that one's programs.
        return refused != 0 ? refused : GuestCall.PROCEED;
    }
}
