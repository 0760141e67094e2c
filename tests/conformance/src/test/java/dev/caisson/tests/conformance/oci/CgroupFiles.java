package dev.caisson.tests.conformance.oci;

import dev.caisson.tests.support.Proc;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The cgroups of one process, as the host sees them. */
final class CgroupFiles {
    private static final Path ROOT = Path.of("/sys/fs/cgroup");

    private final long pid;

    CgroupFiles(long pid) {
        this.pid = pid;
    }

    /** Whether this machine has the version 1 hierarchy of {@code controller}. */
    static boolean hasV1(String controller) {
        return Files.isDirectory(ROOT.resolve(controller)) && !isUnified();
    }

    static boolean isUnified() {
        return Files.exists(ROOT.resolve("cgroup.controllers"));
    }

    /** Whether {@code controller} is in the version 2 hierarchy beside those of version 1. */
    static boolean hybridHas(String controller) {
        return List.of(Box.text(ROOT.resolve("unified/cgroup.controllers"))
                        .strip()
                        .split(" ", -1))
                .contains(controller);
    }

    /** The path in a hierarchy, from {@code /proc/PID/cgroup}; the empty name stands for version 2. */
    String path(String controller) {
        return Proc.read(pid, "cgroup")
                .lines()
                .map(line -> line.split(":", 3))
                .filter(words -> List.of(words[1].split(",", -1)).contains(controller))
                .map(words -> words[2])
                .findFirst()
                .orElseThrow(() -> new AssertionError("process " + pid + " has no cgroup of " + controller));
    }

    Path directory(String controller) {
        String hierarchy = isUnified() ? "." : "unified";
        return ROOT.resolve(controller.isEmpty() ? hierarchy : controller)
                .resolve("." + path(controller))
                .normalize();
    }

    /** The text of {@code controller}'s {@code file}, without the last newline. */
    String read(String controller, String file) {
        Path path = directory(controller).resolve(file);
        try {
            return Files.readString(path).strip();
        } catch (IOException e) {
            throw new UncheckedIOException("read " + path, e);
        }
    }

    /** Every directory of the process below the roots of the hierarchies. */
    List<Path> directories() {
        return Proc.read(pid, "cgroup")
                .lines()
                .map(line -> line.split(":", 3))
                .filter(words -> !words[2].equals("/"))
                .map(words -> {
                    if (words[1].isEmpty()) {
                        return (isUnified() ? ROOT : ROOT.resolve("unified"))
                                .resolve("." + words[2])
                                .normalize();
                    }
                    return ROOT.resolve(words[1].replace("name=", ""))
                            .resolve("." + words[2])
                            .normalize();
                })
                .toList();
    }
}
