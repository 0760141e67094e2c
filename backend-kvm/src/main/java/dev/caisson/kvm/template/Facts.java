package dev.caisson.kvm.template;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;

/** A file of facts: a line for each, its name and, behind a blank, its value. Pure. */
final class Facts {
    static final Pattern DIGEST = Pattern.compile("[0-9a-f]{64}");
    static final Pattern WORD = Pattern.compile("[!-~]{1,128}");

    private static final int SIZE_LIMIT = 256 << 10;
    private static final int LINE_LIMIT = 4096;

    private final Map<String, String> facts = new LinkedHashMap<>();

    private Facts() {}

    /** @throws ManifestFormatException they are none */
    static Facts parse(byte[] bytes) throws ManifestFormatException {
        if (bytes.length > SIZE_LIMIT) {
            throw new ManifestFormatException("a manifest of " + bytes.length + " bytes");
        }
        Facts all = new Facts();
        for (String line : new String(bytes, StandardCharsets.ISO_8859_1).split("\n", LINE_LIMIT)) {
            int blank = line.indexOf(' ');
            if (line.isEmpty()) {
                continue;
            }
            if (blank <= 0 || all.facts.put(line.substring(0, blank), line.substring(blank + 1)) != null) {
                throw new ManifestFormatException("a manifest with the line \"" + printable(line) + "\"");
            }
        }
        return all;
    }

    private static String printable(String line) {
        return line.substring(0, Math.min(line.length(), 80)).replaceAll("[^ -~]", "?");
    }

    String word(String name, Pattern pattern) throws ManifestFormatException {
        String value = facts.getOrDefault(name, "");
        if (!pattern.matcher(value).matches()) {
            throw new ManifestFormatException("a manifest whose " + name + " is \"" + printable(value) + "\"");
        }
        return value;
    }

    long number(String name, long least, long most) throws ManifestFormatException {
        String value = facts.getOrDefault(name, "");
        try {
            long number = Long.parseLong(value);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // The same as one that is out of bounds.
        }
        throw new ManifestFormatException("a manifest whose " + name + " is \"" + printable(value) + "\"");
    }
}
