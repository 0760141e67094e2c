package dev.caisson.kvm.template;

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
        try (FileChannel in = FileChannel.open(file)) {
            ByteBuffer chunk = ByteBuffer.allocate(CHUNK);
            CRC32 crc = new CRC32();
            long number = 0;
            while (fill(in, chunk)) {
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
            digest.update(number(in.size()));
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static boolean isZero(byte[] chunk, int at, int length) {
        return Arrays.mismatch(chunk, at, at + length, ZEROS, 0, length) < 0;
    }

    private static boolean fill(FileChannel in, ByteBuffer chunk) throws IOException {
        chunk.clear();
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
