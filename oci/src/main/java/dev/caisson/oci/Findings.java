package dev.caisson.oci;

import java.util.ArrayList;
import java.util.List;

/** Collects what the rules find, in the order of the document. At most 100 of each kind are kept: a hostile document can have millions. */
final class Findings {
    private static final int MAX_KEPT = 100;

    private final List<Problem> errors = new ArrayList<>();
    private final List<Problem> warnings = new ArrayList<>();

    void error(String path, String message) {
        if (errors.size() < MAX_KEPT) {
            errors.add(new Problem(path, message));
        }
    }

    void warn(String path, String message) {
        if (warnings.size() < MAX_KEPT) {
            warnings.add(new Problem(path, message));
        }
    }

    SpecValidator.Report report() {
        return new SpecValidator.Report(errors, warnings);
    }

    static String at(String list, int index) {
        return list + "[" + index + "]";
    }

    /** The path of a map entry. */
    static String at(String map, String key) {
        StringBuilder path = new StringBuilder(map);
        Text.appendName(path, key);
        return path.toString();
    }
}
