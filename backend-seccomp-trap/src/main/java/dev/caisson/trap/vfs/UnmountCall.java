package dev.caisson.trap.vfs;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.mounts.MountInfo;
import dev.caisson.trap.mounts.MountRequest;
import dev.caisson.trap.mounts.Mounts;

/**
 * umount2(2), which knows names alone, and refuses what somebody holds: so what a path leads to is looked at and let go of again, and the guard is given its
 * name in the directory where it is. Nobody can rename that, for it is mounted on.
 */
final class UnmountCall {
    private static final long EPERM = -Errno.EPERM.number();
    private static final long EINVAL = -Errno.EINVAL.number();

    private static final int O_PATH_CLOEXEC = 0x280000;
    private static final int RESOLVE_NO_SYMLINKS = 4;
    private static final int MNT_FORCE = 1;
    private static final int MNT_EXPIRE = 4;
    private static final int UMOUNT_NOFOLLOW = 8;

    private UnmountCall() {}

    static long unmount(GuestCall c) {
        int flags = c.intArg(1);
        if ((flags & ~0xf) != 0) {
            return EINVAL;
        }
        Place target = Place.of(c, NamedPlaces.open(c, 0, (flags & UMOUNT_NOFOLLOW) == 0));
        // Nobody here may hold what nobody there does.
        target.close(c);
        if (target.fd() < 0) {
            return target.fd();
        }
        if (!MountCalls.mayMount(c)) {
            return EPERM;
        }
        if (!target.isRoot() || ((flags & MNT_EXPIRE) != 0 && (flags & ~(MNT_EXPIRE | UMOUNT_NOFOLLOW)) != 0)) {
            return EINVAL;
        }
        c.container().handedOver().settle();
        return MountCalls.changing(c, m -> unmount(c, m, flags, target));
    }

    private static long unmount(GuestCall c, Mounts m, int flags, Place target) {
        MountInfo mount = m.table.get(target.mount());
        if (mount == null || m.table.isLocked(target.mount())) {
            return EINVAL;
        }
        if ((flags & MNT_FORCE) != 0) {
            return EPERM; // as outside of the first user namespace
        }
        int slash = mount.point().lastIndexOf('/');
        String name = mount.point().substring(slash + 1);
        if (name.isEmpty() || name.length() > MountRequest.NAME_MAX) {
            return EINVAL;
        }
        long parent = directory(c, slash == 0 ? "/" : mount.point().substring(0, slash));
        if (parent < 0) {
            return EINVAL;
        }
        try {
            if (mountAt(c, parent, name) != target.mount()) {
                return EINVAL; // there is another one over it
            }
            m.begin(MountRequest.UNMOUNT, flags);
            m.name(name);
            return m.ask(parent);
        } finally {
            c.kernel().call(Nr.close, parent);
        }
    }

    private static long directory(GuestCall c, String path) {
        if (path.length() >= GuestCall.PATH_MAX) {
            return EINVAL;
        }
        c.becomeCaller();
        c.putPath(GuestCall.TEXT, path);
        int how = GuestCall.DATA;
        c.memory().putLong(how, O_PATH_CLOEXEC | 0x10000 /* O_DIRECTORY */);
        c.memory().putLong(how + 8, 0);
        c.memory().putLong(how + 16, RESOLVE_NO_SYMLINKS);
        return c.kernel()
                .call(
                        Nr.openat2,
                        GuestCall.AT_FDCWD,
                        c.memory().address(GuestCall.TEXT),
                        c.memory().address(how),
                        24);
    }

    /** The id of the mount that a name in a directory leads to. */
    private static long mountAt(GuestCall c, long directory, String name) {
        c.putPath(GuestCall.TEXT, name);
        Place place = Place.of(
                c,
                c.kernel()
                        .call(
                                Nr.openat,
                                directory,
                                c.memory().address(GuestCall.TEXT),
                                O_PATH_CLOEXEC | 0x20000 /* O_NOFOLLOW */));
        place.close(c);
        return place.mount();
    }
}
