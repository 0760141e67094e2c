package dev.caisson.kvm.pod;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.Errno;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * Containers of a machine that goes on from an image: they are there, frozen, and nobody's yet. Each has a file in the machine's directory, with the image's
 * digest and where its disk is, until somebody takes it. Thread-safe.
 */
public final class WaitingContainers {
    private static final String FILE = "waits-";

    private final Path directory;

    WaitingContainers(Path directory) {
        this.directory = directory;
    }

    private Path file(int drive) {
        return directory.resolve(FILE + drive);
    }

    /** One more waits. */
    public void add(String image, int drive, Path disk) throws ContainerFault {
        try {
            Files.writeString(file(drive), image + " " + disk);
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "write " + file(drive) + ": " + Errno.describe(e), e);
        }
    }

    /**
     * Makes the one of that drive somebody's, and its disk a file of his.
     *
     * @param image which it is in
     * @return false when none waits there, or it is another image's
     */
    public boolean take(String image, int drive, Path disk) throws ContainerFault {
        try {
            String[] words = Files.readString(file(drive)).split(" ", 2);
            if (words.length < 2 || !words[0].equals(image)) {
                return false;
            }
            Files.delete(file(drive)); // of two, one succeeds
            Files.createDirectories(disk.getParent());
            // Not copied: the machine writes to it.
            Files.move(Path.of(words[1]), disk, StandardCopyOption.ATOMIC_MOVE);
            return true;
        } catch (NoSuchFileException e) {
            return false;
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "take over disk " + disk + ": " + Errno.describe(e), e);
        }
    }
}
