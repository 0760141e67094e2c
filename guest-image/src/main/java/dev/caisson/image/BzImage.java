package dev.caisson.image;

import dev.caisson.kvm.boot.KernelFormatException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.compressors.lz4.BlockLZ4CompressorInputStream;
import org.tukaani.xz.SingleXZInputStream;

/**
 * The file that distributions install as a kernel (Linux Documentation/arch/x86/boot.rst): a loader and a compressed ELF file, which is taken
 * out here, so that no guest has to.
 */
final class BzImage {
    /** Bytes of the file, and of what comes out. Debian's have 14 MB and 66 MB at most. */
    static final int FILE_LIMIT = 128 << 20;

    static final long CONTENT_LIMIT = 512L << 20;

    private static final int BOOT_FLAG = 0x1fe;
    private static final int HEADER_MAGIC = 0x202;
    private static final int SETUP_SECTORS = 0x1f1;
    private static final int PAYLOAD_OFFSET = 0x248;
    private static final int PAYLOAD_LENGTH = 0x24c;
    private static final int HEADER_END = 0x250;
    private static final int SECTOR = 512;

    private static final int LZ4_LEGACY = 0x184c_2102;
    private static final int LZ4_BLOCK_LIMIT = 8 << 20;
    private static final int XZ = 0x587a_37fd;
    /** Kernels are packed with a dictionary of 32 MiB at most (scripts/xz_wrap.sh). */
    private static final int XZ_MEMORY_KIB = 40 << 10;

    private static final int GZIP = 0x8b1f;

    private BzImage() {}

    /**
     * Writes the kernel's ELF file, and what the build appended to it.
     *
     * @param image the whole file
     * @throws KernelFormatException it is no such file, damaged, or compressed in another way than LZ4, XZ or gzip
     */
    static void extract(byte[] image, OutputStream to) throws IOException {
        if (image.length < HEADER_END || image.length > FILE_LIMIT) {
            throw new KernelFormatException("not a bzImage: " + image.length + " bytes");
        }
        ByteBuffer header = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
        if ((header.getShort(BOOT_FLAG) & 0xffff) != 0xaa55 || header.getInt(HEADER_MAGIC) != 0x5372_6448) {
            throw new KernelFormatException("not a bzImage: no boot header");
        }
        int sectors = header.get(SETUP_SECTORS) & 0xff;
        // Four, when it is zero, for the sake of loaders older than the field.
        long begin = (long) ((sectors == 0 ? 4 : sectors) + 1) * SECTOR
                + Integer.toUnsignedLong(header.getInt(PAYLOAD_OFFSET));
        long length = Integer.toUnsignedLong(header.getInt(PAYLOAD_LENGTH));
        if (length < 8 || begin > image.length - length) {
            throw new KernelFormatException("damaged bzImage: its payload is outside the file");
        }
        ByteBuffer payload = header.slice((int) begin, (int) length).order(ByteOrder.LITTLE_ENDIAN);
        long expected = Integer.toUnsignedLong(payload.getInt((int) length - Integer.BYTES));
        if (expected > CONTENT_LIMIT) {
            throw new KernelFormatException("damaged bzImage: a kernel of " + expected + " bytes");
        }
        payload.limit((int) length - Integer.BYTES);
        long written;
        try {
            written = decompress(payload, new Limited(to, expected));
        } catch (KernelFormatException e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            // The decoders' own complaints about damage, some of which are unchecked.
            throw new KernelFormatException("damaged bzImage: " + e.getMessage());
        }
        if (written != expected) {
            throw new KernelFormatException("damaged bzImage: " + written + " bytes instead of " + expected);
        }
    }

    private static long decompress(ByteBuffer payload, Limited to) throws IOException {
        int magic = payload.getInt(0);
        if (magic == LZ4_LEGACY) {
            return lz4(payload, to);
        }
        try (InputStream in = magic == XZ
                ? new SingleXZInputStream(stream(payload), XZ_MEMORY_KIB)
                : (magic & 0xffff) == GZIP ? new GZIPInputStream(stream(payload)) : unknown(magic)) {
            return to.take(in, CONTENT_LIMIT);
        }
    }

    private static InputStream unknown(int magic) throws KernelFormatException {
        throw new KernelFormatException("bzImage with an unknown compression, magic 0x" + Integer.toHexString(magic)
                + ": LZ4, XZ and gzip are understood");
    }

    private static InputStream stream(ByteBuffer bytes) {
        return new ByteArrayInputStream(bytes.array(), bytes.arrayOffset() + bytes.position(), bytes.remaining());
    }

    /** What {@code lz4 -l} makes: blocks with their lengths before them, each of 8 MiB when it is unpacked. */
    private static long lz4(ByteBuffer payload, Limited to) throws IOException {
        payload.position(Integer.BYTES);
        long total = 0;
        while (payload.remaining() >= Integer.BYTES) {
            long length = Integer.toUnsignedLong(payload.getInt());
            if (length == 0 || length > payload.remaining()) {
                throw new KernelFormatException("damaged bzImage: LZ4 block of " + length + " bytes");
            }
            ByteBuffer block = payload.slice(payload.position(), (int) length);
            try (InputStream in = new BlockLZ4CompressorInputStream(stream(block))) {
                total += to.take(in, LZ4_BLOCK_LIMIT);
            }
            payload.position(payload.position() + (int) length);
        }
        return total;
    }

    /** Stops a decoder that gives more than was promised. */
    private static final class Limited {
        private final OutputStream to;
        private final long promised;
        private final byte[] buffer = new byte[1 << 16];
        private long written;

        Limited(OutputStream to, long promised) {
            this.to = to;
            this.promised = promised;
        }

        /** Copies one stream, which may have so many bytes. */
        long take(InputStream in, long most) throws IOException {
            long before = written;
            long limit = Math.min(promised, before + most);
            int got = in.read(buffer);
            while (got > 0) {
                written += got;
                if (written > limit) {
                    throw new KernelFormatException("damaged bzImage: more than " + limit + " bytes come out");
                }
                to.write(buffer, 0, got);
                got = in.read(buffer);
            }
            return written - before;
        }
    }
}
