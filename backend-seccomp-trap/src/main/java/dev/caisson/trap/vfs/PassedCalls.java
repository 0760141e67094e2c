package dev.caisson.trap.vfs;

import dev.caisson.linux.Errno;
import dev.caisson.trap.data.MessageCalls;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Handler;
import dev.caisson.trap.net.EgressCalls;
import dev.caisson.trap.policy.Addresses;
import dev.caisson.trap.policy.Subject;
import java.util.Map;

/**
 * Calls that the host's kernel does, in the container's namespaces, after a look by the policy. The kernel reads again what was looked at: a program of
 * several threads that races with it gets past the policy, though not past the wall.
 */
public final class PassedCalls {
    private static final int MSGHDR_SIZE = 56;
    private static final int MMSGHDR_SIZE = 64;
    private static final int UIO_MAXIOV = 1024;
    private static final int SOCKADDR_STORAGE = 128;
    private static final long CLONE_FS = 0x200;
    private static final int F_OFD_GETLK = 36;
    private static final int F_OFD_SETLK = 37;
    private static final int F_OFD_SETLKW = 38;
    private static final long EACCES = -Errno.EACCES.number();

    private PassedCalls() {}

    /** Adds these calls' handlers. */
    public static void register(Map<String, Handler> h) {
        h.put("pass", c -> GuestCall.PROCEED);
        h.put("setrlimit", c -> rlimit(c, c.intArg(0)));
        h.put("prlimit64", c -> c.arg(2) == 0 ? GuestCall.PROCEED : rlimit(c, c.intArg(1)));
        h.put("exec", c -> exec(c, path(c, Names.NO_DIRECTORY, 0, false)));
        h.put("execveat", PassedCalls::execveat);
        h.put("flock", PassedCalls::lock);
        h.put("fcntl", PassedCalls::fcntl);
        h.put("chdir", c -> moves(c, path(c, Names.NO_DIRECTORY, 0, false)));
        h.put("fchdir", c -> moves(c, GuestCall.PROCEED));
        h.put("clone", PassedCalls::sharing);
        h.put("connect", EgressCalls.connect(c -> passed(address(c, Subject.CONNECT, c.arg(1), c.intArg(2)))));
        h.put("bind", c -> passed(address(c, Subject.BIND, c.arg(1), c.intArg(2))));
        h.put(
                "sendto",
                EgressCalls.sendto(c -> c.container().isStrict()
                        ? MessageCalls.sendto(c)
                        : passed(address(c, Subject.CONNECT, c.arg(4), c.intArg(5)))));
        h.put("sendmsg", EgressCalls.sendmsg(c -> {
            long refusal = message(c, c.arg(1));
            return refusal != 0 || !c.container().isStrict() ? passed(refusal) : MessageCalls.sendmsg(c);
        }));
        h.put("sendmmsg", EgressCalls.sendmmsg(c -> {
            long refusal = messages(c);
            return refusal != 0 || !c.container().isStrict() ? passed(refusal) : MessageCalls.sendmmsg(c);
        }));
    }

    private static long moves(GuestCall c, long result) {
        c.container().moves().move();
        return result;
    }

    /** A process that shares its working directory with another, and one with new namespaces, for which the rule does not hold either way. */
    private static long sharing(GuestCall c) {
        if (!c.isWithinRule(c.arg(0) & ~CLONE_FS)) {
            return -Errno.EPERM.number();
        }
        c.container().moves().share();
        return GuestCall.PROCEED;
    }

    private static long rlimit(GuestCall c, int resource) {
        c.container().fileSizes().sets(resource);
        return GuestCall.PROCEED;
    }

    private static long passed(long refusal) {
        return refusal == 0 ? GuestCall.PROCEED : refusal;
    }

    private static long path(GuestCall c, int directory, int path, boolean isLink) {
        if (c.isExamined() || c.isTraced()) {
            int length = c.readPath(c.arg(path), GuestCall.PATH);
            // What cannot be read the kernel refuses with the right errno.
            if (c.isExamined()
                    && length > 0
                    && !PolicyNames.may(c, directory, c.path(GuestCall.PATH, length), GuestCall.PATH, isLink)) {
                return EACCES;
            }
        }
        return GuestCall.PROCEED;
    }

    private static long execveat(GuestCall c) {
        return exec(c, path(c, 0, 1, (c.intArg(4) & Names.AT_SYMLINK_NOFOLLOW) != 0));
    }

    /** Who the caller is may be otherwise afterwards. */
    private static long exec(GuestCall c, long result) {
        c.forgetCaller();
        c.container().handedOver().settle(); // a file that is open for writing cannot be executed
        return result;
    }

    /** Locks that belong to open files: what was closed must not hold one any more. */
    private static long lock(GuestCall c) {
        c.container().handedOver().settle();
        return GuestCall.PROCEED;
    }

    private static long fcntl(GuestCall c) {
        int command = c.intArg(1);
        if (command == F_OFD_SETLK || command == F_OFD_SETLKW || command == F_OFD_GETLK) {
            // They also keep off a process's locks, which are native.
            c.container().handedOver().closesAreSeen();
            return lock(c);
        }
        return c.isWithinRule() ? GuestCall.PROCEED : -Errno.EINVAL.number();
    }

    private static long address(GuestCall c, Subject subject, long address, int length) {
        if (!c.isExamined() || address == 0 || length <= 0) {
            return 0;
        }
        int size = Math.min(length, SOCKADDR_STORAGE);
        if (c.read(address, GuestCall.TEXT, size) != 0) {
            return 0; // EFAULT, says the kernel
        }
        return c.may(subject, Addresses.text(c.memory().getBytes(GuestCall.TEXT, size))) ? 0 : EACCES;
    }

    /** struct msghdr begins with the address and its length. */
    private static long message(GuestCall c, long header) {
        if (!c.isExamined() || c.read(header, GuestCall.TEXT, MSGHDR_SIZE) != 0) {
            return 0;
        }
        return address(
                c,
                Subject.CONNECT,
                c.memory().getLong(GuestCall.TEXT),
                c.memory().getInt(GuestCall.TEXT + 8));
    }

    private static long messages(GuestCall c) {
        long count = Math.min(c.arg(2) & 0xffff_ffffL, UIO_MAXIOV);
        long refusal = 0;
        for (long i = 0; c.isExamined() && i < count && refusal == 0; i++) {
            refusal = message(c, c.arg(1) + i * MMSGHDR_SIZE);
        }
        return refusal;
    }
}
