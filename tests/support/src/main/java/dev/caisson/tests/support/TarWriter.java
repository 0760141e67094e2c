package dev.caisson.tests.support;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Writes ustar archives with fixed times and owner root, so that equal contents give equal digests. */
final class TarWriter {
    private static final int BLOCK = 512;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    void directory(String path, int mode) {
        header(path.endsWith("/") ? path : path + "/", '5', mode, 0, "");
    }

    void file(String path, int mode, byte[] content) {
        header(path, '0', mode, content.length, "");
        out.writeBytes(content);
        out.writeBytes(new byte[(BLOCK - content.length % BLOCK) % BLOCK]);
    }

    void hardLink(String path, String target) {
        header(path, '1', 0755, 0, target);
    }

    /** The archive so far with its end marker. */
    byte[] bytes() {
        byte[] body = out.toByteArray();
        byte[] whole = new byte[body.length + 2 * BLOCK];
        System.arraycopy(body, 0, whole, 0, body.length);
        return whole;
    }

    private void header(String path, char type, int mode, int size, String link) {
        byte[] block = new byte[BLOCK];
        if (path.length() > 100) {
            throw new IllegalArgumentException("path longer than 100 characters: " + path);
        }
        put(block, 0, path);
        put(block, 100, octal(mode, 7));
        put(block, 108, octal(0, 7));
        put(block, 116, octal(0, 7));
        put(block, 124, octal(size, 11));
        put(block, 136, octal(0, 11));
        put(block, 148, "        ");
        block[156] = (byte) type;
        put(block, 157, link);
        put(block, 257, "ustar");
        put(block, 263, "00");
        int sum = 0;
        for (byte b : block) {
            sum += b & 0xff;
        }
        put(block, 148, octal(sum, 6));
        block[154] = 0;
        out.writeBytes(block);
    }

    private static String octal(int value, int digits) {
        String text = Integer.toOctalString(value);
        return "0".repeat(digits - text.length()) + text;
    }

    private static void put(byte[] block, int at, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(bytes, 0, block, at, bytes.length);
    }
}
