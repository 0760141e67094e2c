package dev.caisson.kvm.template;

import dev.caisson.backend.MachineTemplates.Shape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What is known of a machine that was written down, {@link Facts}.
 *
 * @param created in seconds since 1970
 * @param host of the host that made it; the same in whatever a machine's state depends on
 * @param image SHA-256 of the manifest of the guest's image, which has those of its files
 * @param length of the machine's file
 * @param content of that file; see {@link ContentDigest}
 */
record Manifest(long created, Shape shape, HostIdentity host, String image, long length, String content) {
    /** Of the manifest, and of what the machine's file means to a machine of this version. */
    static final int VERSION = 3;

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
        Facts facts = Facts.parse(bytes);
        long version = facts.number("version", 0, Integer.MAX_VALUE);
        if (version != VERSION) {
            throw new ManifestFormatException("a manifest of version " + version + ", not " + VERSION);
        }
        return new Manifest(
                facts.number("created", 0, Long.MAX_VALUE),
                new Shape((int) facts.number("memory-mib", 1, 1 << 20), (int) facts.number("processors", 1, 8), (int)
                        facts.number("cards", 0, 8)),
                new HostIdentity(facts.word("host-kernel", Facts.WORD), facts.word("host-processor", Facts.DIGEST)),
                facts.word("image", Facts.DIGEST),
                facts.number("length", 1, Long.MAX_VALUE),
                facts.word("content", Facts.DIGEST));
    }

    /**
     * Why a machine that was written down cannot go on here; empty when it can.
     *
     * @param machine its file
     * @param image the guest's, whose manifest has this digest
     */
    String problem(Path machine, HostIdentity here, Path image, String imageDigest) throws IOException {
        if (!host.kernel().equals(here.kernel())) {
            return "made under Linux " + host.kernel() + ", this is " + here.kernel();
        } else if (!host.processor().equals(here.processor())) {
            return "made on another kind of processor";
        } else if (!this.image.equals(imageDigest)) {
            return "made of another image than " + image;
        } else if (Files.size(machine) != length) {
            return "its machine has " + Files.size(machine) + " bytes, not " + length;
        }
        return "";
    }
}
