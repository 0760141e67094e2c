package dev.caisson.kvm.virtio;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.linux.direct.KernelCalls;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Entropy (virtio 1.2, 5.4): the host's random bytes, written into the guest's memory by the kernel. */
public final class RngDevice implements VirtioDevice {
    private static final int TYPE = 4;
    private static final int SYS_GETRANDOM = 318;
    /** Of one request; a driver asks again. */
    private static final long LIMIT = 4096;

    private final KernelCalls calls = new KernelCalls();
    private @Nullable VirtQueue requests;

    @Override
    public int type() {
        return TYPE;
    }

    @Override
    public int queues() {
        return 1;
    }

    @Override
    public void activate(List<VirtQueue> queues, long negotiated) {
        requests = queues.getFirst();
    }

    @Override
    public void process(int queue) throws GuestFault {
        VirtQueue from = requests;
        if (from == null) {
            return;
        }
        for (Chain chain = from.take(); chain != null; chain = from.take()) {
            chain.fill(LIMIT, (address, length) -> calls.call(SYS_GETRANDOM, address, length, 0));
            from.complete(chain);
        }
    }

    @Override
    public void reset() {
        requests = null;
    }
}
