package dev.caisson.kvm.virtio;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.state.StateFormatException;
import dev.caisson.kvm.state.StateReader;
import dev.caisson.kvm.state.StateWriter;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.direct.KernelCalls;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A disk that is a raw file (virtio 1.2, 5.2). Bytes go between file and guest memory without a stop here. */
public final class BlockDevice implements VirtioDevice, AutoCloseable {
    private static final int TYPE = 2;
    private static final int SECTOR = 512;
    private static final int SERIAL_SIZE = 20;

    private static final long SEG_MAX = 1L << 2;
    private static final long READ_ONLY = 1L << 5;
    private static final long FLUSH = 1L << 9;
    private static final long DISCARD = 1L << 13;
    private static final long WRITE_ZEROES = 1L << 14;

    private static final int T_IN = 0;
    private static final int T_OUT = 1;
    private static final int T_FLUSH = 4;
    private static final int T_GET_ID = 8;
    private static final int T_DISCARD = 11;
    private static final int T_WRITE_ZEROES = 13;
    private static final int HEADER = 16;
    private static final int RANGE = 16;

    private static final int OK = 0;
    private static final int IO_ERROR = 1;
    private static final int UNSUPPORTED = 2;

    private static final int SYS_LSEEK = 8;
    private static final int SEEK_END = 2;
    private static final int SYS_PREAD64 = 17;
    private static final int SYS_PWRITE64 = 18;
    private static final int SYS_FDATASYNC = 75;
    private static final int SYS_FALLOCATE = 285;
    private static final int KEEP_SIZE_PUNCH_HOLE = 3;
    private static final int KEEP_SIZE_ZERO_RANGE = 0x11;

    private final KernelCalls calls = new KernelCalls();
    private final boolean readOnly;
    private final byte[] serial;
    private final byte[] header = new byte[HEADER];
    private @Nullable VirtQueue requests;
    private @Nullable DeviceEvents events;
    /** Null while there is no medium. */
    private volatile @Nullable Fd file;

    private long sectors;
    /** The size of the medium that the driver believes to be there, and that is not there yet; 0 for none. */
    private volatile long awaited;

    private BlockDevice(@Nullable Fd file, long sectors, boolean readOnly, String name) {
        this.file = file;
        this.sectors = sectors;
        this.readOnly = readOnly;
        this.serial = Arrays.copyOf(name.getBytes(StandardCharsets.US_ASCII), SERIAL_SIZE);
    }

    /**
     * Opens a disk.
     *
     * @param path a file or block device, whose size must not change; bytes behind the last whole sector are not part of the disk
     * @param name what the guest finds as the disk's serial number, at most 20 bytes of ASCII
     */
    public static BlockDevice open(Path path, boolean readOnly, String name) throws IOException {
        Medium medium = Medium.open(path, readOnly);
        return new BlockDevice(medium.file(), medium.sectors(), readOnly, name);
    }

    /** A disk without a medium: its size is 0 until one is inserted. */
    public static BlockDevice empty(String name) {
        return new BlockDevice(null, 0, false, name);
    }

    private record Medium(Fd file, long sectors) {
        static Medium open(Path path, boolean readOnly) throws IOException {
            int flags = (readOnly ? HostFiles.O_RDONLY : HostFiles.O_RDWR) | HostFiles.O_CLOEXEC;
            return of(HostFiles.open(path.toString(), flags, 0));
        }

        /** @param file consumed */
        static Medium of(Fd file) throws ErrnoException {
            try (KernelCalls calls = new KernelCalls()) {
                // The size of a block device as well.
                long size = calls.call(SYS_LSEEK, file.number(), 0, SEEK_END);
                if (size < 0) {
                    file.close();
                    throw new ErrnoException((int) -size, "lseek", file.name());
                }
                return new Medium(file, size / SECTOR);
            }
        }
    }

    /** Whether there is no medium in it. */
    public boolean isEmpty() {
        return file == null;
    }

    /**
     * Puts a medium into an empty disk; the driver is told. Any thread; not before the device is plugged in.
     *
     * @param disk a file or block device that is open for reading and writing, consumed
     * @throws IOException the disk goes on from one whose medium had another size
     */
    public void insert(Fd disk) throws IOException {
        Medium medium = Medium.of(disk);
        if (awaited != 0 && medium.sectors() != awaited) {
            disk.close();
            throw new IOException("a disk of " + medium.sectors() + " sectors in the place of one of " + awaited);
        }
        awaited = 0;
        change(medium.file(), medium.sectors());
    }

    /** Takes the medium out; requests fail from now on. Any thread. */
    public void eject() {
        change(null, 0);
    }

    private void change(@Nullable Fd to, long size) {
        DeviceEvents with = events;
        if (with == null) {
            throw new IllegalStateException("a disk that is part of no machine");
        }
        with.reconfigure(() -> {
            Fd old = file;
            file = to;
            sectors = size;
            if (old != null) {
                old.close();
            }
        });
    }

    @Override
    public void save(StateWriter to) {
        to.putLong(sectors);
    }

    @Override
    public void restore(StateReader from) throws StateFormatException {
        long was = from.getLong();
        if (was != sectors) {
            if (file != null || was < 0) {
                throw from.wrong("a disk of " + was + " sectors in the place of one of " + sectors);
            }
            // Its medium comes before the guest runs.
            sectors = was;
            awaited = was;
        }
    }

    @Override
    public void attach(DeviceEvents with) {
        events = with;
    }

