package dev.caisson.kvm.bus;

/** What answers a guest's accesses to a range of ports or addresses. Called by any processor's thread. */
public interface BusDevice {
    /**
     * Answers a read. Must not depend on being well meant.
     *
     * @param offset in the device's range
     * @param size 1, 2, 4 or 8 bytes
     */
    long read(int offset, int size);

    /** Takes a write; see {@link #read}. */
    void write(int offset, int size, long value);
}
