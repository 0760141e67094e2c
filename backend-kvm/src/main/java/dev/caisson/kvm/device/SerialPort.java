package dev.caisson.kvm.device;

import dev.caisson.kvm.bus.BusDevice;
import dev.caisson.kvm.bus.Interrupt;
import dev.caisson.kvm.state.StateFormatException;
import dev.caisson.kvm.state.StateReader;
import dev.caisson.kvm.state.StateWriter;
import java.util.ArrayDeque;
import java.util.Deque;

/** A 16550A (National Semiconductor PC16550D data sheet) whose bytes leave at once. Its registers are bytes. */
public final class SerialPort implements BusDevice {
    /** Where the guest's bytes go; called under this port's lock, so it must not wait. */
    public interface Sink {
        void put(int octet);
    }

    private static final int DATA = 0;
    private static final int INTERRUPT_ENABLE = 1;
    private static final int INTERRUPT_ID = 2;
    private static final int LINE_CONTROL = 3;
    private static final int MODEM_CONTROL = 4;
    private static final int LINE_STATUS = 5;
    private static final int MODEM_STATUS = 6;
    private static final int SCRATCH = 7;

    private static final int ENABLE_RECEIVED = 1;
    private static final int ENABLE_EMPTY = 2;
    private static final int ID_NONE = 1;
    private static final int ID_EMPTY = 2;
    private static final int ID_RECEIVED = 4;
    private static final int FIFO_ENABLED = 0xc0;
    private static final int DIVISOR_LATCH = 0x80;
    private static final int LOOPBACK = 0x10;
    private static final int STATUS_RECEIVED = 1;
    private static final int STATUS_EMPTY = 0x60;
    /** Carrier, ready, clear to send. */
    private static final int MODEM_PRESENT = 0xb0;

    private static final int INPUT_LIMIT = 4096;

    private final Sink sink;
    private final Interrupt interrupt;
    private final Deque<Integer> input = new ArrayDeque<>();
    private int divisor = 1;
    private int enabled;
    private int lineControl = 3;
    private int modemControl = 8;
    private int scratch;
    private boolean fifo;
    private boolean emptyPending;

    public SerialPort(Sink sink, Interrupt interrupt) {
        this.sink = sink;
        this.interrupt = interrupt;
    }

    /** Gives the guest bytes to read; what it does not read in time is dropped. */
    public synchronized void receive(byte[] bytes) {
        for (byte each : bytes) {
            if (input.size() < INPUT_LIMIT) {
                input.add(each & 0xff);
            }
        }
        signal();
    }

    @Override
    public synchronized long read(int offset, int size) {
        boolean latch = (lineControl & DIVISOR_LATCH) != 0;
        return switch (offset) {
            case DATA -> latch ? divisor & 0xff : take();
            case INTERRUPT_ENABLE -> latch ? divisor >> 8 : enabled;
            case INTERRUPT_ID -> identify();
            case LINE_CONTROL -> lineControl;
            case MODEM_CONTROL -> modemControl;
            case LINE_STATUS -> STATUS_EMPTY | (input.isEmpty() ? 0 : STATUS_RECEIVED);
            case MODEM_STATUS -> modemStatus();
            case SCRATCH -> scratch;
            default -> 0;
        };
    }

    private int take() {
        Integer octet = input.poll();
        if (!input.isEmpty()) {
            signal();
        }
        return octet == null ? 0 : octet;
    }

    private int identify() {
        int flags = fifo ? FIFO_ENABLED : 0;
        if ((enabled & ENABLE_RECEIVED) != 0 && !input.isEmpty()) {
            return flags | ID_RECEIVED;
        }
        if ((enabled & ENABLE_EMPTY) != 0 && emptyPending) {
            emptyPending = false;
            return flags | ID_EMPTY;
        }
        return flags | ID_NONE;
    }

    /** In loopback the outputs of the modem control register are its inputs: drivers look for a real chip by that. */
    private int modemStatus() {
        if ((modemControl & LOOPBACK) == 0) {
            return MODEM_PRESENT;
        }
        return (modemControl & 1) << 5 | (modemControl & 2) << 3 | (modemControl & 4) << 4 | (modemControl & 8) << 4;
    }

    @Override
    public synchronized void write(int offset, int size, long value) {
        int octet = (int) value & 0xff;
        boolean latch = (lineControl & DIVISOR_LATCH) != 0;
        switch (offset) {
            case DATA -> {
                if (latch) {
                    divisor = (divisor & 0xff00) | octet;
                } else {
                    send(octet);
                }
            }
            case INTERRUPT_ENABLE -> {
                if (latch) {
                    divisor = (divisor & 0xff) | octet << 8;
                } else {
                    boolean empty = (octet & ENABLE_EMPTY) != 0 && (enabled & ENABLE_EMPTY) == 0;
                    enabled = octet & 0xf;
                    emptyPending |= empty;
                    signal();
                }
            }
            case INTERRUPT_ID -> {
                fifo = (octet & 1) != 0;
                if ((octet & 2) != 0) {
                    input.clear();
                }
            }
            case LINE_CONTROL -> lineControl = octet;
            case MODEM_CONTROL -> modemControl = octet & 0x1f;
            case SCRATCH -> scratch = octet;
            default -> {
                // Status registers are not written.
            }
        }
    }

    /** Writes its registers down; what the guest has not read is dropped. */
    public synchronized void save(StateWriter to) {
        to.part("serial port");
        to.putInt(divisor)
                .putInt(enabled)
                .putInt(lineControl)
                .putInt(modemControl)
                .putInt(scratch);
        to.putBoolean(fifo).putBoolean(emptyPending);
    }

    /** Goes on where another one was. */
    public synchronized void restore(StateReader from) throws StateFormatException {
        from.part("serial port");
        divisor = from.getInt(0, 0xffff, "a divisor");
        enabled = from.getInt(0, 0xf, "enabled interrupts");
        lineControl = from.getInt(0, 0xff, "line control");
        modemControl = from.getInt(0, 0x1f, "modem control");
        scratch = from.getInt(0, 0xff, "a scratch register");
        fifo = from.getBoolean();
        emptyPending = from.getBoolean();
        signal();
    }

    private void send(int octet) {
        if ((modemControl & LOOPBACK) != 0) {
            receive(new byte[] {(byte) octet});
        } else {
            sink.put(octet);
        }
        emptyPending = true;
        signal();
    }

    private void signal() {
        boolean received = (enabled & ENABLE_RECEIVED) != 0 && !input.isEmpty();
        boolean empty = (enabled & ENABLE_EMPTY) != 0 && emptyPending;
        if (received || empty) {
            interrupt.raise();
        }
    }
}
