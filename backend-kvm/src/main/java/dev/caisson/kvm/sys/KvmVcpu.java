package dev.caisson.kvm.sys;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.direct.InterruptSignal;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.Mapping;
import dev.caisson.linux.direct.NativeMemory;
import java.util.ArrayList;
import java.util.List;

/**
 * A processor. It is set up by one thread and then run by one, which need not be the same; {@link #kick} and {@link #requestExit} may come from
 * any.
 */
public final class KvmVcpu implements AutoCloseable {
    private static final int ARGUMENT = 2048;

    private final KernelCalls calls = new KernelCalls();
    private final NativeMemory argument = new NativeMemory(ARGUMENT);
    private final Fd fd;
    private final Mapping run;
    private volatile int thread;

    private KvmVcpu(Fd fd, Mapping run) {
        this.fd = fd;
        this.run = run;
    }

    static KvmVcpu of(Fd fd, long runSize) throws ErrnoException {
        try {
            return new KvmVcpu(fd, Mapping.shared(fd, runSize));
        } catch (ErrnoException e) {
            fd.close();
            throw e;
        }
    }

    /** Sets what the CPUID instruction answers. */
    public void setCpuid(List<CpuidEntry> entries) throws ErrnoException {
        try (NativeMemory memory = new NativeMemory(KvmAbi.CPUID_ENTRIES + entries.size() * KvmAbi.CPUID_ENTRY_SIZE)) {
            memory.putInt(KvmAbi.CPUID_NENT, entries.size());
            int at = KvmAbi.CPUID_ENTRIES;
            for (CpuidEntry entry : entries) {
                memory.putInt(at + KvmAbi.CPUID_FUNCTION, entry.function());
                memory.putInt(at + KvmAbi.CPUID_INDEX, entry.index());
                memory.putInt(at + KvmAbi.CPUID_FLAGS, entry.flags());
                memory.putInt(at + KvmAbi.CPUID_EAX, entry.eax());
                memory.putInt(at + KvmAbi.CPUID_EBX, entry.ebx());
                memory.putInt(at + KvmAbi.CPUID_ECX, entry.ecx());
                memory.putInt(at + KvmAbi.CPUID_EDX, entry.edx());
                at += KvmAbi.CPUID_ENTRY_SIZE;
            }
            ioctl(KvmAbi.KVM_SET_CPUID2, "KVM_SET_CPUID2", memory.address());
        }
    }

    /** Sets general and special registers to where a boot begins. */
    public void setRegisters(BootRegisters registers) throws ErrnoException {
        argument.zero(0, KvmAbi.REGS_SIZE);
        registers.writeGeneral(argument);
        ioctl(KvmAbi.KVM_SET_REGS, "KVM_SET_REGS", argument.address());
        // What is not set keeps the values of a reset, the APIC's address among them.
        ioctl(KvmAbi.KVM_GET_SREGS, "KVM_GET_SREGS", argument.address());
        registers.writeSpecial(argument);
        ioctl(KvmAbi.KVM_SET_SREGS, "KVM_SET_SREGS", argument.address());
    }

    /**
     * Sets model-specific registers.
     *
     * @param values pairs of index and value
     */
    public void setMsrs(long[][] values) throws ErrnoException {
        argument.zero(0, KvmAbi.MSRS_ENTRIES + values.length * KvmAbi.MSR_ENTRY_SIZE);
        argument.putInt(KvmAbi.MSRS_NMSRS, values.length);
        int at = KvmAbi.MSRS_ENTRIES;
        for (long[] pair : values) {
            argument.putInt(at + KvmAbi.MSR_INDEX, (int) pair[0]);
            argument.putLong(at + KvmAbi.MSR_DATA, pair[1]);
            at += KvmAbi.MSR_ENTRY_SIZE;
        }
        long done = ioctl(KvmAbi.KVM_SET_MSRS, "KVM_SET_MSRS", argument.address());
        if (done != values.length) {
            throw new ErrnoException(
                    Errno.EINVAL, "KVM_SET_MSRS", "register 0x" + Long.toHexString(values[(int) done][0]));
        }
    }

