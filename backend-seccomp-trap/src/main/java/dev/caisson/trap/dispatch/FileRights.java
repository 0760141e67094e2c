package dev.caisson.trap.dispatch;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The file rights of one of our threads: the kernel checks them, so that permissions are those of Linux by construction. User, group and groups are
 * those of the caller; the effective capabilities are the caller's as far as they are about files, and CAP_SYS_PTRACE, without which we
 * could not read its memory. Of one thread.
 */
final class FileRights implements AutoCloseable {
    /** CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID (capabilities(7)); not MKNOD: devices are not the guest's to make. */
    private static final long ABOUT_FILES = 0b11111;

    private static final long SYS_PTRACE = 1L << 19;
    /** Where this process has it: for {@link AnyProcessor}. */
    private static final long SYS_NICE = 1L << 23;

    private static final int VERSION_3 = 0x2008_0522;
    private static final int MAX_GROUPS = 65536;
    private static final int HEADER = 0;
    private static final int DATA = 8;

    private final KernelCalls kernel;
    private final NativeMemory capabilities = new NativeMemory(64);
    private long permitted;
    private int uid;
    private int gid;
    private List<Integer> groups = List.of(-1);
    private long effective = -1;
    /** Whose rights they are, if nothing went wrong. */
    private @Nullable Caller taken;

    FileRights(KernelCalls kernel) {
        this.kernel = kernel;
        capabilities.putInt(HEADER, VERSION_3);
        if (kernel.call(Nr.capget, capabilities.address(), capabilities.address(DATA)) == 0) {
            permitted = (capabilities.getInt(DATA + 4) & 0xffff_ffffL) | ((long) capabilities.getInt(DATA + 16) << 32);
        }
    }

    /** Takes on a caller's rights; costs nothing when they are the last one's. */
    @SuppressWarnings(
            "ReferenceEquality") // the same record is what most calls bring, and to compare others takes longer than it
    // saves
    void take(Caller caller) {
        if (caller == taken) {
            return;
        }
        taken = null;
        boolean ids = uid != caller.fsUid() || gid != caller.fsGid() || !groups.equals(caller.groups());
        if (ids) {
            // Changing them needs CAP_SETUID and CAP_SETGID, which are given back below.
            setEffective(permitted);
            setGroups(caller.groups());
            setIds(caller);
        }
        long wanted = (SYS_PTRACE | SYS_NICE | (caller.capabilities() & ABOUT_FILES)) & permitted;
        if (wanted != effective) {
            setEffective(wanted);
        }
        taken = caller;
    }

    private void setIds(Caller caller) {
        kernel.call(Nr.setfsgid, caller.fsGid());
        kernel.call(Nr.setfsuid, caller.fsUid());
        // They do not say whether they did it, but what is now.
        if ((int) kernel.call(Nr.setfsgid, -1) != caller.fsGid()
                || (int) kernel.call(Nr.setfsuid, -1) != caller.fsUid()) {
            uid = -1;
            throw new IllegalStateException(
                    "setfsuid " + caller.fsUid() + " or setfsgid " + caller.fsGid() + " refused");
        }
        uid = caller.fsUid();
        gid = caller.fsGid();
        effective = -1; // a change from root to another user takes some away
    }

    private void setEffective(long wanted) {
        effective = -1;
        capabilities.putInt(HEADER, VERSION_3);
        capabilities.putInt(HEADER + 4, 0);
        capabilities.putInt(DATA, (int) wanted);
        capabilities.putInt(DATA + 4, (int) permitted);
        capabilities.putInt(DATA + 8, 0);
        capabilities.putInt(DATA + 12, (int) (wanted >>> 32));
        capabilities.putInt(DATA + 16, (int) (permitted >>> 32));
        capabilities.putInt(DATA + 20, 0);
        if (kernel.call(Nr.capset, capabilities.address(), capabilities.address(DATA)) != 0) {
            throw new IllegalStateException("capset refused");
        }
        effective = wanted;
    }

    private void setGroups(List<Integer> wanted) {
        int count = Math.min(wanted.size(), MAX_GROUPS);
        try (NativeMemory list = new NativeMemory(Math.max(4, 4 * count))) {
            for (int i = 0; i < count; i++) {
                list.putInt(4 * i, wanted.get(i));
            }
            if (kernel.call(Nr.setgroups, count, list.address()) != 0) {
                throw new IllegalStateException("setgroups refused");
            }
        }
        groups = wanted;
    }

    @Override
    public void close() {
        capabilities.close();
    }
}
