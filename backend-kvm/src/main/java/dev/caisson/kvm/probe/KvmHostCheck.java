package dev.caisson.kvm.probe;

import dev.caisson.backend.HostCheck;
import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.sys.Kvm;
import dev.caisson.kvm.sys.KvmVcpu;
import dev.caisson.kvm.sys.KvmVm;
import dev.caisson.kvm.sys.VcpuExit;
import dev.caisson.linux.ErrnoException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Runs a tiny guest. A host can have a /dev/kvm that takes every call and yet boots no kernel in a lifetime: where virtualisation is
 * paravirtual, an ordinary guest's instructions are emulated one by one.
 */
public final class KvmHostCheck implements HostCheck {
    private static final long LIMIT_SECONDS = 3;

    @Override
    public String backend() {
        return "kvm";
    }

    @Override
    public Finding examine() {
        try (Kvm kvm = Kvm.open();
                GuestMemory memory = GuestMemory.allocate(ProbeGuest.MEMORY);
                KvmVm vm = kvm.createVm()) {
            vm.setMemory(0, 0, memory.mapping(), 0, ProbeGuest.MEMORY);
            try (KvmVcpu vcpu = vm.createVcpu(0)) {
                vcpu.setCpuid(kvm.supportedCpuid());
                vcpu.setRegisters(ProbeGuest.write(memory));
                return run(vcpu);
            }
        } catch (ErrnoException e) {
            return new Finding(false, String.valueOf(e.getMessage()));
        } catch (GuestFault e) {
            throw new IllegalStateException("the probe's guest fits its memory", e);
        }
    }

    private static Finding run(KvmVcpu vcpu) throws ErrnoException {
        CountDownLatch done = new CountDownLatch(1);
        Thread watch = Thread.ofPlatform().name("kvm-probe").daemon().start(() -> {
            try {
                // Again and again: a signal that comes just before KVM_RUN interrupts nothing, but the flag stays.
                while (!done.await(LIMIT_SECONDS, TimeUnit.SECONDS)) {
                    vcpu.kick();
                }
            } catch (InterruptedException | ErrnoException e) {
                throw new IllegalStateException("watch over the probe's guest", e);
            }
        });
        try {
            vcpu.claimThread();
            return follow(vcpu);
        } finally {
            done.countDown();
            join(watch);
        }
    }

    private static Finding follow(KvmVcpu vcpu) throws ErrnoException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        boolean said = false;
        VcpuExit exit = vcpu.exit();
        while (true) {
            if (!vcpu.run()) {
                if (System.nanoTime() >= end) {
                    return new Finding(
                            false,
                            "/dev/kvm is there, but takes more than " + LIMIT_SECONDS
                                    + " s for a guest that counts to 16 million: no kernel will boot");
                }
                continue;
            }
            switch (exit.reason()) {
                case PORT ->
                    said = exit.isPortWrite() && exit.port() == ProbeGuest.PORT && exit.portValue(0) == ProbeGuest.SAYS;
                case HALT -> {
                    return said
                            ? new Finding(true, "/dev/kvm runs guests")
                            : new Finding(false, "/dev/kvm is there, but a guest's output was lost");
                }
                case INTERRUPTED -> {
                    // As if a signal had come.
                }
                default -> {
                    return new Finding(
                            false,
                            "/dev/kvm is there, but a small guest ended with " + exit.describe() + " at 0x"
                                    + Long.toHexString(vcpu.instructionPointer()));
                }
            }
        }
    }

    private static void join(Thread thread) {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
