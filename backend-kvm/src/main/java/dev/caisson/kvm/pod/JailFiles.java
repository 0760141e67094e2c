package dev.caisson.kvm.pod;

import dev.caisson.kvm.plan.Jail;
import dev.caisson.kvm.plan.Jail.Part;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** What a machine's process needs of this host's files: programs and libraries, the runtime of Java, the guest's image. */
public final class JailFiles {
    /** Inside the machine's directory. */
    public static final String STAGE = "root";

    /** Libraries of the system, which Java's runtime is linked with. */
    private static final List<String> SYSTEM = List.of("/usr", "/bin", "/sbin", "/lib", "/lib64");

    private static final List<String> DEVICES = List.of("/dev/null", "/dev/urandom", "/dev/kvm");

    private JailFiles() {}

    /**
     * The files for one.
     *
     * @param directory the machine's own
     * @param image the guest's
     * @param template a file with the machine that it goes on from; null for none
     */
    public static Jail of(Path directory, Path image, @Nullable Path template) throws IOException {
        TreeSet<Path> wanted = new TreeSet<>();
        for (String each : SYSTEM) {
            if (Files.exists(Path.of(each))) {
                wanted.add(Path.of(each));
            }
        }
        wanted.add(Path.of(System.getProperty("java.home")));
        wanted.add(image);
        if (template != null) {
            wanted.add(template);
        }
        String prefix = System.getProperty("caisson.prefix");
        if (prefix != null) {
            wanted.add(Path.of(prefix).toAbsolutePath().normalize());
        }
        addAll(wanted, System.getProperty("java.class.path"));
        addAll(wanted, System.getProperty("java.library.path"));
        return new Jail(directory.resolve(STAGE).toString(), directory.toString(), parts(wanted), devices());
    }

    /** Those that the host has: one without KVM has machines that say so. */
    private static List<String> devices() {
        return DEVICES.stream().filter(each -> Files.exists(Path.of(each))).toList();
    }

    private static void addAll(Set<Path> to, String searchPath) {
        for (String each : searchPath.split(":", -1)) {
            Path path = Path.of(each).toAbsolutePath().normalize();
            if (!each.isEmpty() && Files.exists(path)) {
                to.add(path);
            }
        }
    }

    /** Without what is inside another one. */
    private static List<Part> parts(Set<Path> wanted) throws IOException {
        List<Part> parts = new ArrayList<>();
        for (Path each : wanted) {
            if (wanted.stream().anyMatch(other -> !other.equals(each) && each.startsWith(other))) {
                continue;
            }
            boolean isSystem = SYSTEM.contains(each.toString());
            String link = isSystem && Files.isSymbolicLink(each)
                    ? Files.readSymbolicLink(each).toString()
                    : null;
            parts.add(new Part(each.toString(), Files.isDirectory(each), link));
        }
        return parts;
    }
}
