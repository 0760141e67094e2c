package dev.caisson.kvm.virtio;

import dev.caisson.kvm.bus.BusDevice;
import dev.caisson.kvm.bus.Interrupt;
import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.state.StateFormatException;
import dev.caisson.kvm.state.StateReader;
import dev.caisson.kvm.state.StateWriter;
import dev.caisson.linux.direct.Mapping;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The registers of one virtio device in memory (virtio 1.2, 4.2, version 2). Any thread.
 *
 * <p>With a page that the guest reads by itself ({@link #publish}) only writes come here, and acknowledgements of used buffers do not: what is
 * to be acknowledged then always stands in the page, which costs a driver nothing but a look at its queues. Changes of a configuration are
 * acknowledged here.
 */
public final class MmioTransport implements BusDevice {
    // spotless:off
    private static final int MAGIC           = 0x000;
    private static final int VERSION         = 0x004;
    private static final int DEVICE_ID       = 0x008;
    private static final int VENDOR_ID       = 0x00c;
    private static final int DEVICE_FEATURES = 0x010;
    private static final int DEVICE_FEATURES_SELECT = 0x014;
    private static final int DRIVER_FEATURES = 0x020;
    private static final int DRIVER_FEATURES_SELECT = 0x024;
    private static final int QUEUE_SELECT    = 0x030;
    private static final int QUEUE_LIMIT     = 0x034;
    private static final int QUEUE_SIZE      = 0x038;
    private static final int QUEUE_READY     = 0x044;
    public  static final int QUEUE_NOTIFY    = 0x050;
    private static final int INTERRUPT_STATUS = 0x060;
    public  static final int INTERRUPT_ACKNOWLEDGE = 0x064;
    /** What is written there for used buffers alone. */
    public  static final int ACKNOWLEDGE_USED = 1;
    private static final int STATUS          = 0x070;
    private static final int QUEUE_DESCRIPTORS = 0x080;
    private static final int QUEUE_DRIVER    = 0x090;
    private static final int QUEUE_DEVICE    = 0x0a0;
    private static final int SHARED_MEMORY_LENGTH = 0x0b0;
    private static final int SHARED_MEMORY_END = 0x0c0;
    private static final int CONFIG_GENERATION = 0x0fc;
    private static final int CONFIG          = 0x100;

    private static final int STATUS_DRIVER_OK   = 4;
    private static final int STATUS_FEATURES_OK = 8;
    private static final int STATUS_NEEDS_RESET = 0x40;

    private static final int INTERRUPT_USED   = 1;
    private static final int INTERRUPT_CONFIG = 2;

    private static final long INDIRECT_DESC = 1L << 28;
    private static final long EVENT_IDX     = 1L << 29;
    private static final long VERSION_1     = 1L << 32;
    // spotless:on

    private static final int[] CHANGING = {
        DEVICE_FEATURES, QUEUE_LIMIT, QUEUE_READY, INTERRUPT_STATUS, STATUS, CONFIG_GENERATION
    };

    private static final int MAGIC_VALUE = 0x7472_6976;
    private static final int VENDOR = 0x5341_4943;
    private static final int QUEUE_ENTRIES = 256;

    /** What a driver writes about a queue before it is ready. */
    private static final class Layout {
        int size = QUEUE_ENTRIES;
        final long[] areas = new long[3];
    }

    private final VirtioDevice device;
    private final Interrupt interrupt;
    private final List<VirtQueue> queues = new ArrayList<>();
    private final List<Layout> layouts = new ArrayList<>();
    private int deviceFeaturesSelect;
    private int driverFeaturesSelect;
    private long driverFeatures;
    private int queueSelect;
    private int status;
    private int interruptStatus;
    private int generation;
    private boolean active;
    private @Nullable Mapping page;
    private long pageAt;

    public MmioTransport(GuestMemory memory, VirtioDevice device, Interrupt interrupt) {
        this.device = device;
        this.interrupt = interrupt;
        for (int i = 0; i < device.queues(); i++) {
            queues.add(new VirtQueue(memory, QUEUE_ENTRIES));
            layouts.add(new Layout());
        }
    }

    /**
     * Shows the guest the registers in memory that it can read and not write, and keeps them there up to date. Before it runs.
     *
     * @param in the memory, of which a page from {@code offset} on is this device's
     */
    public synchronized void publish(Mapping in, long offset) {
        page = in;
        pageAt = offset;
        for (int each = 0; each < CONFIG; each += Integer.BYTES) {
            in.putInt(offset + each, register(each));
        }
        showConfig(in);
        refresh();
    }

    private void showConfig(Mapping in) {
        byte[] config = device.config();
        in.write(pageAt + CONFIG, config, 0, config.length);
    }

    /** The registers that depend on what was written. */
    private void refresh() {
        Mapping to = page;
        if (to != null) {
            for (int each : CHANGING) {
                to.putInt(pageAt + each, register(each));
            }
        }
    }

    private long offered() {
        return device.features() | INDIRECT_DESC | EVENT_IDX | VERSION_1;
    }

    @Override
    public synchronized long read(int offset, int size) {
        if (offset >= CONFIG) {
            return config(offset - CONFIG, size);
        }
        return size == Integer.BYTES ? Integer.toUnsignedLong(register(offset)) : 0;
    }

    private int register(int offset) {
        boolean exists = queueSelect >= 0 && queueSelect < queues.size();
        return switch (offset) {
            case MAGIC -> MAGIC_VALUE;
            case VERSION -> 2;
            case DEVICE_ID -> device.type();
            case VENDOR_ID -> VENDOR;
            case DEVICE_FEATURES ->
                switch (deviceFeaturesSelect) {
                    case 0 -> (int) offered();
                    case 1 -> (int) (offered() >>> 32);
                    default -> 0;
                };
            case QUEUE_LIMIT -> exists ? QUEUE_ENTRIES : 0;
            case QUEUE_READY -> exists && queues.get(queueSelect).isReady() ? 1 : 0;
            case INTERRUPT_STATUS -> page == null ? interruptStatus : interruptStatus | INTERRUPT_USED;
            case STATUS -> status;
            case CONFIG_GENERATION -> generation;
            // No shared memory: length and address are all ones.
            default -> offset >= SHARED_MEMORY_LENGTH && offset < SHARED_MEMORY_END ? -1 : 0;
        };
    }

    private long config(int offset, int size) {
        byte[] config = device.config();
        long value = 0;
        for (int i = 0; i < size; i++) {
            int octet = offset + i < config.length ? config[offset + i] & 0xff : 0;
            value |= (long) octet << (8 * i);
        }
        return value;
    }

    @Override
    public synchronized void write(int offset, int size, long value) {
        if (size != Integer.BYTES) {
            // Registers are 32 bits wide, and no device of ours has a configuration that is written.
            return;
        }
        int v = (int) value;
        switch (offset) {
            case DEVICE_FEATURES_SELECT -> deviceFeaturesSelect = v;
            case DRIVER_FEATURES_SELECT -> driverFeaturesSelect = v;
            case DRIVER_FEATURES -> setDriverFeatures(v);
            case QUEUE_SELECT -> queueSelect = v;
            case QUEUE_NOTIFY -> process(v);
            case INTERRUPT_ACKNOWLEDGE -> interruptStatus &= ~v;
            case STATUS -> setStatus(v);
            default -> {
                if (queueSelect >= 0 && queueSelect < queues.size()) {
                    setQueue(offset, v);
                }
            }
        }
        refresh();
    }

    private void setDriverFeatures(int value) {
        if ((status & STATUS_FEATURES_OK) != 0 || driverFeaturesSelect < 0 || driverFeaturesSelect > 1) {
            return;
        }
        int shift = 32 * driverFeaturesSelect;
        driverFeatures = (driverFeatures & ~(0xffff_ffffL << shift)) | Integer.toUnsignedLong(value) << shift;
    }

    private void setQueue(int offset, int value) {
        Layout layout = layouts.get(queueSelect);
        switch (offset) {
            case QUEUE_SIZE -> layout.size = value;
            case QUEUE_READY -> ready(queues.get(queueSelect), layout, value == 1);
            case QUEUE_DESCRIPTORS, QUEUE_DESCRIPTORS + 4 -> half(layout, 0, offset, value);
            case QUEUE_DRIVER, QUEUE_DRIVER + 4 -> half(layout, 1, offset, value);
            case QUEUE_DEVICE, QUEUE_DEVICE + 4 -> half(layout, 2, offset, value);
            default -> {
                // Reserved, or not ours to take.
            }
        }
    }

    private static void half(Layout layout, int area, int offset, int value) {
        int shift = (offset & 4) * 8;
        layout.areas[area] = (layout.areas[area] & ~(0xffff_ffffL << shift)) | Integer.toUnsignedLong(value) << shift;
    }

    private void ready(VirtQueue queue, Layout layout, boolean wanted) {
        if (!wanted) {
            queue.disable();
            return;
        }
        if (queue.isReady() || (status & STATUS_FEATURES_OK) == 0) {
            return;
        }
        try {
            queue.enable(
                    layout.size,
                    layout.areas[0],
                    layout.areas[1],
                    layout.areas[2],
                    (driverFeatures & INDIRECT_DESC) != 0,
                    (driverFeatures & EVENT_IDX) != 0);
        } catch (GuestFault e) {
            // It reads back as not ready, which a driver takes as a refusal.
            queue.disable();
        }
    }

    private void setStatus(int value) {
        if (value == 0) {
            reset();
            return;
        }
        int wanted = value;
        boolean agreed = (driverFeatures & ~offered()) == 0 && (driverFeatures & VERSION_1) != 0;
        if ((wanted & STATUS_FEATURES_OK) != 0 && (status & STATUS_FEATURES_OK) == 0 && !agreed) {
            wanted &= ~STATUS_FEATURES_OK;
        }
        // A driver clears no bit but by a reset.
        status |= wanted & ~STATUS_NEEDS_RESET & 0xff;
        if (!active && (status & STATUS_DRIVER_OK) != 0 && (status & STATUS_FEATURES_OK) != 0) {
            active = true;
            device.activate(queues, driverFeatures);
        }
    }

    private void reset() {
        if (active) {
            device.reset();
        }
        active = false;
        queues.forEach(VirtQueue::disable);
        layouts.replaceAll(old -> new Layout());
        deviceFeaturesSelect = 0;
        driverFeaturesSelect = 0;
        driverFeatures = 0;
        queueSelect = 0;
        status = 0;
        interruptStatus = 0;
    }

    /** Lets the device work off a queue. Any thread. */
    public synchronized void process(int queue) {
        if (active && queue >= 0 && queue < queues.size() && (status & STATUS_NEEDS_RESET) == 0) {
            perform(() -> device.process(queue));
        }
    }

    /** Does some of the device's work, and tells the driver of what was completed by it. Any thread. */
    public synchronized void perform(DeviceEvents.Action action) {
        try {
            action.run();
            boolean wanted = false;
            for (VirtQueue each : queues) {
                wanted |= each.wantsInterrupt();
            }
            if (wanted) {
                queues.forEach(VirtQueue::isTold);
                interruptStatus |= INTERRUPT_USED;
                interrupt.raise();
            }
        } catch (GuestFault e) {
            breakDown();
        }
    }

    /** Ends the device's work for good: when this returns, nothing of it is at the driver's memory. Before that memory goes. */
    public synchronized void shutDown() {
        reset();
    }

    /** Tells the driver that only a reset helps (virtio 1.2, 2.1.2). */
    private void breakDown() {
        device.reset();
        status |= STATUS_NEEDS_RESET;
        generation++;
        interruptStatus |= INTERRUPT_CONFIG;
        refresh();
        interrupt.raise();
    }

    /** Changes the device's configuration and tells the driver (virtio 1.2, 2.5.1: a generation of its own). Any thread. */
    public synchronized void reconfigure(DeviceEvents.Change change) {
        change.make();
        generation++;
        Mapping to = page;
        if (to != null) {
            showConfig(to);
        }
        if (active) {
            interruptStatus |= INTERRUPT_CONFIG;
        }
        refresh();
        if (active) {
            interrupt.raise();
        }
    }

    /** Writes down what the driver has set, where the queues are, and what the device wants to keep. While the guest stands still. */
    public synchronized void save(StateWriter to) throws IOException {
        to.part("device " + device.type());
        to.putInt(deviceFeaturesSelect).putInt(driverFeaturesSelect).putLong(driverFeatures);
        to.putInt(queueSelect)
                .putInt(status)
                .putInt(interruptStatus)
                .putInt(generation)
                .putBoolean(active);
        for (int i = 0; i < queues.size(); i++) {
            Layout layout = layouts.get(i);
            to.putInt(layout.size);
            for (long area : layout.areas) {
                to.putLong(area);
            }
            to.putBoolean(queues.get(i).isReady());
            queues.get(i).save(to);
        }
        device.save(to);
    }

    /**
     * Goes on where another device of the same kind was. Before the guest runs.
     *
     * @throws StateFormatException it was of another kind, or no correct one can have been there
     */
    public synchronized void restore(StateReader from) throws StateFormatException {
        from.part("device " + device.type());
        deviceFeaturesSelect = from.getInt();
        driverFeaturesSelect = from.getInt();
        driverFeatures = from.getLong();
        if ((driverFeatures & ~offered()) != 0) {
            throw from.wrong("features that are not offered: 0x" + Long.toHexString(driverFeatures & ~offered()));
        }
        queueSelect = from.getInt();
        status = from.getInt(0, 0xff, "a status");
        interruptStatus = from.getInt(0, INTERRUPT_USED | INTERRUPT_CONFIG, "an interrupt's status");
        generation = from.getInt();
        boolean wasActive = from.getBoolean();
        for (int i = 0; i < queues.size(); i++) {
            Layout layout = layouts.get(i);
            layout.size = from.getInt();
            for (int area = 0; area < layout.areas.length; area++) {
                layout.areas[area] = from.getLong();
            }
            if (from.getBoolean()) {
                ready(queues.get(i), layout, true);
                if (!queues.get(i).isReady()) {
                    throw from.wrong("a queue where none can be");
                }
            }
            queues.get(i).restore(from);
        }
        device.restore(from);
        if (wasActive) {
            active = true;
            device.activate(queues, driverFeatures);
        }
        refresh();
    }

    /** See {@link VirtioDevice#settle}. Any thread. */
    public void settle() throws IOException {
        device.settle();
    }

    /** Whether the device has no request that it will answer later. Any thread. */
    public boolean isIdle() {
        return device.isIdle();
    }

    /** Looks at all queues, whether the driver has put something there or not. */
    public synchronized void processAll() {
        for (int i = 0; i < queues.size(); i++) {
            process(i);
        }
    }

    /**
     * Looks at all queues as if the driver had put something into each, and interrupts it: what was on its way when the machine was written down has been
     * lost. A driver takes one too many for none. Before the guest runs.
     */
    public synchronized void resume() {
        processAll();
        if (active) {
            interruptStatus |= INTERRUPT_USED;
            refresh();
            interrupt.raise();
        }
    }

    /** Whether the driver broke a rule and has not reset the device since. */
    public synchronized boolean isBroken() {
        return (status & STATUS_NEEDS_RESET) != 0;
    }

    public int queueCount() {
        return queues.size();
    }
}
