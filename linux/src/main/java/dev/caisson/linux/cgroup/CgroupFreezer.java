package dev.caisson.linux.cgroup;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Stops all tasks of a group, on either version. */
sealed interface CgroupFreezer {
    /** Stops every task and waits until all have stopped; runs again after a time-out. */
    void freeze(Duration timeout) throws ErrnoException, CgroupException;

    /** Lets every task run again. */
    void thaw() throws ErrnoException;

    /** Whether all tasks have stopped. */
    boolean frozen() throws ErrnoException;

    /**
     * That of a container's groups.
     *
     * @throws CgroupException if there is none on this host
     */
    static CgroupFreezer of(CgroupState state) throws CgroupException {
        if (state.unified() != null) {
            return new Unified(state.unified());
        }
        CgroupFreezer freezer = version1(state);
        if (freezer == null) {
            throw new CgroupException("freeze: this host has no cgroup controller freezer");
        }
        return freezer;
    }

    /** The one of version 1, if the host has it, whether or not it is the one to use. */
    static @Nullable Version1 version1(CgroupState state) {
        String directory = state.controllers().get("freezer");
        return directory == null ? null : new Version1(directory);
    }

    /** cgroup.freeze and cgroup.events (cgroup-v2.rst, Linux 5.2). A frozen task can be killed. */
    record Unified(String directory) implements CgroupFreezer {
        @Override
        public void freeze(Duration timeout) throws ErrnoException, CgroupException {
            HostFiles.write(directory + "/cgroup.freeze", "1");
            Deadline deadline = new Deadline(timeout);
            while (!frozen()) {
                if (!deadline.pause(1)) {
                    thaw();
                    throw new CgroupException("freeze " + directory + ": tasks still ran after " + timeout.toMillis()
                            + " ms, thawed again");
                }
            }
        }

        @Override
        public void thaw() throws ErrnoException {
            HostFiles.write(directory + "/cgroup.freeze", "0");
        }

        @Override
        public boolean frozen() throws ErrnoException {
            String events = CgroupFile.text(directory, "cgroup.events");
            return events != null && CgroupFile.value(events, "frozen") == 1;
        }
    }

    /** freezer.state (cgroup-v1/freezer-subsystem.rst). A signal to a frozen task, SIGKILL too, waits until it is thawed. */
    record Version1(String directory) implements CgroupFreezer {
        /** A task in an uninterruptible sleep of vfork's kind can only stop after one that is frozen already went on. */
        private static final int TRIES_BEFORE_THAW = 50;

        @Override
        public void freeze(Duration timeout) throws ErrnoException, CgroupException {
            Deadline deadline = new Deadline(timeout);
            for (int tries = 0; ; tries++) {
                // Written again each time: the kernel looks for tasks that were forked meanwhile only then.
                HostFiles.write(directory + "/freezer.state", "FROZEN");
                if (frozen()) {
                    return;
                }
                if (tries % TRIES_BEFORE_THAW == TRIES_BEFORE_THAW - 1) {
                    thaw();
                }
                if (!deadline.pause(1)) {
                    thaw();
                    throw new CgroupException("freeze " + directory + ": tasks still ran after " + timeout.toMillis()
                            + " ms, thawed again");
                }
            }
        }

        @Override
        public void thaw() throws ErrnoException {
            Errno errno = HostFiles.tryWrite(directory + "/freezer.state", "THAWED");
            if (!errno.ok() && errno != Errno.ENOENT) {
                throw new ErrnoException(errno, "write", directory + "/freezer.state");
            }
        }

        @Override
        public boolean frozen() throws ErrnoException {
            String state = CgroupFile.text(directory, "freezer.state");
            return state != null && state.startsWith("FROZEN");
        }
    }
}
