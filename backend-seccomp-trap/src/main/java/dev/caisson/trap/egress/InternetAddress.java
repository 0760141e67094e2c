package dev.caisson.trap.egress;

import dev.caisson.linux.bpf.EgressRule;
import org.jspecify.annotations.Nullable;

/**
 * An address of IPv6, or of IPv4 as {@code ::ffff:a.b.c.d}. Read here and not by the JDK, which would ask name servers for what is none.
 *
 * @param high its first eight bytes, the first of them the most significant
 * @param low the others
 */
public record InternetAddress(long high, long low) {
    private static final int GROUPS = 8;

    static InternetAddress of4(int address) {
        return new InternetAddress(0, EgressRule.MAPPED | (address & 0xffff_ffffL));
    }

    /** Whether it is one of IPv4. */
    boolean is4() {
        return high == 0 && low >>> 32 == EgressRule.MAPPED >>> 32;
    }

    /** Whether only the own host has it, or nobody. */
    boolean isOwn() {
        return is4()
                ? (low & 0xff00_0000L) == 0x7f00_0000L || (low & 0xffff_ffffL) == 0
                : high == 0 && (low == 0 || low == 1);
    }

    /** Of the last sixteen bytes of a message of that form. */
    static InternetAddress of16(byte[] bytes, int at) {
        return new InternetAddress(number(bytes, at), number(bytes, at + 8));
    }

    private static long number(byte[] bytes, int at) {
        long number = 0;
        for (int i = 0; i < 8; i++) {
            number = number << 8 | (bytes[at + i] & 0xff);
        }
        return number;
    }

    /** Null for what is no address. */
    static @Nullable InternetAddress parse(String text) {
        if (text.indexOf(':') < 0) {
            long four = parse4(text);
            return four < 0 ? null : of4((int) four);
        }
        int gap = text.indexOf("::");
        int[] head = groups(gap < 0 ? text : text.substring(0, gap));
        int[] tail = gap < 0 ? new int[0] : groups(text.substring(gap + 2));
        if (head == null || tail == null) {
            return null;
        }
        int count = head.length + tail.length;
        if (gap < 0 ? count != GROUPS : count >= GROUPS) {
            return null;
        }
        int[] all = new int[GROUPS];
        System.arraycopy(head, 0, all, 0, head.length);
        System.arraycopy(tail, 0, all, GROUPS - tail.length, tail.length);
        long high = 0;
        long low = 0;
        for (int i = 0; i < GROUPS; i++) {
            if (i < GROUPS / 2) {
                high = high << 16 | all[i];
            } else {
                low = low << 16 | all[i];
            }
        }
        return new InternetAddress(high, low);
    }

    private static int @Nullable [] groups(String text) {
        if (text.isEmpty()) {
            return new int[0];
        }
        String[] words = text.split(":", -1);
        long four = parse4(words[words.length - 1]);
        int[] groups = new int[words.length + (four >= 0 ? 1 : 0)];
        for (int i = 0; i < groups.length; i++) {
            if (four >= 0 && i >= words.length - 1) {
                groups[i] = (int) (i == words.length - 1 ? four >>> 16 : four & 0xffff);
            } else if (words[i].isEmpty() || words[i].length() > 4) {
                return null;
            } else {
                for (char c : words[i].toCharArray()) {
                    int digit = Character.digit(c, 16);
                    if (digit < 0 || c > 'f') {
                        return null;
                    }
                    groups[i] = groups[i] << 4 | digit;
                }
            }
        }
        return groups;
    }

    /** 32 bits, or -1. */
    private static long parse4(String text) {
        String[] words = text.split("[.]", -1);
        long number = 0;
        for (String word : words) {
            boolean isNumber = !word.isEmpty()
                    && word.length() <= 3
                    && word.chars().allMatch(c -> c >= '0' && c <= '9')
                    && Integer.parseInt(word) <= 255;
            if (!isNumber || words.length != 4) {
                return -1;
            }
            number = number << 8 | Integer.parseInt(word);
        }
        return number;
    }

    /** As policies write it. */
    String text() {
        if (is4()) {
            return (low >>> 24 & 255) + "." + (low >>> 16 & 255) + "." + (low >>> 8 & 255) + "." + (low & 255);
        }
        StringBuilder text = new StringBuilder("[");
        for (int i = 0; i < GROUPS; i++) {
            long half = i < GROUPS / 2 ? high : low;
            text.append(i == 0 ? "" : ":").append(Long.toHexString(half >>> (48 - 16 * (i % 4)) & 0xffff));
        }
        return text.append(']').toString();
    }
}
