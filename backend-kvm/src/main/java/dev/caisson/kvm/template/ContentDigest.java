package dev.caisson.kvm.template;

import dev.caisson.kvm.memory.FileExtents;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.zip.CRC32;

/**
 * What shows whether a file was damaged: SHA-256 of the numbers (8 bytes, big-endian) of its pages that are not all zeros, each with the page's CRC-32 behind
 * it (8 bytes), and of the file's length; the same whatever of it is a hole. The pages themselves are not put through SHA-256: that takes the daemon's compiler
 * as long as the boot, and who can write to the file can write to its manifest.
 */
final class ContentDigest {
    private static final int PAGE = 4096;
    private static final int CHUNK = 256 * PAGE;
    private static final byte[] ZEROS = new byte[PAGE];

    private ContentDigest() {}

    static String of(Path file) throws IOException {
        MessageDigest digest = HostIdentity.newDigest();
        try (Fd holes = HostFiles.open(file.toString(), HostFiles.O_RDONLY | HostFiles.O_CLOEXEC, 0);
                FileChannel in = FileChannel.open(file)) {
            // Most of a machine's memory was never touched: looking for zeros there takes as long as all the rest.
            long done = 0;
            for (FileExtents.Extent each : FileExtents.of(holes)) {
                long first = Math.max(done, each.from() / PAGE);
                done = Math.ceilDiv(each.to(), PAGE);
                in.position(first * PAGE);
                add(digest, in, first, done);
            }
            digest.update(number(in.size()));
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Pages from a number to another one; the channel is at the first. */
    private static void add(MessageDigest digest, FileChannel in, long first, long end) throws IOException {
        ByteBuffer chunk = ByteBuffer.allocate(CHUNK);
        CRC32 crc = new CRC32();
        for (long number = first; number < end; ) {
            chunk.clear().limit((int) Math.min(CHUNK, (end - number) * PAGE));
            if (!fill(in, chunk)) {
                return; // its last page is no whole one, or it has become shorter
            }
            for (int at = 0; at < chunk.limit(); at += PAGE, number++) {
                int length = Math.min(PAGE, chunk.limit() - at);
                if (!isZero(chunk.array(), at, length)) {
                    crc.reset();
                    crc.update(chunk.array(), at, length);
                    digest.update(number(number));
                    digest.update(number(crc.getValue()));
                }
            }
        }
    }

    private static boolean isZero(byte[] chunk, int at, int length) {
        return Arrays.mismatch(chunk, at, at + length, ZEROS, 0, length) < 0;
    }

    private static boolean fill(FileChannel in, ByteBuffer chunk) throws IOException {
        while (chunk.hasRemaining() && in.read(chunk) >= 0) {
            // up to its end, or the file's
        }
        chunk.flip();
        return chunk.hasRemaining();
    }

    private static byte[] number(long value) {
        return ByteBuffer.allocate(Long.BYTES).putLong(value).array();
    }
}
