package dev.caisson.kvm.bus;

import java.util.Arrays;

/** Ports or addresses by range. Filled by one thread before the guest runs, then read by all. */
public final class Bus {
    private long[] begins = {};
    private long[] sizes = {};
    private BusDevice[] devices = {};

    /** Gives a device a range of its own. */
    public void add(long begin, int size, BusDevice device) {
        for (int i = 0; i < begins.length; i++) {
            if (begin < begins[i] + sizes[i] && begins[i] < begin + size) {
                throw new IllegalArgumentException("two devices at 0x" + Long.toHexString(begin));
            }
        }
        int last = begins.length;
        begins = Arrays.copyOf(begins, last + 1);
        sizes = Arrays.copyOf(sizes, last + 1);
        devices = Arrays.copyOf(devices, last + 1);
        begins[last] = begin;
        sizes[last] = size;
        devices[last] = device;
    }

    private int find(long address, int size) {
        for (int i = 0; i < begins.length; i++) {
            if (address >= begins[i] && address - begins[i] <= sizes[i] - size) {
                return i;
            }
        }
        return -1;
    }

    /** What a device there answers; 0 where there is none, since all ones look to a kernel like a device that is busy for ever. */
    public long read(long address, int size) {
        int found = find(address, size);
        return found < 0 ? 0 : devices[found].read((int) (address - begins[found]), size);
    }

    /** Passes a write on; nobody takes it where there is no device. */
    public void write(long address, int size, long value) {
        int found = find(address, size);
        if (found >= 0) {
            devices[found].write((int) (address - begins[found]), size, value);
        }
    }
}
