package dev.caisson.kvm.virtio;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;

/** How a device waits for a descriptor of its own without a thread of its own. */
public interface DeviceEvents {
    /** What is done then, with the transport's lock held. */
    interface Action {
        void run() throws GuestFault;
    }

    /** A descriptor that is waited for. Used with the transport's lock held. */
    interface Watch {
        /** Has the action run once, when the descriptor is ready for what is wanted or has an error. Replaces what was wanted before. */
        void arm(boolean readable, boolean writable) throws ErrnoException;

        /** Waits no more. Before the descriptor is closed. */
        void close() throws ErrnoException;
    }

    /** Begins to wait for a descriptor, which is not armed yet. */
    Watch watch(Fd fd, Action action) throws ErrnoException;

    /**
     * Does the end of something that was begun without the transport's lock, with the lock held, and tells the driver of what was completed. Any
     * thread. Without a transport there is nobody to be told.
     */
    default void perform(Action action) {}

    /** A change of a device's configuration. */
    interface Change {
        void make();
    }

    /**
     * Makes a change, with the transport's lock held, and tells the driver that the configuration has changed. Any thread. Without a transport
     * there is no driver either.
     */
    default void reconfigure(Change change) {
        change.make();
    }
}
