package dev.caisson.agent;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import java.nio.file.Path;

/** How many of the machine's processors run. */
final class Processors {
    private static final int LIMIT = 64;

    private final Path directory;

    /** @param directory {@code /sys/devices/system/cpu} */
    Processors(Path directory) {
        this.directory = directory;
    }

    /**
     * Lets the first ones run, and parks the others. The kernel has no such file for the very first.
     *
     * @param count from 1 on
     * @return how many there are
     */
    int run(int count) throws ContainerFault {
        if (count < 1) {
            throw new ContainerFault(Kind.INVALID, "a machine with " + count + " processors");
        }
        try {
            for (int i = 1; i < LIMIT; i++) {
                String file = directory.resolve("cpu" + i).resolve("online").toString();
                String now = HostFiles.textIfPresent(file);
                if (now == null) {
                    return i;
                }
                String wanted = i < count ? "1" : "0";
                if (!now.strip().equals(wanted)) {
                    HostFiles.write(file, wanted);
                }
            }
            return LIMIT;
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "let " + count + " processors run: " + e.getMessage(), e);
        }
    }
}
