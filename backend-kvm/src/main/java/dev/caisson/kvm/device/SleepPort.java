package dev.caisson.kvm.device;

import dev.caisson.kvm.bus.BusDevice;

/** Sleep control register of a hardware-reduced machine (ACPI 6.4, 4.8.3.7): power-off. The status register behind it reads as 0. */
public final class SleepPort implements BusDevice {
    private static final int ENABLE = 1 << 5;

    private final int off;
    private final Runnable powerOff;

    /** @param off the sleep type that means power-off */
    public SleepPort(int off, Runnable powerOff) {
        this.off = off;
        this.powerOff = powerOff;
    }

    @Override
    public long read(int offset, int size) {
        return 0;
    }

    @Override
    public void write(int offset, int size, long value) {
        if (offset == 0 && (value & ENABLE) != 0 && (value >> 2 & 7) == off) {
            powerOff.run();
        }
    }
}
