package dev.caisson.trap.vfs;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Handler;
import dev.caisson.trap.dispatch.Nr;
import java.util.Map;

/** inotify(7): the instance is a real one, watches are added to it here. */
public final class InotifyCalls {
    private static final int IN_DONT_FOLLOW = 0x0200_0000;
    private static final int IN_NONBLOCK = 0x800;

    private InotifyCalls() {}

    /** Adds these calls' handlers. */
    public static void register(Map<String, Handler> h) {
        h.put("inotify_init", c -> init(c, 0));
        h.put("inotify_init1", c -> init(c, c.intArg(0)));
        h.put("inotify_add_watch", InotifyCalls::addWatch);
    }

    private static long init(GuestCall c, int flags) {
        if ((flags & ~(IN_NONBLOCK | Names.O_CLOEXEC)) != 0) {
            return -Errno.EINVAL.number();
        }
        c.container().handedOver().closesAreSeen();
        long fd = c.kernel().call(Nr.inotify_init1, flags | Names.O_CLOEXEC);
        return c.answerDescriptor(fd, (flags & Names.O_CLOEXEC) != 0);
    }

    private static long addWatch(GuestCall c) {
        boolean follow = (c.intArg(2) & IN_DONT_FOLLOW) == 0;
        long instance = c.takeDescriptor(c.intArg(0));
        if (instance < 0) {
            return instance;
        }
        try {
            return Names.named(
                    c,
                    Names.NO_DIRECTORY,
                    1,
                    GuestCall.PATH,
                    follow ? Names.Below.TARGET : Names.Below.LINK,
                    (dir, name, empty) -> {
                        // The call has no directory argument: this thread's own working directory stands for it.
                        c.kernel().call(Nr.fchdir, empty != 0 ? c.hostProc() : dir);
                        if (empty != 0) {
                            c.putPath(GuestCall.PATH2, "self/fd/" + dir);
                        }
                        long path = empty != 0 ? c.memory().address(GuestCall.PATH2) : name;
                        return c.kernel().call(Nr.inotify_add_watch, instance, path, c.arg(2));
                    });
        } finally {
            c.close(instance);
        }
    }
}
