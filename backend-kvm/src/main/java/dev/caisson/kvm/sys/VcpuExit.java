package dev.caisson.kvm.sys;

import dev.caisson.linux.direct.Mapping;

/** Why the guest stopped: a view of the page that its processor shares with the kernel (struct kvm_run). */
public final class VcpuExit {
    /** What has to be done. */
    public enum Reason {
        PORT,
        MEMORY,
        HALT,
        /** A triple fault, which resets a real machine. */
        SHUTDOWN,
        SYSTEM_EVENT,
        INTERRUPTED,
        FAILED_ENTRY,
        INTERNAL_ERROR,
        UNKNOWN
    }

    private final Mapping run;

    VcpuExit(Mapping run) {
        this.run = run;
    }

    public Reason reason() {
        return switch (number()) {
            case KvmAbi.KVM_EXIT_IO -> Reason.PORT;
            case KvmAbi.KVM_EXIT_MMIO -> Reason.MEMORY;
            case KvmAbi.KVM_EXIT_HLT -> Reason.HALT;
            case KvmAbi.KVM_EXIT_SHUTDOWN -> Reason.SHUTDOWN;
            case KvmAbi.KVM_EXIT_SYSTEM_EVENT -> Reason.SYSTEM_EVENT;
            case KvmAbi.KVM_EXIT_INTR -> Reason.INTERRUPTED;
            case KvmAbi.KVM_EXIT_FAIL_ENTRY -> Reason.FAILED_ENTRY;
            case KvmAbi.KVM_EXIT_INTERNAL_ERROR -> Reason.INTERNAL_ERROR;
            default -> Reason.UNKNOWN;
        };
    }

    /** KVM_EXIT_*. */
    public int number() {
        return run.getInt(KvmAbi.RUN_EXIT_REASON);
    }

    public boolean isPortWrite() {
        return run.getByte(KvmAbi.RUN_IO_DIRECTION) == KvmAbi.KVM_EXIT_IO_OUT;
    }

    public int port() {
        return run.getShort(KvmAbi.RUN_IO_PORT);
    }

    /** Bytes of one access: 1, 2 or 4. */
    public int portSize() {
        return run.getByte(KvmAbi.RUN_IO_SIZE);
    }

    /** How many accesses: more than one for string instructions. */
    public int portCount() {
        return run.getInt(KvmAbi.RUN_IO_COUNT);
    }

    private long portData(int index) {
        return run.getLong(KvmAbi.RUN_IO_DATA_OFFSET) + (long) index * portSize();
    }

    /** What the guest wrote by one access. */
    public int portValue(int index) {
        return switch (portSize()) {
            case 1 -> run.getByte(portData(index));
            case 2 -> run.getShort(portData(index));
            default -> run.getInt(portData(index));
        };
    }

    /** Answers a read. */
    public void answerPort(int index, int value) {
        switch (portSize()) {
            case 1 -> run.putByte(portData(index), value);
            case 2 -> run.putShort(portData(index), value);
            default -> run.putInt(portData(index), value);
        }
    }

    public long memoryAddress() {
        return run.getLong(KvmAbi.RUN_MMIO_ADDR);
    }

    /** 1 to 8. */
    public int memoryLength() {
        return run.getInt(KvmAbi.RUN_MMIO_LEN);
    }

    public boolean isMemoryWrite() {
        return run.getByte(KvmAbi.RUN_MMIO_IS_WRITE) != 0;
    }

    /** What the guest wrote; bytes behind {@link #memoryLength} are zero. */
    public long memoryValue() {
        long value = run.getLong(KvmAbi.RUN_MMIO_DATA);
        int bits = 8 * memoryLength();
        return bits >= 64 ? value : value & (1L << bits) - 1;
    }

    /** Answers a read. */
    public void answerMemory(long value) {
        run.putLong(KvmAbi.RUN_MMIO_DATA, value);
    }

    public boolean isReset() {
        return run.getInt(KvmAbi.RUN_SYSTEM_EVENT_TYPE) == KvmAbi.KVM_SYSTEM_EVENT_RESET;
    }

    public boolean isPowerOff() {
        return run.getInt(KvmAbi.RUN_SYSTEM_EVENT_TYPE) == KvmAbi.KVM_SYSTEM_EVENT_SHUTDOWN;
    }

    /** For a message about an exit that cannot be handled. */
    public String describe() {
        return switch (reason()) {
            case FAILED_ENTRY ->
                "the processor refused to enter the guest, hardware reason 0x"
                        + Long.toHexString(run.getLong(KvmAbi.RUN_FAIL_REASON));
            case INTERNAL_ERROR -> "KVM's internal error " + run.getInt(KvmAbi.RUN_INTERNAL_SUBERROR);
            default -> "exit " + number();
        };
    }
}
