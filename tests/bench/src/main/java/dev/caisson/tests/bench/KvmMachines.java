package dev.caisson.tests.bench;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The processes that are machines of the KVM wall, as they have marked themselves. */
final class KvmMachines {
    private static final Path MACHINES = Path.of("/run/caisson-kvm");

    private KvmMachines() {}

    /** Pods'. */
    static List<Long> kept() {
        return in("kept");
    }

    /** Those that wait for a pod. */
    static List<Long> ready() {
        return in("ready");
    }

    private static List<Long> in(String state) {
        List<Long> found = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(MACHINES)) {
            for (Path each : all) {
                Path mark = each.resolve("process");
                String said = Files.exists(mark) ? Files.readString(mark) : "";
                if (said.contains(" " + state + " ")) {
                    found.add(Long.parseLong(said.split(" ", 2)[0]));
                }
            }
        } catch (IOException e) {
            return List.of(); // one has gone while it was looked at: once more
        }
        return found;
    }
}
