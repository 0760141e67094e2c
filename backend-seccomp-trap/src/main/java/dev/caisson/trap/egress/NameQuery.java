package dev.caisson.trap.egress;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A question for the addresses of a name (RFC 1035), and what is believed of an answer. Pure.
 *
 * @param id which the answer repeats
 * @param name of ASCII letters, digits, hyphens and dots
 * @param isInet6 whether it is for addresses of IPv6
 */
record NameQuery(int id, String name, boolean isInet6) {
    private static final int HEADER = 12;
    private static final int TYPE_A = 1;
    private static final int TYPE_AAAA = 28;
    private static final int CLASS_IN = 1;
    private static final int RESPONSE = 0x8000;
    private static final int RECURSION_DESIRED = 0x0100;
    private static final int CODE = 0xf;
    private static final int NO_SUCH_NAME = 3;
    private static final int MOST = 64;

    /**
     * What a name has.
     *
     * @param seconds how long that holds
     */
    record Answer(List<InternetAddress> addresses, long seconds) {
        Answer {
            addresses = List.copyOf(addresses);
        }
    }

    private int type() {
        return isInet6 ? TYPE_AAAA : TYPE_A;
    }

    /** The message. */
    byte[] message() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        put(out, id);
        put(out, RECURSION_DESIRED);
        put(out, 1);
        put(out, 0);
        put(out, 0);
        put(out, 0);
        out.writeBytes(question());
        return out.toByteArray();
    }

    private byte[] question() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (String label : name.split("[.]", -1)) {
            out.write(label.length());
            out.writeBytes(label.getBytes(StandardCharsets.US_ASCII));
        }
        out.write(0);
        put(out, type());
        put(out, CLASS_IN);
        return out.toByteArray();
    }

    private static void put(ByteArrayOutputStream out, int value) {
        out.write(value >>> 8);
        out.write(value);
    }

    /** What a message says; null if it is no answer to this question, or not a whole one. */
    @Nullable
    Answer read(byte[] m) {
        byte[] question = question();
        if (m.length < HEADER + question.length
                || number(m, 0) != id
                || (number(m, 2) & RESPONSE) == 0
                || number(m, 4) != 1
                || !isQuestion(m, question)) {
            return null;
        }
        int code = number(m, 2) & CODE;
        if (code == NO_SUCH_NAME) {
            return new Answer(List.of(), 0);
        }
        if (code != 0) {
            return null;
        }
        List<InternetAddress> addresses = new ArrayList<>();
        long seconds = Integer.MAX_VALUE;
        int at = HEADER + question.length;
        for (int i = number(m, 6); i > 0; i--) {
            at = behindName(m, at);
            if (at < 0 || at + 10 > m.length) {
                return null;
            }
            int length = number(m, at + 8);
            int data = at + 10;
            if (data + length > m.length) {
                return null;
            }
            // Whatever names lead to it, they are in the same answer.
            if (number(m, at) == type() && number(m, at + 2) == CLASS_IN && length == (isInet6 ? 16 : 4)) {
                seconds = Math.min(seconds, (long) number(m, at + 4) << 16 | number(m, at + 6));
                if (addresses.size() < MOST) {
                    addresses.add(
                            isInet6
                                    ? InternetAddress.of16(m, data)
                                    : InternetAddress.of4(number(m, data) << 16 | number(m, data + 2)));
                }
            }
            at = data + length;
        }
        return new Answer(addresses, addresses.isEmpty() ? 0 : seconds);
    }

    /** Letters of either case are the same. */
    private static boolean isQuestion(byte[] m, byte[] question) {
        for (int i = 0; i < question.length; i++) {
            if (Character.toLowerCase(m[HEADER + i] & 0xff) != (question[i] & 0xff)) {
                return false;
            }
        }
        return true;
    }

    /** Behind a name, which may end in a pointer; -1 if there is no end. */
    private static int behindName(byte[] m, int from) {
        int at = from;
        while (at < m.length) {
            int length = m[at] & 0xff;
            if (length == 0) {
                return at + 1;
            }
            if (length >= 0xc0) {
                return at + 2;
            }
            if (length >= 0x40) {
                return -1;
            }
            at += 1 + length;
        }
        return -1;
    }

    private static int number(byte[] m, int at) {
        return (m[at] & 0xff) << 8 | (m[at + 1] & 0xff);
    }
}
