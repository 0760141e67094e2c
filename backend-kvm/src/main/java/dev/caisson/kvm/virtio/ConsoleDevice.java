package dev.caisson.kvm.virtio;

import dev.caisson.kvm.memory.GuestFault;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A console with one port (virtio 1.2, 5.3): bytes out to a sink, bytes in from here. */
public final class ConsoleDevice implements VirtioDevice {
    /** Where the guest's bytes go; must not wait. */
    public interface Sink {
        void put(byte[] bytes, int length);
    }

    private static final int TYPE = 3;
    private static final int RECEIVE = 0;
    private static final int TRANSMIT = 1;
    private static final int INPUT_LIMIT = 1 << 16;
    private static final int CHUNK = 4096;

    private final Sink sink;
    private final byte[] chunk = new byte[CHUNK];
    private final byte[] input = new byte[INPUT_LIMIT];
    private int inputSize;
    private @Nullable List<VirtQueue> active;

    public ConsoleDevice(Sink sink) {
        this.sink = sink;
    }

    @Override
    public int type() {
        return TYPE;
    }

    @Override
    public int queues() {
        return 2;
    }

    @Override
    public byte[] config() {
        return new byte[12];
    }

    @Override
    public void activate(List<VirtQueue> queues, long negotiated) {
        active = queues;
    }

    /** Keeps bytes for the guest until it takes them; the caller then lets the transport process queue 0. Returns how many there was room for. */
    public synchronized int receive(byte[] bytes) {
        int taken = Math.min(bytes.length, INPUT_LIMIT - inputSize);
        System.arraycopy(bytes, 0, input, inputSize, taken);
        inputSize += taken;
        return taken;
    }

    @Override
    public void process(int queue) throws GuestFault {
        List<VirtQueue> queues = active;
        if (queues == null) {
            return;
        }
        if (queue == TRANSMIT) {
            VirtQueue out = queues.get(TRANSMIT);
            for (Chain chain = out.take(); chain != null; chain = out.take()) {
                while (chain.readable() > 0) {
                    int now = (int) Math.min(chain.readable(), CHUNK);
                    chain.read(chunk, 0, now);
                    sink.put(chunk, now);
                }
                out.complete(chain);
            }
        }
        deliver(queues.get(RECEIVE));
    }

    private synchronized void deliver(VirtQueue in) throws GuestFault {
        while (inputSize > 0) {
            Chain chain = in.take();
            if (chain == null) {
                return;
            }
            int now = (int) Math.min(inputSize, chain.writable());
            chain.write(input, 0, now);
            System.arraycopy(input, now, input, 0, inputSize - now);
            inputSize -= now;
            in.complete(chain);
        }
    }

    @Override
    public void reset() {
        active = null;
    }
}
