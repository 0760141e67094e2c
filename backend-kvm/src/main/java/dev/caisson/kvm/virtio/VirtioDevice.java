package dev.caisson.kvm.virtio;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.state.StateFormatException;
import dev.caisson.kvm.state.StateReader;
import dev.caisson.kvm.state.StateWriter;
import dev.caisson.linux.ErrnoException;
import java.io.IOException;
import java.util.List;

/**
 * A kind of device (virtio 1.2, chapter 5). Its methods are called with the transport's lock held: one at a time, from processors' threads, from
 * the device thread and from those that a device has for its queues.
 */
public interface VirtioDevice {
    /** Device id of the specification. */
    int type();

    /** Feature bits of this kind; those of queues and transport are added. */
    default long features() {
        return 0;
    }

    /** How many queues it has. */
    int queues();

    /** Its configuration space; empty where the kind has none. */
    default byte[] config() {
        return new byte[0];
    }

    /** Tells the device, before anything else, where it can wait for what is not a queue. */
    default void attach(DeviceEvents events) {}

    /**
     * Offers the device to wait for a queue's notifications with threads of its own, which call {@link QueueNotifications#process} then. Before it is
     * activated, once for each queue.
     *
     * @return whether it does; if not, the device thread does
     */
    default boolean attend(QueueNotifications queue) throws ErrnoException {
        return false;
    }

    /** The driver is ready. */
    void activate(List<VirtQueue> queues, long negotiated);

    /**
     * Works off what is in its queues.
     *
     * @param queue which one the driver has put something into
     * @throws GuestFault the driver is broken; it has to reset the device
     */
    void process(int queue) throws GuestFault;

    /**
     * The guest stands still and will be written down: requests that wait for something to happen are to be answered as if they had waited long enough.
     *
     * @throws IOException there is one that cannot
     */
    default void settle() throws IOException {}

    /** Whether it has no request that it will answer later. Without the transport's lock. */
    default boolean isIdle() {
        return true;
    }

    /**
     * Writes down what a device must know, beside its queues, that goes on in the place of this one. While the guest stands still.
     *
     * @throws IOException another one could not go on
     */
    default void save(StateWriter to) throws IOException {}

    /**
     * Goes on where another one was; {@link #activate} follows if that one was active. What it is connected with on the host is its own.
     *
     * @throws StateFormatException it is another kind of device, or cannot be in that state
     */
    default void restore(StateReader from) throws StateFormatException {}

    /** The driver starts over; nothing may be written to its memory any more. */
    void reset();
}
