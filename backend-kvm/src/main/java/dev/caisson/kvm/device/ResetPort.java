package dev.caisson.kvm.device;

import dev.caisson.kvm.bus.BusDevice;

/** The keyboard controller's command port, of which only the line to the processors' reset is there ({@code reboot=k}). */
public final class ResetPort implements BusDevice {
    private static final int PULSE_RESET = 0xfe;

    private final Runnable reset;

    public ResetPort(Runnable reset) {
        this.reset = reset;
    }

    @Override
    public long read(int offset, int size) {
        return 0;
    }

    @Override
    public void write(int offset, int size, long value) {
        if ((value & 0xff) == PULSE_RESET) {
            reset.run();
        }
    }
}
