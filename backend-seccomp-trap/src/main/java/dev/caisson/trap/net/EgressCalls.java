package dev.caisson.trap.net;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Handler;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.egress.ContainerEgress;
import org.jspecify.annotations.Nullable;

/**
 * Calls that name where to send, under an egress policy. What is refused here is told; a program that exchanges the address afterwards is refused by the
 * kernel, whose programs are asked with the address that counts.
 */
public final class EgressCalls {
    private static final int MSGHDR_SIZE = 56;
    private static final int MMSGHDR_SIZE = 64;
    private static final int UIO_MAXIOV = 1024;
    private static final int SOCKADDR_STORAGE = 128;
    private static final int SOL_SOCKET = 1;
    private static final int SO_PROTOCOL = 38;
    private static final int PLACE = GuestCall.TEXT;
    private static final int OPTION = GuestCall.TEXT + 256;

    private EgressCalls() {}

    /** Says which addresses a call names, one after the other. */
    @FunctionalInterface
    interface Addresses {
        /** The first that is not allowed, or null. */
        ContainerEgress.@Nullable Target refused(GuestCall c, Look look);
    }

    /** connect(2). */
    public static Handler connect(Handler next) {
        return guarded(next, (c, look) -> look.refused(c, c.arg(1), c.intArg(2)));
    }

    /** sendto(2). */
    public static Handler sendto(Handler next) {
        return guarded(next, (c, look) -> look.refused(c, c.arg(4), c.intArg(5)));
    }

    /** sendmsg(2). */
    public static Handler sendmsg(Handler next) {
        return guarded(next, (c, look) -> message(c, look, c.arg(1)));
    }

    /** sendmmsg(2). */
    public static Handler sendmmsg(Handler next) {
        return guarded(next, (c, look) -> {
            long count = Math.min(c.arg(2) & 0xffff_ffffL, UIO_MAXIOV);
            ContainerEgress.Target refused = null;
            for (long i = 0; i < count && refused == null; i++) {
                refused = message(c, look, c.arg(1) + i * MMSGHDR_SIZE);
            }
            return refused;
        });
    }

    /** struct msghdr begins with the address and its length. */
    private static ContainerEgress.@Nullable Target message(GuestCall c, Look look, long header) {
        return c.read(header, PLACE, MSGHDR_SIZE) != 0
                ? null // EFAULT, says the kernel
                : look.refused(c, c.memory().getLong(PLACE), c.memory().getInt(PLACE + 8));
    }

    private static Handler guarded(Handler next, Addresses addresses) {
        return c -> {
            ContainerEgress egress = c.container().egress();
            return egress == null ? next.handle(c) : handle(c, egress, next, addresses, true);
        };
    }

    private static long handle(
            GuestCall c, ContainerEgress egress, Handler next, Addresses addresses, boolean mayWait) {
        ContainerEgress.Target refused = addresses.refused(c, new Look(egress));
        if (refused == null) {
            return next.handle(c);
        }
        if (mayWait && egress.mayLearn()) {
            // A name may have got another address.
            return c.later(call -> {
                try {
                    egress.learn();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
                return handle(call, egress, next, addresses, false);
            });
        }
        egress.refused(refused, c.name(), c.caller().guestTgid());
        c.refuse();
        return -Errno.EACCES.number();
    }

    /** The look at one call, whose socket is asked for its protocol once. */
    static final class Look {
        private final ContainerEgress egress;
        private int protocol = -1;

        Look(ContainerEgress egress) {
            this.egress = egress;
        }

        ContainerEgress.@Nullable Target refused(GuestCall c, long address, int length) {
            int size = Math.min(length, SOCKADDR_STORAGE);
            if (address == 0 || size <= 0 || c.read(address, PLACE, size) != 0) {
                return null;
            }
            ContainerEgress.Target target = ContainerEgress.target(c.memory().getBytes(PLACE, size));
            return target == null || egress.allows(protocol(c), target) ? null : target;
        }

        private int protocol(GuestCall c) {
            if (protocol < 0) {
                long fd = c.takeDescriptor(c.intArg(0));
                c.memory().putInt(OPTION, 4);
                long result = c.kernel()
                        .call(
                                Nr.getsockopt,
                                fd,
                                SOL_SOCKET,
                                SO_PROTOCOL,
                                c.memory().address(OPTION + 8),
                                c.memory().address(OPTION));
                protocol = result == 0 ? c.memory().getInt(OPTION + 8) : 0;
                c.close(fd);
            }
            return protocol;
        }
    }
}