    /** Those of the given model-specific registers that it has: pairs of index and value. Not to be asked for while it runs. */
    long[][] msrs(int[] indexes) throws ErrnoException {
        List<long[]> found = new ArrayList<>();
        for (int index : indexes) {
            msr(index, 0);
            if (ioctl(KvmAbi.KVM_GET_MSRS, "KVM_GET_MSRS", argument.address()) == 1) {
                found.add(new long[] {
                    Integer.toUnsignedLong(index), argument.getLong(KvmAbi.MSRS_ENTRIES + KvmAbi.MSR_DATA)
                });
            }
        }
        return found.toArray(long[][]::new);
    }

    private void msr(int index, long value) {
        argument.zero(0, KvmAbi.MSRS_ENTRIES + KvmAbi.MSR_ENTRY_SIZE);
        argument.putInt(KvmAbi.MSRS_NMSRS, 1);
        argument.putInt(KvmAbi.MSRS_ENTRIES + KvmAbi.MSR_INDEX, index);
        argument.putLong(KvmAbi.MSRS_ENTRIES + KvmAbi.MSR_DATA, value);
    }

    /** As {@link #setMsrs}, without those that cannot be written and need not be, since they have the value already. */
    void restoreMsrs(long[][] values) throws ErrnoException {
        for (long[] pair : values) {
            int index = (int) pair[0];
            msr(index, pair[1]);
            if (ioctl(KvmAbi.KVM_SET_MSRS, "KVM_SET_MSRS", argument.address()) != 1) {
                long[][] has = msrs(new int[] {index});
                if (has.length != 1 || has[0][1] != pair[1]) {
                    throw new ErrnoException(Errno.EINVAL, "KVM_SET_MSRS", "register 0x" + Integer.toHexString(index));
                }
            }
        }
    }

    /** Its time stamp counter. */
    public long timeStamp() throws ErrnoException {
        msr(ProcessorState.TSC, 0);
        ioctl(KvmAbi.KVM_GET_MSRS, "KVM_GET_MSRS", argument.address());
        return argument.getLong(KvmAbi.MSRS_ENTRIES + KvmAbi.MSR_DATA);
    }

    /** Lets its time stamp counter go on from a value. */
    public void setTimeStamp(long value) throws ErrnoException {
        setMsrs(new long[][] {{ProcessorState.TSC, value}});
    }

    /** Lets the guest know that it stood still, so that its watchdogs do not mind. A guest without KVM's clock is not told. */
    public void tellPaused() throws ErrnoException {
        try {
            ioctl(KvmAbi.KVM_KVMCLOCK_CTRL, "KVM_KVMCLOCK_CTRL", 0);
        } catch (ErrnoException e) {
            if (e.errno() != Errno.EINVAL) {
                throw e;
            }
        }
    }

    /** Puts the floating-point unit in its state after FNINIT (Intel SDM volume 1, 8.1.5 and 10.2.3). */
    public void resetFpu() throws ErrnoException {
        argument.zero(0, KvmAbi.FPU_SIZE);
        argument.putShort(KvmAbi.FPU_FCW, 0x37f);
        argument.putInt(KvmAbi.FPU_MXCSR, 0x1f80);
        ioctl(KvmAbi.KVM_SET_FPU, "KVM_SET_FPU", argument.address());
    }

    /** Lets the local APIC pass on what its pins LINT0 (the PIC's interrupts) and LINT1 (NMI) get, as firmware does. */
    public void connectLocalInterrupts() throws ErrnoException {
        ioctl(KvmAbi.KVM_GET_LAPIC, "KVM_GET_LAPIC", argument.address());
        setDeliveryMode(LVT_LINT0, MODE_EXTINT);
        setDeliveryMode(LVT_LINT1, MODE_NMI);
        ioctl(KvmAbi.KVM_SET_LAPIC, "KVM_SET_LAPIC", argument.address());
    }

