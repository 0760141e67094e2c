package dev.caisson.oci;

/** Text from a document made fit for an error message. */
final class Text {
    private static final int MAX_SHOWN = 64;

    private Text() {}

    /** The text in double quotes, on one line, shortened to 64 characters. */
    static String quote(String s) {
        StringBuilder b = new StringBuilder(Math.min(s.length(), MAX_SHOWN) + 2);
        b.append('"');
        append(b, s, MAX_SHOWN);
        return b.append('"').toString();
    }

    /** The text on one line, without quotes, shortened to {@code max} characters. */
    static String oneLine(String s, int max) {
        StringBuilder b = new StringBuilder(Math.min(s.length(), max));
        append(b, s, max);
        return b.toString();
    }

    /** Appends a property name to a JSON path: {@code .name}, or {@code ["odd name"]}. */
    static void appendName(StringBuilder path, String name) {
        if (isPlain(name)) {
            if (!path.isEmpty()) {
                path.append('.');
            }
            path.append(name);
        } else {
            path.append('[').append(quote(name)).append(']');
        }
    }

    private static void append(StringBuilder b, String s, int max) {
        int n = Math.min(s.length(), max);
        for (int i = 0; i < n; i++) {
            char c = s.charAt(i);
            if (c == '"' || c == '\\') {
                b.append('\\').append(c);
            } else if (c < ' ' || c >= 0x7f) {
                // Anything a terminal or a log could act upon, including bidirectional controls and half surrogate
                // pairs.
                b.append("\\u");
                for (int shift = 12; shift >= 0; shift -= 4) {
                    b.append(Character.forDigit((c >> shift) & 0xf, 16));
                }
            } else {
                b.append(c);
            }
        }
        if (s.length() > max) {
            b.append("...");
        }
    }

    private static boolean isPlain(String name) {
        if (name.isEmpty() || name.length() > MAX_SHOWN) {
            return false;
        }
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            boolean plain =
                    (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
            if (!plain) {
                return false;
            }
        }
        return true;
    }
}
