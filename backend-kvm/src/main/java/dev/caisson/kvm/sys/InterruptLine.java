package dev.caisson.kvm.sys;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;

/**
 * A line to a machine's interrupt controllers. Any thread.
 *
 * <p>By KVM_IRQ_LINE and not by an irqfd: the kernel leaves what is signalled there to a worker thread of its own, unless the interrupt is a message
 * (irqfd_wakeup, virt/kvm/eventfd.c), and devices on virtio-mmio have lines.
 */
public final class InterruptLine implements AutoCloseable {
    private final KernelCalls calls = new KernelCalls();
    private final NativeMemory high = new NativeMemory(KvmAbi.IRQ_LEVEL_SIZE);
    private final NativeMemory low = new NativeMemory(KvmAbi.IRQ_LEVEL_SIZE);
    private final Fd vm;
    private boolean closed;

    InterruptLine(Fd vm, int number) {
        this.vm = vm;
        high.putInt(KvmAbi.IRQ_LEVEL_IRQ, number);
        high.putInt(KvmAbi.IRQ_LEVEL_LEVEL, 1);
        low.putInt(KvmAbi.IRQ_LEVEL_IRQ, number);
        low.putInt(KvmAbi.IRQ_LEVEL_LEVEL, 0);
    }

    /** Raises an interrupt, as an edge. Alone: a second edge would be none while the line is high, and the guest may have looked before that. */
    public synchronized void raise() throws ErrnoException {
        if (closed) {
            return; // a device may have work of its own left, for nobody
        }
        Ioctl.call(calls, vm, KvmAbi.KVM_IRQ_LINE, "KVM_IRQ_LINE", high.address());
        Ioctl.call(calls, vm, KvmAbi.KVM_IRQ_LINE, "KVM_IRQ_LINE", low.address());
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        high.close();
        low.close();
        calls.close();
    }
}
