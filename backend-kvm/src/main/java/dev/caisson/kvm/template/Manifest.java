package dev.caisson.kvm.template;

import dev.caisson.backend.MachineTemplates.Shape;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * What is known of a template: a line for each fact, its name and, behind a blank, its value. Pure.
 *
 * @param created in seconds since 1970
 * @param host of the host that made it; the same in whatever a machine's state depends on
 * @param image SHA-256 of the manifest of the guest's image, which has those of its files
 * @param length of the machine's file
 * @param content SHA-256 of that file; see {@link ContentDigest}
 */
record Manifest(long created, Shape shape, HostIdentity host, String image, long length, String content) {
    /** Of the manifest, and of what the machine's file means to a machine of this version. */
    static final int VERSION = 1;

    private static final int SIZE_LIMIT = 16 << 10;
    private static final int LINE_LIMIT = 64;
    private static final Pattern DIGEST = Pattern.compile("[0-9a-f]{64}");
    private static final Pattern WORD = Pattern.compile("[!-~]{1,128}");

    /** As a file. */
    byte[] bytes() {
        return String.join(
                        "\n",
                        "version " + VERSION,
                        "created " + created,
                        "memory-mib " + shape.memoryMib(),
                        "processors " + shape.processors(),
                        "cards " + shape.cards(),
                        "host-kernel " + host.kernel(),
                        "host-processor " + host.processor(),
                        "image " + image,
                        "length " + length,
                        "content " + content,
                        "")
                .getBytes(StandardCharsets.US_ASCII);
    }

    /** @throws ManifestFormatException it is none, or of another version */
    static Manifest parse(byte[] bytes) throws ManifestFormatException {
        if (bytes.length > SIZE_LIMIT) {
            throw new ManifestFormatException("a manifest of " + bytes.length + " bytes");
        }
        Map<String, String> facts = new LinkedHashMap<>();
        String[] lines = new String(bytes, StandardCharsets.ISO_8859_1).split("\n", LINE_LIMIT);
        for (String line : lines) {
            int blank = line.indexOf(' ');
            if (line.isEmpty()) {
                continue;
            }
            if (blank <= 0 || facts.put(line.substring(0, blank), line.substring(blank + 1)) != null) {
                throw new ManifestFormatException("a manifest with the line \"" + printable(line) + "\"");
            }
        }
        long version = number(facts, "version", 0, Integer.MAX_VALUE);
        if (version != VERSION) {
            throw new ManifestFormatException("a manifest of version " + version + ", not " + VERSION);
        }
        return new Manifest(
                number(facts, "created", 0, Long.MAX_VALUE),
                new Shape((int) number(facts, "memory-mib", 1, 1 << 20), (int) number(facts, "processors", 1, 8), (int)
                        number(facts, "cards", 0, 8)),
                new HostIdentity(fact(facts, "host-kernel", WORD), fact(facts, "host-processor", DIGEST)),
                fact(facts, "image", DIGEST),
                number(facts, "length", 1, Long.MAX_VALUE),
                fact(facts, "content", DIGEST));
    }

    private static String printable(String line) {
        return line.substring(0, Math.min(line.length(), 80)).replaceAll("[^ -~]", "?");
    }

    private static String fact(Map<String, String> facts, String name, Pattern pattern) throws ManifestFormatException {
        String value = facts.getOrDefault(name, "");
        if (!pattern.matcher(value).matches()) {
            throw new ManifestFormatException("a manifest whose " + name + " is \"" + printable(value) + "\"");
        }
        return value;
    }

    private static long number(Map<String, String> facts, String name, long least, long most)
            throws ManifestFormatException {
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
