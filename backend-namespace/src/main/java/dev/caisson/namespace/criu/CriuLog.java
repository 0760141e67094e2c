package dev.caisson.namespace.criu;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** What CRIU says in its log when it fails. Pure. */
final class CriuLog {
    private static final String ERROR = "Error (";
    private static final int MOST_CHARS = 300;

    private CriuLog() {}

    /** The first error, which the others follow from, without time and source line; null when there is none. */
    static @Nullable String reason(List<String> lines) {
        for (String line : lines) {
            int error = line.indexOf(ERROR);
            int text = error < 0 ? -1 : line.indexOf("): ", error);
            if (text >= 0) {
                return shortened(line.substring(text + 3).strip());
            }
        }
        return null;
    }

    static String shortened(String said) {
        return said.length() > MOST_CHARS ? said.substring(0, MOST_CHARS) + "..." : said;
    }
}
