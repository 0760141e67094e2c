package dev.caisson.kvm;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Pattern;

/** What the guest calls a container: its id, unless that is one that only the command line takes. Pure. */
final class GuestNames {
    private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9]+([._-][A-Za-z0-9]+)*");
    private static final int LIMIT = 76;
    private static final int DIGEST_CHARACTERS = 40;

    private GuestNames() {}

    static String of(String id) {
        if (id.length() <= LIMIT && PLAIN.matcher(id).matches()) {
            return id;
        }
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(id.getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest).substring(0, DIGEST_CHARACTERS);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