    /** Offsets in the APIC's page and values of bits 8 to 10 (Intel SDM volume 3, 12.5.1). */
    private static final int LVT_LINT0 = 0x350;

    private static final int LVT_LINT1 = 0x360;
    private static final int MODE_NMI = 4;
    private static final int MODE_EXTINT = 7;

    private void setDeliveryMode(int register, int mode) {
        argument.putInt(register, (argument.getInt(register) & ~0x700) | mode << 8);
    }

    /** Makes the calling thread the one that {@link #kick} interrupts. */
    public void claimThread() {
        thread = InterruptSignal.threadId(calls);
    }

    /**
     * Runs the guest until something has to be done here; {@link #exit()} tells what.
     *
     * @return whether there is an exit; false after {@link #kick} or a signal
     * @throws ErrnoException the processor cannot be run
     */
    public boolean run() throws ErrnoException {
        long result = calls.call(Ioctl.SYS_IOCTL, fd.number(), KvmAbi.KVM_RUN, 0);
        if (result == 0) {
            return true;
        }
        if (result == -Errno.EINTR.number() || result == -Errno.EAGAIN.number()) {
            return false;
        }
        throw new ErrnoException((int) -result, "KVM_RUN", fd.name());
    }

    /** Lets the next {@link #run} return at once, until {@code wanted} is taken back. */
    public void requestExit(boolean wanted) {
        run.putByte(KvmAbi.RUN_IMMEDIATE_EXIT, wanted ? 1 : 0);
    }

    /** Makes a {@link #run} that is under way, or the next one, return false. */
    public void kick() throws ErrnoException {
        requestExit(true);
        int target = thread;
        if (target != 0) {
            try (KernelCalls own = new KernelCalls()) {
                InterruptSignal.send(own, target);
            }
        }
    }

    /** What the last {@link #run} ended with, valid until the next. */
    public VcpuExit exit() {
        return new VcpuExit(run);
    }

    /** Where the guest's code is, for messages; not to be asked for while it runs. */
    public long instructionPointer() throws ErrnoException {
        ioctl(KvmAbi.KVM_GET_REGS, "KVM_GET_REGS", argument.address());
        return argument.getLong(KvmAbi.REGS_RIP);
    }

    /** Its registers in the order of struct user_regs_struct (sys/user.h); not to be asked for while it runs. */
    public long[] registers() throws ErrnoException {
        ioctl(KvmAbi.KVM_GET_REGS, "KVM_GET_REGS", argument.address());
        // struct kvm_regs: rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8 to r15, rip, rflags.
        long[] r = new long[KvmAbi.REGS_SIZE / Long.BYTES];
        for (int i = 0; i < r.length; i++) {
            r[i] = argument.getLong(Long.BYTES * i);
        }
        ioctl(KvmAbi.KVM_GET_SREGS, "KVM_GET_SREGS", argument.address());
        return new long[] {
            r[15],
            r[14],
            r[13],
            r[12],
            r[7],
            r[1],
            r[11],
            r[10],
            r[9],
            r[8],
            r[0],
            r[2],
            r[3],
            r[4],
            r[5],
            -1,
            r[16],
            selector(KvmAbi.SREGS_CS),
            r[17],
            r[6],
            selector(KvmAbi.SREGS_SS),
            argument.getLong(KvmAbi.SREGS_FS + KvmAbi.SEGMENT_BASE),
            argument.getLong(KvmAbi.SREGS_GS + KvmAbi.SEGMENT_BASE),
            selector(KvmAbi.SREGS_DS),
            selector(KvmAbi.SREGS_ES),
            selector(KvmAbi.SREGS_FS),
            selector(KvmAbi.SREGS_GS)
        };
    }

    private long selector(int segment) {
        return argument.getShort(segment + KvmAbi.SEGMENT_SELECTOR);
    }

    long ioctl(int request, String name, long value) throws ErrnoException {
        return Ioctl.call(calls, fd, request, name, value);
    }

    @Override
    public void close() {
        run.close();
        fd.close();
        argument.close();
        calls.close();
    }
}
