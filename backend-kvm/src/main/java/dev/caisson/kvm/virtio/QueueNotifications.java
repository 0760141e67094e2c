package dev.caisson.kvm.virtio;

import dev.caisson.linux.Fd;

/** What a driver says of one queue, for a device that waits for it with threads of its own. Any thread. */
public interface QueueNotifications {
    /** An event counter that is raised with each notification. It stays the transport's, and open until that was shut down. */
    Fd raised();

    /** Has the device look at the queue ({@link VirtioDevice#process}) and tells the driver of what was completed by that. */
    void process();

    /** Nobody waits any more: the machine ends, for its guest would wait forever. */
    void failed(String why);
}
