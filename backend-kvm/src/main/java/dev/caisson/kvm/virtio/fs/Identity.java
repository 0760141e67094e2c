package dev.caisson.kvm.virtio.fs;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;

/**
 * Whom the host's file systems take the calling thread for. What a process of the guest's makes belongs to it from the first moment; whether it
 * may was decided by the guest's kernel, which knows its groups and capabilities, so permissions are not asked for once more. One object per
 * thread.
 */
final class Identity implements AutoCloseable {
    private static final int SYS_SETFSUID = 122;
    private static final int SYS_SETFSGID = 123;
    private static final int SYS_CAPGET = 125;
    private static final int SYS_CAPSET = 126;
    private static final int VERSION_3 = 0x20080522;
    private static final int FSETID = 4;
    private static final int DATA = 8;
    /** Of two {@code struct __user_cap_data_struct}: effective, permitted, inheritable. */
    private static final int DATA_SIZE = 24;

    private final KernelCalls calls = new KernelCalls();
    private final NativeMemory memory = new NativeMemory(DATA + DATA_SIZE);
    private final int ownUid;
    private final int ownGid;
    private final int effectiveLow;
    private final int effectiveHigh;

    /** On the thread that will use it. */
    Identity() {
        memory.putInt(0, VERSION_3);
        long result = calls.call(SYS_CAPGET, memory.address(), memory.address(DATA));
        if (result != 0) {
            throw new IllegalStateException("capget: errno " + -result);
        }
        effectiveLow = memory.getInt(DATA);
        effectiveHigh = memory.getInt(DATA + 12);
        // An id that is none changes nothing, and the result is the one that there was.
        ownUid = (int) calls.call(SYS_SETFSUID, -1);
        ownGid = (int) calls.call(SYS_SETFSGID, -1);
    }

    /** What is done as somebody else. */
    interface Deed<R> {
        R perform() throws FuseError;
    }

    /** Does something as a user, whom what is made by it belongs to. */
    <R> R as(int uid, int gid, Deed<R> deed) throws FuseError {
        if (uid == ownUid && gid == ownGid) {
            return deed.perform();
        }
        calls.call(SYS_SETFSGID, gid);
        calls.call(SYS_SETFSUID, uid);
        // Another user's file system id takes the capabilities for files with it.
        setEffective(effectiveLow);
        try {
            return deed.perform();
        } finally {
            calls.call(SYS_SETFSUID, ownUid);
            calls.call(SYS_SETFSGID, ownGid);
            setEffective(effectiveLow);
        }
    }

    /** Writes as somebody whose writing makes a program lose set-user-id, set-group-id and its capabilities. */
    <R> R withoutKeepingPrivileges(Deed<R> deed) throws FuseError {
        setEffective(effectiveLow & ~(1 << FSETID));
        try {
            return deed.perform();
        } finally {
            setEffective(effectiveLow);
        }
    }

    private void setEffective(int low) {
        memory.putInt(0, VERSION_3);
        memory.putInt(4, 0);
        calls.call(SYS_CAPGET, memory.address(), memory.address(DATA));
        memory.putInt(DATA, low);
        memory.putInt(DATA + 12, effectiveHigh);
        long result = calls.call(SYS_CAPSET, memory.address(), memory.address(DATA));
        if (result != 0) {
            throw new IllegalStateException("capset: errno " + -result);
        }
    }

    @Override
    public void close() {
        memory.close();
        calls.close();
    }
}
