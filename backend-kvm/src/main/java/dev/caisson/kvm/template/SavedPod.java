package dev.caisson.kvm.template;

import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * The containers of a pod that was written down. Pure.
 *
 * @param containers the one that has made the machine first; at least one
 */
public record SavedPod(List<Container> containers) {
    private static final int DRIVES = 64;
    private static final int VOLUMES = 256;
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]{1,128}");
    private static final Pattern ID = Pattern.compile("[A-Za-z0-9._+-]{1,1024}");
    private static final Pattern TRUTH = Pattern.compile("true|false");
    private static final Pattern ENCODED = Pattern.compile("[A-Za-z0-9.*_+%-]{1,16384}");

    public SavedPod {
        containers = List.copyOf(containers);
    }

    /**
     * A container.
     *
     * @param id by which its caller knew it
     * @param name by which the guest knows it
     * @param drive where its disk is
     * @param terminal whether its init has one
     * @param volumes in their order
     */
    public record Container(String id, String name, int drive, boolean terminal, List<Volume> volumes) {
        public Container {
            volumes = List.copyOf(volumes);
        }
    }

    /** Files of the host's that a container has a part in; see {@code GuestSpec.Volume}. */
    public record Volume(String destination, boolean readOnly) {}

    byte[] bytes() {
        StringBuilder facts = new StringBuilder("containers " + containers.size() + "\n");
        for (int i = 0; i < containers.size(); i++) {
            Container each = containers.get(i);
            line(facts, "id", i, each.id());
            line(facts, "name", i, each.name());
            line(facts, "drive", i, each.drive());
            line(facts, "terminal", i, each.terminal());
            line(facts, "volumes", i, each.volumes().size());
            for (int v = 0; v < each.volumes().size(); v++) {
                Volume volume = each.volumes().get(v);
                line(facts, "destination-" + v, i, URLEncoder.encode(volume.destination(), StandardCharsets.UTF_8));
                line(facts, "read-only-" + v, i, volume.readOnly());
            }
        }
        return facts.toString().getBytes(StandardCharsets.US_ASCII);
    }

    private static void line(StringBuilder facts, String name, int container, Object value) {
        facts.append(name)
                .append('-')
                .append(container)
                .append(' ')
                .append(value)
                .append('\n');
    }

    /** @throws ManifestFormatException it is none */
    static SavedPod parse(byte[] bytes) throws ManifestFormatException {
        Facts facts = Facts.parse(bytes);
        List<Container> containers = new ArrayList<>();
        Set<Object> known = new HashSet<>();
        int count = (int) facts.number("containers", 1, DRIVES);
        for (int i = 0; i < count; i++) {
            List<Volume> volumes = new ArrayList<>();
            int number = (int) facts.number("volumes-" + i, 0, VOLUMES);
            for (int v = 0; v < number; v++) {
                volumes.add(new Volume(
                        decoded(facts.word("destination-" + v + "-" + i, ENCODED)),
                        truth(facts, "read-only-" + v + "-" + i)));
            }
            Container each = new Container(
                    facts.word("id-" + i, ID),
                    facts.word("name-" + i, NAME),
                    (int) facts.number("drive-" + i, 0, DRIVES - 1),
                    truth(facts, "terminal-" + i),
                    volumes);
            known.addAll(List.of("id " + each.id(), "name " + each.name(), each.drive()));
            if (known.size() < 3 * (i + 1)) {
                throw new ManifestFormatException("a manifest with two containers " + each.id());
            }
            containers.add(each);
        }
        return new SavedPod(containers);
    }

    private static boolean truth(Facts facts, String name) throws ManifestFormatException {
        return Boolean.parseBoolean(facts.word(name, TRUTH));
    }

    private static String decoded(String text) throws ManifestFormatException {
        try {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw new ManifestFormatException("a manifest with the place " + text);
        }
    }
}
