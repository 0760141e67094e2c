package dev.caisson.kvm.pod;

import dev.caisson.kvm.vmm.MachineMain;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** The command line of a machine's process: the runtime and the class path that the daemon itself has. */
final class MachineCommand {
    /** Of the installation, beside its jar. */
    private static final String OPTIONS = "sandbox.options";

    private static final String ARCHIVE = "sandbox.aot";

    private MachineCommand() {}

    static List<String> of(Path directory, MachineSize size, boolean hasNetwork) {
        List<String> line = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xmx64m",
                "--enable-native-access=ALL-UNNAMED"));
        String classPath = classPath();
        Path options = Path.of(classPath).resolveSibling(OPTIONS);
        if (Files.exists(options)) {
            line.add("@" + options);
        }
        // Made for the trap wall's sandbox processes: most of a start is the runtime's own classes, whoever asks for
        // them.
        Path archive = Path.of(classPath).resolveSibling(ARCHIVE);
        if (Files.exists(archive)) {
            line.add("-XX:AOTCache=" + archive);
        }
        line.addAll(List.of(
                "-Djava.library.path=" + System.getProperty("java.library.path"),
                "-cp",
                classPath,
                MachineMain.class.getName(),
                directory.toString(),
                image().toString(),
                Integer.toString(size.memoryMib()),
                Integer.toString(size.processors()),
                hasNetwork ? MachineMain.NETWORK : MachineMain.NO_NETWORK));
        return line;
    }

    /** The installation's, or the build's where there is none. */
    private static Path image() {
        String prefix = System.getProperty("caisson.prefix");
        String set = System.getProperty("caisson.image");
        return set == null && prefix != null
                ? Path.of(prefix, "share/caisson/guest")
                : Path.of(set == null ? "../../build/image" : set)
                        .toAbsolutePath()
                        .normalize();
    }

    /** Absolute, since its working directory is the root. */
    private static String classPath() {
        return Arrays.stream(System.getProperty("java.class.path").split(":", -1))
                .map(p -> Path.of(p).toAbsolutePath().toString())
                .collect(Collectors.joining(":"));
    }
}
