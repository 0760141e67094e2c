package dev.caisson.kvm.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** A guest's driver: brings a device up through its registers as Linux does, and plays requests through its queues. */
public final class TestDriver {
    public static final int SIZE = 8;
    private static final long QUEUES = 0x10000;
    private static final long QUEUE_ROOM = 0x4000;
    private static final long AVAILABLE = 0x1000;
    private static final long USED = 0x2000;
    private static final long BUFFERS = 0x40000;

    public final GuestMemory memory;
    public final MmioTransport transport;
    public int interrupts;
    private final boolean eventIndex;
    /** Descriptors of each queue in the order of their use. */
    private final List<Deque<Integer>> free = new ArrayList<>();

    private final int[] available;
    private final int[] usedSeen;
    private long nextBuffer = BUFFERS;

    /** A buffer of a request; {@code writable} by the device. */
    public record Buffer(long address, int length, boolean writable) {}

    public TestDriver(GuestMemory memory, VirtioDevice device, boolean eventIndex) {
        this.memory = memory;
        this.eventIndex = eventIndex;
        this.transport = new MmioTransport(memory, device, () -> interrupts++);
        available = new int[device.queues()];
        usedSeen = new int[device.queues()];
        for (int queue = 0; queue < device.queues(); queue++) {
            Deque<Integer> all = new ArrayDeque<>();
            for (int i = 0; i < SIZE; i++) {
                all.add(i);
            }
            free.add(all);
        }
    }

    private long queue(int index) {
        return QUEUES + index * QUEUE_ROOM;
    }

    public int read(int register) {
        return (int) transport.read(register, 4);
    }

    public void write(int register, long value) {
        transport.write(register, 4, value & 0xffff_ffffL);
    }

    /** virtio 1.2, 3.1.1 and 4.2.3. */
    public TestDriver start() {
        assertThat(read(0)).isEqualTo(0x7472_6976);
        assertThat(read(4)).isEqualTo(2);
        write(0x70, 0);
        write(0x70, 1);
        write(0x70, 3);
        write(0x14, 1);
        assertThat(read(0x10) & 1).as("VERSION_1").isEqualTo(1);
        write(0x14, 0);
        long features = Integer.toUnsignedLong(read(0x10)) & (eventIndex ? -1 : ~(1L << 29));
        write(0x24, 0);
        write(0x20, features);
        write(0x24, 1);
        write(0x20, 1);
        write(0x70, 0xb);
        assertThat(read(0x70)).isEqualTo(0xb);
        for (int i = 0; i < available.length; i++) {
            write(0x30, i);
            assertThat(read(0x44)).as("ready").isZero();
            assertThat(read(0x34)).isGreaterThanOrEqualTo(SIZE);
            write(0x38, SIZE);
            write(0x80, queue(i));
            write(0x84, 0);
            write(0x90, queue(i) + AVAILABLE);
            write(0x94, 0);
            write(0xa0, queue(i) + USED);
            write(0xa4, 0);
            write(0x44, 1);
            assertThat(read(0x44)).as("ready").isEqualTo(1);
        }
        write(0x70, 0xf);
        assertThat(read(0x70)).isEqualTo(0xf);
        return this;
    }

    public Buffer out(byte[] bytes) throws GuestFault {
        Buffer buffer = new Buffer(room(bytes.length), bytes.length, false);
        memory.write(buffer.address(), bytes);
        return buffer;
    }

    public Buffer in(int length) throws GuestFault {
        return new Buffer(room(length), length, true);
    }

    /** The room of earlier requests may be used again. */
    public void rewind() {
        nextBuffer = BUFFERS;
    }

    private long room(int length) {
        long at = nextBuffer;
        nextBuffer += length + 15 & ~15;
        return at;
    }

    public byte[] bytes(Buffer buffer) throws GuestFault {
        byte[] bytes = new byte[buffer.length()];
        memory.read(buffer.address(), bytes, 0, bytes.length);
        return bytes;
    }

    /** Publishes a request; returns its head. */
    public int add(int queue, Buffer... buffers) throws GuestFault {
        List<Integer> taken = new ArrayList<>();
        for (int i = 0; i < buffers.length; i++) {
            taken.add(free.get(queue).remove());
        }
        for (int i = 0; i < buffers.length; i++) {
            int flags = (i < buffers.length - 1 ? 1 : 0) | (buffers[i].writable() ? 2 : 0);
            int next = i < buffers.length - 1 ? taken.get(i + 1) : 0;
            descriptor(queue(queue), taken.get(i), buffers[i].address(), buffers[i].length(), flags, next);
        }
        free.get(queue).addAll(taken);
        publish(queue, taken.getFirst());
        return taken.getFirst();
    }

    /** Publishes a request whose descriptors are in a table of their own. */
    public int addIndirect(int queue, Buffer... buffers) throws GuestFault {
        long table = room(16 * buffers.length);
        for (int i = 0; i < buffers.length; i++) {
            int flags = (i < buffers.length - 1 ? 1 : 0) | (buffers[i].writable() ? 2 : 0);
            descriptor(table, i, buffers[i].address(), buffers[i].length(), flags, i + 1);
        }
        int head = free.get(queue).remove();
        free.get(queue).add(head);
        descriptor(queue(queue), head, table, 16 * buffers.length, 4, 0);
        publish(queue, head);
        return head;
    }

    void descriptor(long table, int index, long address, int length, int flags, int next) throws GuestFault {
        long at = table + 16L * index;
        memory.putLong(at, address);
        memory.putInt(at + 8, length);
        memory.putShort(at + 12, flags);
        memory.putShort(at + 14, next);
    }

    public void descriptor(int queue, int index, long address, int length, int flags, int next) throws GuestFault {
        descriptor(queue(queue), index, address, length, flags, next);
    }

    public void publish(int queue, int head) throws GuestFault {
        long ring = queue(queue) + AVAILABLE;
        memory.putShort(ring + 4 + 2L * (available[queue] % SIZE), head);
        available[queue] = available[queue] + 1 & 0xffff;
        memory.putIndex(ring + 2, available[queue]);
        // A driver that wants an interrupt for the next completion.
        memory.putShort(ring + 4 + 2 * SIZE, usedSeen[queue]);
    }

    public void notify(int queue) {
        write(0x50, queue);
    }

    /** The next completed request: its head, and how much was written; nothing when there is none. */
    public int[] completed(int queue) throws GuestFault {
        long ring = queue(queue) + USED;
        if (memory.getIndex(ring + 2) == usedSeen[queue]) {
            return new int[0];
        }
        long at = ring + 4 + 8L * (usedSeen[queue] % SIZE);
        usedSeen[queue] = usedSeen[queue] + 1 & 0xffff;
        return new int[] {memory.getInt(at), memory.getInt(at + 4)};
    }
}
