package dev.caisson.kvm.template;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;

/**
 * SHA-256 of a file's pages that are not all zeros, each with its number in front (8 bytes, big-endian), and of the file's length behind them: the same
 * whatever of it is a hole.
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
            long number = 0;
            while (fill(in, chunk)) {
                for (int at = 0; at < chunk.limit(); at += PAGE, number++) {
                    int length = Math.min(PAGE, chunk.limit() - at);
                    if (chunk.slice(at, length).mismatch(ByteBuffer.wrap(ZEROS, 0, length)) >= 0) {
                        digest.update(number(number));
                        digest.update(chunk.array(), at, length);
                    }
                }
            }
            digest.update(number(in.size()));
        }
        return HexFormat.of().formatHex(digest.digest());
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
