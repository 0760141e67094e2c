package dev.caisson.kvm.vm;

import dev.caisson.kvm.Seeds;
import dev.caisson.kvm.bus.Bus;
import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.virtio.MmioTransport;
import dev.caisson.kvm.x86.Layout;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.EventFd;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.SplittableRandom;

/**
 * A processor whose program wants to break the machine: it brings devices up as a driver does, so that what follows is heard at all, and then
 * writes registers, rings, requests and memory that are right, nearly right, or noise. Several may run on one machine at once.
 */
final class HostileGuest implements Runnable {
    static final long MEMORY = 8 << 20;
    private static final int ENTRIES = 16;
    private static final long RINGS = 0x10_0000;
    private static final long RINGS_OF_DEVICE = 0x2_0000;
    private static final long RING = 0x4000;
    private static final long AVAILABLE = 0x1000;
    private static final long USED = 0x2000;
    private static final long BUFFERS = 0x40_0000;
    private static final int WRITABLE = 2;
    private static final int NEXT = 1;
    private static final int INDIRECT = 4;

    private final SplittableRandom random;
    private final GuestMemory memory;
    private final Bus ports;
    private final Bus addresses;
    private final List<Device> devices;
    private final int steps;

    /**
     * What a guest can reach of one device.
     *
     * @param notifications one for each queue, as KVM signals them
     */
    record Device(int type, MmioTransport transport, List<EventFd> notifications) {}

    HostileGuest(
            SplittableRandom random, GuestMemory memory, Bus ports, Bus addresses, List<Device> devices, int steps) {
        this.random = random;
        this.memory = memory;
        this.ports = ports;
        this.addresses = addresses;
        this.devices = devices;
        this.steps = steps;
    }

    @Override
    public void run() {
        try {
            for (int i = 0; i < steps; i++) {
                step();
            }
        } catch (GuestFault | ErrnoException e) {
            throw new AssertionError("the test's own access", e);
        }
    }

    private void step() throws GuestFault, ErrnoException {
        int which = random.nextInt(devices.size());
        Device device = devices.get(which);
        long page = Layout.VIRTIO + (long) which * Layout.VIRTIO_PAGE;
        switch (random.nextInt(12)) {
            case 0 -> bringUp(which, page);
            case 1 -> addresses.write(page + random.nextInt(0x1000), 1 << random.nextInt(4), random.nextLong());
            case 2 -> addresses.write(page + 4L * random.nextInt(0x40), 4, random.nextInt(-1, 20) & 0xffff_ffffL);
            case 3 -> {
                var _ = addresses.read(page + random.nextInt(0x1000), 1 << random.nextInt(4));
            }
            case 4 -> noise();
            case 5 -> port();
            default -> {
                int queue = random.nextInt(device.notifications().size());
                request(which, queue, device.type());
                tell(device, queue, page);
            }
        }
    }

    /** By the counter, as KVM does, or through the register, as a processor that has left the guest does. */
    private void tell(Device device, int queue, long page) throws ErrnoException {
        if (random.nextBoolean()) {
            device.notifications().get(queue).signal();
        } else {
            addresses.write(page + MmioTransport.QUEUE_NOTIFY, 4, queue);
        }
    }

    private void port() {
        long port = switch (random.nextInt(4)) {
            case 0 -> Layout.RESET_PORT;
            case 1 -> Layout.SLEEP_PORT + random.nextInt(Layout.SLEEP_PORTS);
            default -> Layout.SERIAL_PORT + random.nextInt(Layout.SERIAL_PORTS);
        };
        ports.write(port, 1 << random.nextInt(3), random.nextInt());
        var _ = ports.read(port, 1 << random.nextInt(3));
    }

    private void noise() throws GuestFault {
        byte[] noise = new byte[1 + random.nextInt(64)];
        random.nextBytes(noise);
        long where = random.nextBoolean()
                ? RINGS + random.nextLong(devices.size() * RINGS_OF_DEVICE)
                : random.nextLong(MEMORY - noise.length);
        memory.write(where, noise);
    }

