package dev.caisson.backend;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** How a wall starts a process of its own in Java: the runtime and the class path that the daemon itself has, with as little memory as may be. */
public final class WallProcess {
    /** Of the installation, beside its jar; {@code install-runtime} makes both. */
    private static final String OPTIONS = "sandbox.options";

    private static final String ARCHIVE = "sandbox.aot";

    private WallProcess() {}

    /**
     * The command line. Reads nothing but whether the installation's files are there.
     *
     * @param archived with the classes that the installer saw a sandbox process load: most of a start is the runtime's own, whoever asks
     *     for them
     * @param more further options of the virtual machine
     */
    public static List<String> commandLine(Class<?> main, boolean archived, List<String> more, List<String> arguments) {
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
        Path archive = Path.of(classPath).resolveSibling(ARCHIVE);
        if (archived && Files.exists(archive)) {
            line.add("-XX:AOTCache=" + archive);
        }
        line.addAll(more);
        line.addAll(List.of(
                "-Djava.library.path=" + System.getProperty("java.library.path"), "-cp", classPath, main.getName()));
        line.addAll(arguments);
        return line;
    }

    /** Absolute, since its working directory is the root. */
    private static String classPath() {
        return Arrays.stream(System.getProperty("java.class.path").split(":", -1))
                .map(p -> Path.of(p).toAbsolutePath().toString())
                .collect(Collectors.joining(":"));
    }
}
