package dev.caisson.linux;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * File names as Java strings without loss. A Linux name is bytes without NUL and slash; a container may choose bytes that are
 * no UTF-8 (a cgroup directory it was delegated, say), and what cannot be named cannot be removed. Such bytes become lone low
 * surrogates U+DC80 to U+DCFF and turn back into themselves, as Python's "surrogateescape" (PEP 383) does. The JVM's own
 * conversion is not used: it follows the locale, and the environment may be empty.
 */
final class PathBytes {
    private static final char ESCAPE = '\uDC00';

    private PathBytes() {}

    static byte[] encode(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (Character.isSurrogate(text.charAt(i))) {
                return encodeEscaped(text);
            }
        }
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] encodeEscaped(String text) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(text.length() + 16);
        for (int i = 0; i < text.length(); ) {
            int codePoint = text.codePointAt(i);
            if (codePoint >= ESCAPE + 0x80 && codePoint <= ESCAPE + 0xff) {
                out.write(codePoint - ESCAPE);
            } else {
                out.writeBytes(Character.toString(codePoint).getBytes(StandardCharsets.UTF_8));
            }
            i += Character.charCount(codePoint);
        }
        return out.toByteArray();
    }

    static String decode(byte[] raw, int from, int to) {
        String text = new String(raw, from, to - from, StandardCharsets.UTF_8);
        // The decoder replaces what it cannot read by U+FFFD; a name that truly contains U+FFFD takes the slow way too.
        return text.indexOf('\uFFFD') < 0 ? text : decodeEscaped(raw, from, to);
    }

    private static String decodeEscaped(byte[] raw, int from, int to) {
        StringBuilder out = new StringBuilder(to - from);
        for (int i = from; i < to; ) {
            int length = Math.min(sequenceLength(raw[i] & 0xff), to - i);
            String one = new String(raw, i, length, StandardCharsets.UTF_8);
            if (java.util.Arrays.equals(
                    one.getBytes(StandardCharsets.UTF_8), java.util.Arrays.copyOfRange(raw, i, i + length))) {
                out.append(one);
                i += length;
            } else {
                out.append((char) (ESCAPE + (raw[i] & 0xff)));
                i++;
            }
        }
        return out.toString();
    }

    private static int sequenceLength(int lead) {
        if (lead < 0xc0) {
            return 1;
        }
        return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    }
}
