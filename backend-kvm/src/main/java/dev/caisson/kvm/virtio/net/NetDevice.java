package dev.caisson.kvm.virtio.net;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.state.StateFormatException;
import dev.caisson.kvm.state.StateReader;
import dev.caisson.kvm.state.StateWriter;
import dev.caisson.kvm.virtio.Chain;
import dev.caisson.kvm.virtio.DeviceEvents;
import dev.caisson.kvm.virtio.VirtQueue;
import dev.caisson.kvm.virtio.VirtioDevice;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A network card. Each packet goes between the tap and guest memory by one call, with its header, which the kernel checks: checksums and
 * segmentation that the guest leaves to others are done by whoever needs them.
 */
public final class NetDevice implements VirtioDevice, AutoCloseable {
    /** Of {@code virtio_net_hdr_v1}, in front of every packet. */
    public static final int HEADER = 12;

    private static final int TYPE = 1;
    private static final int RECEIVE = 0;
    private static final int TRANSMIT = 1;
    private static final int MAC_SIZE = 6;

    private static final long CSUM = 1;
    private static final long GUEST_CSUM = 1L << 1;
    private static final long MTU = 1L << 3;
    private static final long MAC = 1L << 5;
    private static final long HOST_TSO4 = 1L << 11;
    private static final long HOST_TSO6 = 1L << 12;

    private static final int SYS_READV = 19;
    private static final int SYS_WRITEV = 20;
    private static final int IOVEC = 16;
    /** As many pieces as a packet of 64 KiB can have in pages, and some. */
    private static final int PIECES = 64;

    private static final int NOTHING = Integer.MAX_VALUE;

    private volatile @Nullable Fd tap;
    private volatile byte[] mac;
    private volatile int mtu;
    /** The longest packets that there can be, as the driver was told when it began, whose buffers are made for those; none was yet. */
    private int promised = NOTHING;

    private final KernelCalls calls = new KernelCalls();
    private final NativeMemory vector = new NativeMemory(PIECES * IOVEC);
    private @Nullable List<VirtQueue> active;
    private @Nullable DeviceEvents events;
    private DeviceEvents.@Nullable Watch watch;
    private long dropped;

    /**
     * A card on a tap.
     *
     * @param tap of {@link dev.caisson.linux.Tap#open}, consumed; any descriptor that does not block and keeps packets apart will do
     * @param mac the card's address, 6 bytes
     * @param mtu in bytes, 68 to 65521
     */
    public NetDevice(Fd tap, byte[] mac, int mtu) {
        this.tap = tap;
        this.mac = address(mac);
        this.mtu = mtu;
    }

    private NetDevice(byte[] mac, int mtu) {
        this.mac = address(mac);
        this.mtu = mtu;
    }

    /** A card without a cable: what the guest sends is lost, until {@link #plug}. */
    public static NetDevice unplugged(byte[] mac, int mtu) {
        return new NetDevice(mac, mtu);
    }

    private static byte[] address(byte[] mac) {
        if (mac.length != MAC_SIZE || (mac[0] & 1) != 0) {
            throw new IllegalArgumentException("not an address of a network card");
        }
        return mac.clone();
    }

    /**
     * Connects a card that is part of a machine and has no cable yet. A driver that has read the card's address before must be told of the new one, and any
     * driver of packets that are shorter than those that the card was made for. Any thread.
     *
     * @param cable a tap, consumed; see the constructor for all three
     * @throws IOException it has one, or its driver was promised shorter packets; the cable is closed then
     */
    public void plug(Fd cable, byte[] newMac, int newMtu) throws IOException {
        DeviceEvents with = events;
        if (with == null || tap != null || newMtu > promised) {
            cable.close();
            throw new IOException(
                    tap == null
                            ? "a cable for packets of " + newMtu + " bytes in a network card for " + promised
                            : "a second cable in a network card");
        }
        byte[] checked = address(newMac);
        with.reconfigure(() -> {
            mac = checked;
            // A driver that begins now makes room for what the card was made for: it may go on in another network.
            mtu = Math.max(mtu, newMtu);
            tap = cable;
        });
        with.perform(() -> {
            if (active != null) {
                listen(with, cable);
            }
        });
    }

