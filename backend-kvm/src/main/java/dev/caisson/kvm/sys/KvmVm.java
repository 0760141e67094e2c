package dev.caisson.kvm.sys;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.EventFd;
import dev.caisson.linux.Fd;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.Mapping;
import dev.caisson.linux.direct.NativeMemory;

/** A machine: memory slots, the interrupt controllers that the kernel plays, events. One thread; it ends with its last descriptor. */
public final class KvmVm implements AutoCloseable {
    /** Three pages that Intel's virtual real mode needs, in a place where no memory may be. */
    private static final int TSS_ADDRESS = 0xfffbd000;

    /** PIC master, PIC slave, IOAPIC. */
    public static final int CHIPS = 3;

    /** Bytes of each of {@link #interruptControllers}. */
    public static final int CHIP_SIZE = KvmAbi.IRQCHIP_SIZE;

    private final KernelCalls calls = new KernelCalls();
    private final NativeMemory argument = new NativeMemory(64);
    private final Fd fd;
    private final long runSize;

    KvmVm(Fd fd, long runSize) {
        this.fd = fd;
        this.runSize = runSize;
    }

    /** Makes PIC, IOAPIC and the processors' local APICs. Before any {@link #createVcpu}. */
    public void createInterruptControllers() throws ErrnoException {
        Ioctl.call(calls, fd, KvmAbi.KVM_SET_TSS_ADDR, "KVM_SET_TSS_ADDR", Integer.toUnsignedLong(TSS_ADDRESS));
        Ioctl.call(calls, fd, KvmAbi.KVM_CREATE_IRQCHIP, "KVM_CREATE_IRQCHIP", 0);
    }

    /**
     * Gives the guest memory.
     *
     * @param slot number of ours
     * @param guestAddress where it is for the guest; a multiple of a page
     * @param memory what it is here, which must stay mapped until this is closed
     * @param offset in it; a multiple of a page, as is {@code length}
     */
    public void setMemory(int slot, long guestAddress, Mapping memory, long offset, long length) throws ErrnoException {
        setMemory(slot, 0, guestAddress, memory, offset, length);
    }

    /** As {@link #setMemory}, but the guest can only read it: what it writes there is an exit, or signals what waits for such a write. */
    public void setReadOnlyMemory(int slot, long guestAddress, Mapping memory, long offset, long length)
            throws ErrnoException {
        setMemory(slot, KvmAbi.KVM_MEM_READONLY, guestAddress, memory, offset, length);
    }

    private void setMemory(int slot, int flags, long guestAddress, Mapping memory, long offset, long length)
            throws ErrnoException {
        argument.zero(0, KvmAbi.REGION_SIZE);
        argument.putInt(KvmAbi.REGION_SLOT, slot);
        argument.putInt(KvmAbi.REGION_FLAGS, flags);
        argument.putLong(KvmAbi.REGION_GUEST, guestAddress);
        argument.putLong(KvmAbi.REGION_BYTES, length);
        argument.putLong(KvmAbi.REGION_USERSPACE, memory.address(offset, length));
        Ioctl.call(calls, fd, KvmAbi.KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION", argument.address());
    }

    /** An interrupt line of a controller's; it must be closed before this. */
    public InterruptLine interruptLine(int number) {
        return new InterruptLine(fd, number);
    }

    /** Lets a guest's 32-bit write of one value to one address signal a counter, without an exit to here. */
    public void connectWrite(EventFd event, long guestAddress, int value) throws ErrnoException {
        argument.zero(0, KvmAbi.IOEVENTFD_SIZE);
        argument.putLong(KvmAbi.IOEVENTFD_DATAMATCH, value);
        argument.putLong(KvmAbi.IOEVENTFD_ADDR, guestAddress);
        argument.putInt(KvmAbi.IOEVENTFD_LEN, Integer.BYTES);
        argument.putInt(KvmAbi.IOEVENTFD_FD, event.fd().number());
        argument.putInt(KvmAbi.IOEVENTFD_FLAGS, KvmAbi.KVM_IOEVENTFD_FLAG_DATAMATCH);
        Ioctl.call(calls, fd, KvmAbi.KVM_IOEVENTFD, "KVM_IOEVENTFD", argument.address());
    }

    /** Registers of the two PICs and the IOAPIC; while the guest stands still. */
    public byte[][] interruptControllers() throws ErrnoException {
        byte[][] chips = new byte[CHIPS][];
        for (int i = 0; i < CHIPS; i++) {
            try (NativeMemory chip = new NativeMemory(KvmAbi.IRQCHIP_SIZE)) {
                chip.putInt(KvmAbi.IRQCHIP_CHIP_ID, i);
                Ioctl.call(calls, fd, KvmAbi.KVM_GET_IRQCHIP, "KVM_GET_IRQCHIP", chip.address());
                chips[i] = chip.getBytes(0, KvmAbi.IRQCHIP_SIZE);
            }
        }
        return chips;
    }

    /** Sets what {@link #interruptControllers} has said; before any processor has its state. */
    public void setInterruptControllers(byte[][] chips) throws ErrnoException {
        for (int i = 0; i < CHIPS; i++) {
            try (NativeMemory chip = new NativeMemory(KvmAbi.IRQCHIP_SIZE)) {
                chip.putBytes(0, chips[i]);
                chip.putInt(KvmAbi.IRQCHIP_CHIP_ID, i);
                Ioctl.call(calls, fd, KvmAbi.KVM_SET_IRQCHIP, "KVM_SET_IRQCHIP", chip.address());
            }
        }
    }

    /** The clock that the guest's kvm-clock follows, in nanoseconds. */
    public long clock() throws ErrnoException {
        argument.zero(0, KvmAbi.CLOCK_SIZE);
        Ioctl.call(calls, fd, KvmAbi.KVM_GET_CLOCK, "KVM_GET_CLOCK", argument.address());
        return argument.getLong(KvmAbi.CLOCK_CLOCK);
    }

    /** Lets that clock go on from a value: to the guest no time has passed. */
    public void setClock(long nanos) throws ErrnoException {
        argument.zero(0, KvmAbi.CLOCK_SIZE);
        argument.putLong(KvmAbi.CLOCK_CLOCK, nanos);
        Ioctl.call(calls, fd, KvmAbi.KVM_SET_CLOCK, "KVM_SET_CLOCK", argument.address());
    }

    /** Makes a processor, whose APIC id is {@code id}. */
    public KvmVcpu createVcpu(int id) throws ErrnoException {
        long number = Ioctl.call(calls, fd, KvmAbi.KVM_CREATE_VCPU, "KVM_CREATE_VCPU", id);
        return KvmVcpu.of(Fd.adopt((int) number, "kvm-vcpu-" + id), runSize);
    }

    @Override
    public void close() {
        fd.close();
        argument.close();
        calls.close();
    }
}