    /** virtio 1.2, 3.1.1 and 4.2.3; sometimes with areas that are nowhere, or one another's. */
    private void bringUp(int which, long page) throws GuestFault {
        if (random.nextInt(4) > 0) {
            write(page, 0x70, 0);
        }
        write(page, 0x70, 3);
        for (int half = 0; half < 2; half++) {
            write(page, 0x14, half);
            long offered = addresses.read(page + 0x10, 4);
            write(page, 0x24, half);
            write(page, 0x20, random.nextInt(8) == 0 ? random.nextInt() : offered);
        }
        write(page, 0x70, 0xb);
        for (int queue = 0; queue < devices.get(which).notifications().size(); queue++) {
            long ring = ring(which, queue);
            boolean own = random.nextInt(8) > 0;
            memory.zero(ring, RING);
            write(page, 0x30, queue);
            write(page, 0x38, own ? ENTRIES : random.nextInt(-1, 1025));
            address(page, 0x80, own ? ring : random.nextLong(2 * MEMORY));
            address(page, 0x90, own ? ring + AVAILABLE : random.nextLong());
            address(page, 0xa0, own ? ring + USED : ring);
            write(page, 0x44, 1);
        }
        write(page, 0x70, 0xf);
    }

    private static long ring(int device, int queue) {
        return RINGS + device * RINGS_OF_DEVICE + queue * RING;
    }

    private void write(long page, int register, long value) {
        addresses.write(page + register, 4, value & 0xffff_ffffL);
    }

    private void address(long page, int register, long value) {
        write(page, register, value);
        write(page, register + 4, value >>> 32);
    }

    /** A chain with a header as the device's kind has it, and some buffers; published. */
    private void request(int which, int queue, int type) throws GuestFault {
        long ring = ring(which, queue);
        int first = random.nextInt(ENTRIES);
        long at = BUFFERS + 0x1000L * random.nextInt(256);
        byte[] header = Seeds.damaged(random, HostileRequests.header(random, type));
        memory.write(at, header);
        int buffers = 1 + random.nextInt(4);
        boolean indirect = random.nextInt(5) == 0;
        long table = indirect ? at + 0x8000 : ring;
        boolean input = HostileRequests.isInput(type, queue);
        for (int i = 0; i < buffers; i++) {
            int index = indirect ? i : (first + i) % ENTRIES;
            boolean last = i == buffers - 1;
            boolean writable = input || (i > 0 && (last || random.nextInt(3) == 0));
            long length = i == 0 && !input ? header.length : length();
            descriptor(
                    table,
                    index,
                    i == 0 ? at : place(at, i),
                    length,
                    (writable ? WRITABLE : 0) | (last ? 0 : NEXT),
                    indirect ? i + 1 : (first + i + 1) % ENTRIES);
        }
        if (indirect) {
            descriptor(ring, first, table, 16L * buffers, INDIRECT, 0);
        }
        int index = memory.getShort(ring + AVAILABLE + 2);
        memory.putShort(ring + AVAILABLE + 4 + 2L * (index % ENTRIES), first);
        memory.putIndex(ring + AVAILABLE + 2, index + 1 & 0xffff);
    }

    private long length() {
        return random.nextInt(12) == 0 ? random.nextInt() : random.nextInt(8192);
    }

    private long place(long at, int i) {
        return random.nextInt(24) == 0 ? random.nextLong() : at + 0x1000L * i;
    }

    private void descriptor(long table, int index, long address, long length, int flags, int next) throws GuestFault {
        byte[] bytes = ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(address)
                .putInt((int) length)
                .putShort((short) flags)
                .putShort((short) next)
                .array();
        memory.write(table + 16L * index, random.nextInt(24) == 0 ? Seeds.damaged(random, bytes) : bytes);
    }
}
