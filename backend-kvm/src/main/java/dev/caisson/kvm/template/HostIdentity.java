package dev.caisson.kvm.template;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * What of a host a machine's state depends on: a processor's state means something to processors with the same features alone, and to the KVM of the same
 * kernel for certain.
 *
 * @param kernel its release, as uname(2) gives it
 * @param processor SHA-256 of its first processor's identity and features, as /proc/cpuinfo has them
 */
record HostIdentity(String kernel, String processor) {
    private static final Set<String> FACTS = Set.of("vendor_id", "cpu family", "model", "stepping", "flags");

    /** This host's. */
    static HostIdentity ofThis() throws IOException {
        return new HostIdentity(
                Files.readString(Path.of("/proc/sys/kernel/osrelease")).strip(),
                processor(Files.readString(Path.of("/proc/cpuinfo"), StandardCharsets.ISO_8859_1)));
    }

    static String processor(String cpuinfo) {
        Map<String, String> facts = new TreeMap<>();
        for (String line : cpuinfo.split("\n", -1)) {
            int colon = line.indexOf(':');
            if (line.isBlank() && !facts.isEmpty()) {
                break; // the next processor
            }
            if (colon > 0 && FACTS.contains(line.substring(0, colon).strip())) {
                facts.put(
                        line.substring(0, colon).strip(),
                        line.substring(colon + 1).strip());
            }
        }
        return sha256(facts.toString().getBytes(StandardCharsets.ISO_8859_1));
    }

    static String sha256(byte[] bytes) {
        return HexFormat.of().formatHex(newDigest().digest(bytes));
    }

    static MessageDigest newDigest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
