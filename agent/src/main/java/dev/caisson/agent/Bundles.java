package dev.caisson.agent;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Mounts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Bundles as the Task service takes them. A bundle's disk, which the host has made, is mounted at {@code disk} in it; the configuration names its
 * root file system and its volumes from there.
 */
final class Bundles {
    private static final String FILE_SYSTEM = "ext4";
    /** The disk's file is sparse: what was not written is zeros already. */
    private static final String OPTIONS = "noinit_itable";

    private final Path directory;

    Bundles(Path directory) {
        this.directory = directory;
    }

    /** @param device the disk's, below /dev; null for none */
    Path make(String id, @Nullable String device, byte[] config) throws ContainerFault {
        Path bundle = directory.resolve(id);
        Path disk = bundle.resolve("disk");
        try {
            Files.createDirectories(disk);
            if (device == null) {
                // What has nothing in it is taken for an image that was not unpacked.
                Files.createDirectories(disk.resolve("proc"));
            } else {
                // Devices of an image are none of this machine's.
                Mounts.mount(device, disk.toString(), FILE_SYSTEM, Mounts.MS_NODEV | Mounts.MS_NOATIME, OPTIONS);
            }
            Files.write(bundle.resolve("config.json"), config);
            return bundle;
        } catch (IOException e) {
            tryRemove(id);
            throw new ContainerFault(Kind.FAILED, "make bundle of " + id + ": " + Errno.describe(e), e);
        }
    }

    /** The disk is free afterwards. */
    void remove(String id) throws IOException {
        Path bundle = directory.resolve(id);
        unmount(bundle.resolve("disk"));
        Trees.delete(bundle);
    }

    private void tryRemove(String id) {
        try {
            remove(id);
        } catch (IOException e) {
            System.getLogger(Bundles.class.getName())
                    .log(System.Logger.Level.WARNING, "remove bundle of " + id + ": " + Errno.describe(e));
        }
    }

    private static void unmount(Path disk) throws ErrnoException {
        Mounts.unmountRecursively(disk.toString());
    }
}