    @Override
    public int type() {
        return TYPE;
    }

    @Override
    public long features() {
        return SEG_MAX | (readOnly ? READ_ONLY : FLUSH | DISCARD | WRITE_ZEROES);
    }

    @Override
    public int queues() {
        return 1;
    }

    /** capacity 0, seg_max 12, max_discard_sectors 36, max_discard_seg 40, alignment 44, max_write_zeroes_sectors 48, _seg 52. */
    @Override
    public byte[] config() {
        ByteBuffer config = ByteBuffer.allocate(60).order(ByteOrder.LITTLE_ENDIAN);
        config.putLong(0, sectors).putInt(12, 126);
        config.putInt(36, Integer.MAX_VALUE).putInt(40, 1).putInt(44, 1);
        config.putInt(48, Integer.MAX_VALUE).putInt(52, 1).put(56, (byte) 1);
        return config.array();
    }

    @Override
    public void activate(List<VirtQueue> queues, long negotiated) {
        requests = queues.getFirst();
    }

    @Override
    public void process(int queue) throws GuestFault {
        VirtQueue from = requests;
        if (from == null) {
            return;
        }
        for (Chain chain = from.take(); chain != null; chain = from.take()) {
            chain.read(header, 0, HEADER);
            if (chain.writable() < 1) {
                throw new GuestFault("a disk request without room for a status");
            }
            int status = serve(chain, chain.writable() - 1);
            // The status is the last byte, whatever came before it.
            chain.skipWritable(chain.writable() - 1);
            chain.write(new byte[] {(byte) status}, 0, 1);
            from.complete(chain);
        }
    }

    private int serve(Chain chain, long room) throws GuestFault {
        Fd disk = file;
        if (disk == null) {
            // The name stands on the drive.
            return ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN).getInt(0) == T_GET_ID
                    ? name(chain, room)
                    : IO_ERROR;
        }
        return serve(disk, chain, room);
    }

    private int name(Chain chain, long room) throws GuestFault {
        chain.write(serial, 0, (int) Math.min(room, SERIAL_SIZE));
        return OK;
    }

    private int serve(Fd disk, Chain chain, long room) throws GuestFault {
        ByteBuffer request = ByteBuffer.wrap(header).order(ByteOrder.LITTLE_ENDIAN);
        long sector = request.getLong(8);
        return switch (request.getInt(0)) {
            case T_IN -> transfer(disk, chain, sector, room, false);
            case T_OUT -> readOnly ? IO_ERROR : transfer(disk, chain, sector, chain.readable(), true);
            case T_FLUSH -> readOnly ? UNSUPPORTED : status(calls.call(SYS_FDATASYNC, disk.number()));
            case T_GET_ID -> name(chain, room);
            case T_DISCARD -> readOnly ? IO_ERROR : allocate(disk, chain, KEEP_SIZE_PUNCH_HOLE);
            case T_WRITE_ZEROES -> readOnly ? IO_ERROR : allocate(disk, chain, KEEP_SIZE_ZERO_RANGE);
            default -> UNSUPPORTED;
        };
    }

    private boolean isInside(long sector, long count) {
        return sector >= 0 && count >= 0 && sector <= sectors && count <= sectors - sector;
    }

    private static int status(long result) {
        return result < 0 ? result == -Errno.EOPNOTSUPP.number() ? UNSUPPORTED : IO_ERROR : OK;
    }

    private int transfer(Fd disk, Chain chain, long sector, long length, boolean toDisk) throws GuestFault {
        if (length % SECTOR != 0 || !isInside(sector, length / SECTOR)) {
            return IO_ERROR;
        }
        long[] at = {sector * SECTOR};
        Chain.Transfer move = (address, count) -> {
            long moved = calls.call(toDisk ? SYS_PWRITE64 : SYS_PREAD64, disk.number(), address, count, at[0]);
            at[0] += Math.max(moved, 0);
            return moved;
        };
        long left = length;
        while (left > 0) {
            long moved = toDisk ? chain.drain(left, move) : chain.fill(left, move);
            if (moved <= 0 && moved != -Errno.EINTR.number()) {
                return IO_ERROR;
            }
            left -= Math.max(moved, 0);
        }
        return OK;
    }

    /** One range: sector 0, count 8, flags 12. */
    private int allocate(Fd disk, Chain chain, int mode) throws GuestFault {
        if (chain.readable() != RANGE) {
            return UNSUPPORTED;
        }
        byte[] range = new byte[RANGE];
        chain.read(range, 0, RANGE);
        ByteBuffer fields = ByteBuffer.wrap(range).order(ByteOrder.LITTLE_ENDIAN);
        long sector = fields.getLong(0);
        long count = Integer.toUnsignedLong(fields.getInt(8));
        if (!isInside(sector, count)) {
            return IO_ERROR;
        }
        if (count == 0) {
            return OK;
        }
        long done = calls.call(SYS_FALLOCATE, disk.number(), mode, sector * SECTOR, count * SECTOR);
        if (mode == KEEP_SIZE_ZERO_RANGE && done == -Errno.EOPNOTSUPP.number()) {
            // On tmpfs: a hole reads as zeros too.
            done = calls.call(SYS_FALLOCATE, disk.number(), KEEP_SIZE_PUNCH_HOLE, sector * SECTOR, count * SECTOR);
        }
        return status(done);
    }

    @Override
    public void reset() {
        requests = null;
    }

    @Override
    public void close() {
        if (file != null) {
            file.close();
        }
        calls.close();
    }
}