    @Override
    public int type() {
        return TYPE;
    }

    @Override
    public long features() {
        return CSUM | GUEST_CSUM | MTU | MAC | HOST_TSO4 | HOST_TSO6;
    }

    @Override
    public int queues() {
        return 2;
    }

    /** mac 0, status 6, max_virtqueue_pairs 8, mtu 10. */
    @Override
    public byte[] config() {
        return ByteBuffer.allocate(12)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(mac)
                .putShort(10, (short) mtu)
                .array();
    }

    @Override
    public void save(StateWriter to) {
        to.putBytes(mac).putInt(promised);
    }

    /** The driver goes on with the address of the other card, and must be told of this one's; its packets are not longer than it was promised there. */
    @Override
    public void restore(StateReader from) throws StateFormatException {
        var _ = from.getExactly(MAC_SIZE);
        promised = from.getInt();
        if (tap == null) {
            // Of no network yet; see plug.
            mtu = Math.min(mtu, promised);
        }
        if (mtu > promised) {
            throw from.wrong("a network card for packets of " + promised + " bytes in the place of one for " + mtu);
        }
    }

    @Override
    public void attach(DeviceEvents with) {
        events = with;
    }

    @Override
    public void activate(List<VirtQueue> queues, long negotiated) {
        active = queues;
        if (promised == NOTHING) {
            promised = mtu;
        }
        Fd cable = tap;
        if (cable != null && events != null) {
            listen(events, cable);
        }
    }

    private void listen(DeviceEvents with, Fd cable) {
        try {
            if (watch == null) {
                watch = with.watch(cable, this::receive);
            }
        } catch (ErrnoException e) {
            throw new IllegalStateException("wait for packets of " + cable.name(), e);
        }
        arm();
    }

    private void arm() {
        try {
            if (watch != null) {
                watch.arm(true, false);
            }
        } catch (ErrnoException e) {
            throw new IllegalStateException("wait for packets", e);
        }
    }

    @Override
    public void process(int queue) throws GuestFault {
        if (queue == TRANSMIT) {
            transmit();
        } else if (queue == RECEIVE) {
            receive();
        }
    }

    private void transmit() throws GuestFault {
        List<VirtQueue> queues = active;
        if (queues == null) {
            return;
        }
        Fd cable = tap;
        VirtQueue from = queues.get(TRANSMIT);
        for (Chain chain = from.take(); chain != null; chain = from.take()) {
            int pieces = chain.readable() > HEADER ? chain.gatherReadable(vector, PIECES) : 0;
            // A packet that the host does not want, or has no room for, is lost as on any wire.
            if (pieces == 0 || cable == null || calls.call(SYS_WRITEV, cable.number(), vector.address(), pieces) < 0) {
                dropped++;
            }
            from.complete(chain);
        }
    }

    /** Fills the guest's buffers with what has come. While it has none, packets wait in the tap. */
    private void receive() throws GuestFault {
        List<VirtQueue> queues = active;
        Fd cable = tap;
        if (queues == null || cable == null) {
            return;
        }
        VirtQueue to = queues.get(RECEIVE);
        for (Chain chain = to.take(); chain != null; chain = to.take()) {
            int pieces = chain.writable() > HEADER ? chain.gatherWritable(vector, PIECES) : 0;
            if (pieces == 0) {
                throw new GuestFault("a buffer for packets that takes none");
            }
            long got = calls.call(SYS_READV, cable.number(), vector.address(), pieces);
            if (got == -Errno.EAGAIN.number()) {
                to.untake();
                arm();
                return;
            }
            if (got < HEADER) {
                // The tap is down, or gone: the card is without a cable until the driver offers another buffer.
                to.untake();
                return;
            }
            chain.skipWritable(got);
            to.complete(chain);
        }
    }

    /** Packets of the guest's that were lost. */
    public long dropped() {
        return dropped;
    }

    @Override
    public void reset() {
        active = null;
        promised = NOTHING;
    }

    /** After the machine was closed. */
    @Override
    public void close() {
        Fd cable = tap;
        if (cable != null) {
            cable.close();
        }
        vector.close();
        calls.close();
    }
}
