package dev.caisson.shim.events;

import com.google.protobuf.MessageLite;
import dev.caisson.linux.ErrnoException;
import dev.caisson.shim.translate.Timestamps;
import dev.caisson.ttrpc.AnyTypes;
import dev.caisson.ttrpc.CallOptions;
import dev.caisson.ttrpc.Code;
import dev.caisson.ttrpc.Metadata;
import dev.caisson.ttrpc.ServiceNames;
import dev.caisson.ttrpc.TtrpcClient;
import dev.caisson.ttrpc.TtrpcException;
import dev.caisson.ttrpc.proto.forward.ForwardRequest;
import dev.caisson.ttrpc.proto.types.Envelope;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * Publishes to one containerd, strictly in order: the head is tried until containerd has it. A containerd that is away delays
 * events and loses none, and never delays an answer. Thread-safe.
 */
public final class EventQueue {
    private static final Duration CALL_TIME = Duration.ofSeconds(5);
    private static final long RETRY_MILLIS = 200;
    /** When containerd is back after an outage, its clients need a moment to subscribe again. */
    private static final long SETTLE_MILLIS = 2000;

    /** An event on its way, and what to do when it has arrived. */
    private record Pending(Envelope envelope, Runnable delivered) {}

    private final String address;
    private final Object lock = new Object();
    /** Guarded by the lock; what is being sent is still its head. */
    private final ArrayDeque<Pending> queue = new ArrayDeque<>();

    private @Nullable TtrpcClient client;
    private boolean outage;

    /** @param address path of containerd's ttrpc socket; empty: nobody to publish to, events count as delivered */
    public EventQueue(String address) {
        this.address = address;
        Thread.ofVirtual().name("events " + address).start(this::run);
    }

    /**
     * Queues an event of now. It has its place among all others from here on, and goes with the next {@link #send}: what a request has
     * brought about is announced when the request has been answered, since the one who asked waits for that.
     *
     * @param delivered run when containerd has it
     */
    public void publish(String namespace, String topic, MessageLite event, Runnable delivered) {
        Envelope envelope = Envelope.newBuilder()
                .setTimestamp(Timestamps.of(Instant.now()))
                .setNamespace(namespace)
                .setTopic(topic)
                .setEvent(AnyTypes.pack(event))
                .build();
        synchronized (lock) {
            queue.add(new Pending(envelope, delivered));
        }
    }

    /** Lets go what is queued. */
    public void send() {
        synchronized (lock) {
            if (!queue.isEmpty()) {
                lock.notifyAll();
            }
        }
    }

    /** Waits until everything queued so far is delivered; false when the time is over. */
    public boolean drain(Duration timeout) throws InterruptedException {
        long end = System.nanoTime() + timeout.toNanos();
        synchronized (lock) {
            lock.notifyAll();
            while (!queue.isEmpty()) {
                long millis = (end - System.nanoTime()) / 1_000_000;
                if (millis <= 0) {
                    return false;
                }
                lock.wait(millis);
            }
        }
        return true;
    }

    private Pending head() throws InterruptedException {
        synchronized (lock) {
            while (queue.isEmpty()) {
                lock.wait();
            }
            return queue.getFirst();
        }
    }

    private void run() {
        try {
            while (true) {
                Pending p = head();
                while (!send(p.envelope)) {
                    Thread.sleep(RETRY_MILLIS);
                }
                p.delivered.run();
                synchronized (lock) {
                    queue.removeFirst();
                    if (queue.isEmpty()) {
                        lock.notifyAll();
                    }
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** False when containerd could not be reached: worth another try. */
    private boolean send(Envelope envelope) throws InterruptedException {
        if (address.isEmpty()) {
            return true;
        }
        try {
            TtrpcClient c = client;
            if (c == null) {
                c = EventConnection.connect(address);
                client = c;
                if (outage) {
                    outage = false;
                    Thread.sleep(SETTLE_MILLIS);
                }
            }
            c.call(
                    ServiceNames.EVENTS,
                    "Forward",
                    ForwardRequest.newBuilder().setEnvelope(envelope).build(),
                    com.google.protobuf.Empty.parser(),
                    CallOptions.timeout(CALL_TIME)
                            .withMetadata(Metadata.of(Metadata.NAMESPACE, envelope.getNamespace())));
            return true;
        } catch (TtrpcException e) {
            if (e.code() == Code.UNAVAILABLE || e.code() == Code.DEADLINE_EXCEEDED || e.code() == Code.CANCELED) {
                hangUp();
                return false;
            }
            // containerd has it and does not want it: again would not help.
            System.getLogger(EventQueue.class.getName())
                    .log(
                            System.Logger.Level.WARNING,
                            "event " + envelope.getTopic() + " was refused: " + e.getMessage());
            return true;
        } catch (ErrnoException e) {
            hangUp();
            return false;
        }
    }

    private void hangUp() {
        outage = true;
        TtrpcClient c = client;
        client = null;
        if (c != null) {
            c.close();
        }
    }
}
