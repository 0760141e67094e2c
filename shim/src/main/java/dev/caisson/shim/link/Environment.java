package dev.caisson.shim.link;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The environment of a command as it came: {@code NAME=value} words, each ended by a NUL. Most commands look at one variable of the
 * thirty or so that there are, so that nothing is decoded before it is asked for. Immutable.
 */
final class Environment {
    private final byte[] words;
    private final int from;
    private final int to;

    /** @param to behind the last word's NUL */
    Environment(byte[] words, int from, int to) {
        this.words = words;
        this.from = from;
        this.to = to;
    }

    /** The last of the values of that name; empty for none. */
    String value(String name) {
        byte[] prefix = (name + "=").getBytes(StandardCharsets.UTF_8);
        String value = "";
        for (int word = from; word < to; word = end(word) + 1) {
            int start = word + prefix.length;
            if (start <= to && Arrays.equals(words, word, start, prefix, 0, prefix.length)) {
                value = text(start, end(start));
            }
        }
        return value;
    }

    private int end(int word) {
        int end = word;
        while (end < to && words[end] != 0) {
            end++;
        }
        return end;
    }

    private String text(int start, int end) {
        return new String(words, start, end - start, StandardCharsets.UTF_8);
    }
}
