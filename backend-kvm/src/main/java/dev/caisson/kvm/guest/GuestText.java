package dev.caisson.kvm.guest;

import org.jspecify.annotations.Nullable;

/** What a guest says to people: it becomes part of errors and logs of the host's, so it is short and cannot steer a terminal. Pure. */
public final class GuestText {
    private static final int SENTENCE = 500;
    private static final int LINES = 4000;

    private GuestText() {}

    /** One line of at most 500 characters; null is empty. */
    static String sentence(@Nullable String text) {
        return harmless(text == null ? "" : text, SENTENCE, false);
    }

    /** Lines as they are, the last 4,000 characters of them. */
    public static String lines(String text) {
        return harmless(text.substring(Math.max(0, text.length() - LINES)), LINES, true);
    }

    private static String harmless(String text, int limit, boolean lines) {
        StringBuilder harmless = new StringBuilder();
        text.codePoints().limit(limit).forEach(c -> harmless.appendCodePoint(isHarmless(c, lines) ? c : '?'));
        return text.codePointCount(0, text.length()) > limit ? harmless + "..." : harmless.toString();
    }

    private static boolean isHarmless(int c, boolean lines) {
        return switch (Character.getType(c)) {
            // Format characters turn the direction of what follows.
            case Character.CONTROL -> lines && c == '\n';
            case Character.FORMAT,
                    Character.SURROGATE,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.UNASSIGNED -> false;
            default -> true;
        };
    }
}
