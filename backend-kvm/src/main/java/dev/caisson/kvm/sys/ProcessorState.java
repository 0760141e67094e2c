package dev.caisson.kvm.sys;

import dev.caisson.kvm.state.StateFormatException;
import dev.caisson.kvm.state.StateReader;
import dev.caisson.kvm.state.StateWriter;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.direct.NativeMemory;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;

/**
 * All that a processor is at an instruction's border, in the order in which KVM takes it back: general registers drop pending exceptions, so they come before
 * events; special ones say where the APIC is; the APIC says what its deadline means.
 */
public final class ProcessorState {
    /** Registers that count time; they go last, so that the processors' clocks begin together. */
    static final int TSC = 0x10;

    private static final int TSC_DEADLINE = 0x6e0;
    private static final int MSR_LIMIT = 1024;

    /** A part that KVM gives and takes in one piece. */
    private enum Block {
        // spotless:off
        MP_STATE (KvmAbi.MP_STATE_SIZE, KvmAbi.KVM_GET_MP_STATE,    KvmAbi.KVM_SET_MP_STATE),
        REGS     (KvmAbi.REGS_SIZE,     KvmAbi.KVM_GET_REGS,        KvmAbi.KVM_SET_REGS),
        SREGS    (KvmAbi.SREGS_SIZE,    KvmAbi.KVM_GET_SREGS,       KvmAbi.KVM_SET_SREGS),
        XSAVE    (KvmAbi.XSAVE_SIZE,    KvmAbi.KVM_GET_XSAVE,       KvmAbi.KVM_SET_XSAVE),
        XCRS     (KvmAbi.XCRS_SIZE,     KvmAbi.KVM_GET_XCRS,        KvmAbi.KVM_SET_XCRS),
        DEBUGREGS(KvmAbi.DEBUG_SIZE,    KvmAbi.KVM_GET_DEBUGREGS,   KvmAbi.KVM_SET_DEBUGREGS),
        LAPIC    (KvmAbi.LAPIC_SIZE,    KvmAbi.KVM_GET_LAPIC,       KvmAbi.KVM_SET_LAPIC),
        EVENTS   (KvmAbi.EVENTS_SIZE,   KvmAbi.KVM_GET_VCPU_EVENTS, KvmAbi.KVM_SET_VCPU_EVENTS);
        // spotless:on

        final int size;
        final int get;
        final int set;

        Block(int size, int get, int set) {
            this.size = size;
            this.get = get;
            this.set = set;
        }
    }

    private final Map<Block, byte[]> blocks;
    private final long[][] msrs;

    private ProcessorState(Map<Block, byte[]> blocks, long[][] msrs) {
        this.blocks = blocks;
        this.msrs = msrs;
    }

    /**
     * Looks at a processor that stands still and has nothing half done.
     *
     * @param indexes of the model-specific registers that there may be; see {@link Kvm#msrIndexes}
     */
    public static ProcessorState of(KvmVcpu vcpu, int[] indexes) throws ErrnoException {
        Map<Block, byte[]> blocks = new EnumMap<>(Block.class);
        // Asking for the first one also delivers what is pending.
        for (Block each : Block.values()) {
            try (NativeMemory memory = new NativeMemory(each.size)) {
                vcpu.ioctl(each.get, "KVM_GET_" + each, memory.address());
                blocks.put(each, memory.getBytes(0, each.size));
            }
        }
        return new ProcessorState(blocks, vcpu.msrs(indexes));
    }

    /** Puts it into a new processor, whose CPUID is set; its clocks come last: {@link KvmVcpu#setTimeStamp}, {@link #setDeadline}. */
    public void restore(KvmVcpu vcpu) throws ErrnoException {
        for (Block each : Block.values()) {
            if (each == Block.EVENTS) {
                vcpu.restoreMsrs(timeless());
            }
            byte[] value = Objects.requireNonNull(blocks.get(each), "each block has a value");
            try (NativeMemory memory = new NativeMemory(each.size)) {
                memory.putBytes(0, value);
                vcpu.ioctl(each.set, "KVM_SET_" + each, memory.address());
            }
        }
    }

    /**
     * Sets the deadline that the time stamp counter, which must be set, is compared with.
     *
     * @param timeStamp the counter's value
     */
    public void setDeadline(KvmVcpu vcpu, long timeStamp) throws ErrnoException {
        for (long[] each : msrs) {
            if (each[0] == TSC_DEADLINE) {
                // A deadline that has passed may have been on its way to the processor: one that comes twice does no
                // harm.
                vcpu.setMsrs(new long[][] {{TSC_DEADLINE, each[1] == 0 ? timeStamp : each[1]}});
            }
        }
        vcpu.tellPaused();
    }

    private long[][] timeless() {
        return Arrays.stream(msrs)
                .filter(each -> each[0] != TSC && each[0] != TSC_DEADLINE)
                .toArray(long[][]::new);
    }

    /** Writes it down. */
    public void write(StateWriter to) {
        to.part("processor");
        for (byte[] each : blocks.values()) {
            to.putBytes(each);
        }
        to.putInt(msrs.length);
        for (long[] each : msrs) {
            to.putInt((int) each[0]).putLong(each[1]);
        }
    }

    /** Reads it again. */
    public static ProcessorState read(StateReader from) throws StateFormatException {
        from.part("processor");
        Map<Block, byte[]> blocks = new EnumMap<>(Block.class);
        for (Block each : Block.values()) {
            blocks.put(each, from.getExactly(each.size));
        }
        long[][] msrs = new long[from.getInt(0, MSR_LIMIT, "the number of registers")][];
        for (int i = 0; i < msrs.length; i++) {
            msrs[i] = new long[] {Integer.toUnsignedLong(from.getInt()), from.getLong()};
        }
        return new ProcessorState(blocks, msrs);
    }
}
