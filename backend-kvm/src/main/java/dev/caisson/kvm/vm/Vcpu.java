package dev.caisson.kvm.vm;

import dev.caisson.kvm.bus.Bus;
import dev.caisson.kvm.sys.KvmVcpu;
import dev.caisson.kvm.sys.VcpuExit;
import dev.caisson.linux.ErrnoException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/** The thread of one processor: runs the guest and does what it stops for. */
final class Vcpu implements Runnable {
    private final KvmVcpu vcpu;
    private final Bus ports;
    private final Bus memory;
    private final Consumer<VmEnd> onEnd;
    private final AtomicLong portExits = new AtomicLong();
    private final AtomicLong memoryExits = new AtomicLong();
    private volatile boolean stopping;
    private volatile boolean pausing;
    /** Whether the thread stands still, or has left. Guarded by this. */
    private boolean still;

    /** @param onEnd called when this processor's guest can or shall not go on; may be called by several processors */
    Vcpu(KvmVcpu vcpu, Bus ports, Bus memory, Consumer<VmEnd> onEnd) {
        this.vcpu = vcpu;
        this.ports = ports;
        this.memory = memory;
        this.onEnd = onEnd;
    }

    /** Makes the thread leave. Any thread. */
    void stop() throws ErrnoException {
        stopping = true;
        vcpu.kick();
        synchronized (this) {
            notifyAll();
        }
    }

    /** Makes the guest's processor stand still; {@link #awaitStill} says when it does. Any thread. */
    void pause() throws ErrnoException {
        pausing = true;
        vcpu.kick();
    }

    /**
     * Waits until it stands still.
     *
     * @return whether it did in time
     */
    synchronized boolean awaitStill(long nanos) throws InterruptedException {
        long end = System.nanoTime() + nanos;
        while (!still) {
            long left = end - System.nanoTime();
            if (left <= 0) {
                return false;
            }
            wait(1 + left / 1_000_000);
        }
        return true;
    }

    /** Lets it go on. Any thread. */
    synchronized void resume() {
        pausing = false;
        notifyAll();
    }

    /** Ends what the guest has begun with a port or a device: what was answered is taken over by the processor's next run only. */
    private void finish(VcpuExit exit) throws ErrnoException {
        vcpu.requestExit(true);
        while (!stopping && vcpu.run()) {
            handle(exit);
        }
    }

    /** Returns when it may go on. */
    private synchronized void standStill() {
        still = true;
        notifyAll();
        while (pausing && !stopping) {
            try {
                wait();
            } catch (InterruptedException e) {
                // Nobody has a reason to; what it waits for decides.
                assert pausing || stopping : e;
            }
        }
        still = false;
        if (!stopping) {
            vcpu.requestExit(false);
        }
    }

    /** How often the guest stopped for a port, and for a device's memory. */
    ExitCounts exits() {
        return new ExitCounts(portExits.get(), memoryExits.get());
    }

    @Override
    public void run() {
        try {
            vcpu.claimThread();
            VcpuExit exit = vcpu.exit();
            while (!stopping) {
                if (pausing) {
                    finish(exit);
                    standStill();
                    vcpu.tellPaused();
                } else if (vcpu.run()) {
                    handle(exit);
                }
            }
        } catch (ErrnoException e) {
            onEnd.accept(new VmEnd(VmEnd.Cause.FAILED, String.valueOf(e.getMessage())));
        } catch (RuntimeException | Error e) {
            // Whatever it is, a guest must not be left with a processor that never answers.
            onEnd.accept(new VmEnd(VmEnd.Cause.FAILED, "defect in the monitor: " + e));
        } finally {
            synchronized (this) {
                still = true;
                notifyAll();
            }
        }
    }

    private void handle(VcpuExit exit) throws ErrnoException {
        switch (exit.reason()) {
            case PORT -> {
                portExits.lazySet(portExits.get() + 1);
                port(exit);
            }
            case MEMORY -> {
                memoryExits.lazySet(memoryExits.get() + 1);
                if (exit.isMemoryWrite()) {
                    memory.write(exit.memoryAddress(), exit.memoryLength(), exit.memoryValue());
                } else {
                    exit.answerMemory(memory.read(exit.memoryAddress(), exit.memoryLength()));
                }
            }
            case SHUTDOWN -> onEnd.accept(VmEnd.of(VmEnd.Cause.TRIPLE_FAULT));
            case SYSTEM_EVENT -> {
                if (exit.isReset() || exit.isPowerOff()) {
                    onEnd.accept(VmEnd.of(exit.isReset() ? VmEnd.Cause.RESET : VmEnd.Cause.POWER_OFF));
                } else {
                    fail(exit);
                }
            }
            case INTERRUPTED -> {
                // As if a signal had come: the loop looks at what is wanted.
            }
            default -> fail(exit);
        }
    }

    private void port(VcpuExit exit) {
        int size = exit.portSize();
        for (int i = 0; i < exit.portCount(); i++) {
            if (exit.isPortWrite()) {
                ports.write(exit.port(), size, exit.portValue(i));
            } else {
                exit.answerPort(i, (int) ports.read(exit.port(), size));
            }
        }
    }

    private void fail(VcpuExit exit) throws ErrnoException {
        stopping = true;
        onEnd.accept(new VmEnd(
                VmEnd.Cause.FAILED, exit.describe() + " at 0x" + Long.toHexString(vcpu.instructionPointer())));
    }
}
