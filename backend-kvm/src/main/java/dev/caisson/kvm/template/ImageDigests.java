package dev.caisson.kvm.template;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The files of the guest's image against its manifest, which has a line {@code sha256 DIGEST NAME} for each ({@code dev.caisson.image.GuestImage}). */
final class ImageDigests {
    private static final Pattern LINE = Pattern.compile("sha256 ([0-9a-f]{64}) ([A-Za-z0-9._-]+)");
    private static final String MANIFEST = "manifest";
    private static final int CHUNK = 1 << 20;

    private ImageDigests() {}

    /** Of the manifest, and so of all. Empty when there is no image: then nothing was made of it either. */
    static String of(Path image) throws IOException {
        Path manifest = image.resolve(MANIFEST);
        return Files.exists(manifest) ? HostIdentity.sha256(Files.readAllBytes(manifest)) : "";
    }

    /** What is wrong with them; files that were not installed are not missed. */
    static List<String> verify(Path image) throws IOException {
        List<String> problems = new ArrayList<>();
        for (String line : Files.readAllLines(image.resolve(MANIFEST))) {
            Matcher file = LINE.matcher(line);
            if (file.matches() && Files.exists(image.resolve(file.group(2)))) {
                if (!sha256(image.resolve(file.group(2))).equals(file.group(1))) {
                    problems.add(image.resolve(file.group(2)) + " is not what the image's manifest says");
                }
            }
        }
        return problems;
    }

    private static String sha256(Path file) throws IOException {
        MessageDigest digest = HostIdentity.newDigest();
        try (InputStream in = Files.newInputStream(file)) {
            byte[] chunk = new byte[CHUNK];
            for (int got = in.read(chunk); got >= 0; got = in.read(chunk)) {
                digest.update(chunk, 0, got);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }
}
