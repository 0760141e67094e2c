package dev.caisson.kvm.template;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.MachineTemplates.Shape;
import dev.caisson.kvm.memory.SparseCopy;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * A pod that was written down: a directory with its machine, as a template's, its containers' disks, what is known of them, and a manifest, which comes
 * last. Files are never changed, but replaced: machines that go on from an earlier image in the same directory keep that.
 *
 * @param shape what the machine is made like
 * @param pod what is in it
 * @param digest which image it is
 */
public record PodImage(Path directory, Shape shape, SavedPod pod, String digest) {
    private static final String MACHINE = "machine";
    private static final String DISK = "disk-";
    private static final String POD = "pod";
    private static final String MANIFEST = "manifest";
    private static final String UNFINISHED = ".new-caisson";
    private static final int READ_ONLY = 0400;
    private static final int READ_WRITE = 0600;
    /** The file that a machine goes on from. */
    public Path machine() {
        return directory.resolve(MACHINE);
    }

    /** Makes the disk that the container of that drive writes to from now on. */
    public void copyDisk(int drive, Path to) throws ContainerFault {
        try {
            Files.createDirectories(to.getParent());
            SparseCopy.of(directory.resolve(DISK + drive), to, READ_WRITE);
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "copy disk from " + directory + ": " + Errno.describe(e), e);
        }
    }

    // ---- writing one ----

    /** A pod that stands still. */
    public interface Source {
        /** @param file empty and open for writing */
        void writeMachine(Fd file) throws ContainerFault;

        /** The file with a container's disk. */
        Path disk(SavedPod.Container container);

        /** The pod may go on. */
        void done() throws ContainerFault;
    }

    /**
     * Writes one.
     *
     * @param directory is made if it is missing; an earlier image there is replaced when this one is whole
     * @param image the guest's
     */
    public static void write(Path directory, Path image, Shape shape, SavedPod pod, Source source)
            throws ContainerFault {
        Path fresh = directory.resolve(UNFINISHED);
        try {
            Files.createDirectories(directory);
            delete(fresh);
            Files.createDirectory(
                    fresh, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            Path machine = fresh.resolve(MACHINE);
            try (Fd out = HostFiles.open(
                    machine.toString(), HostFiles.O_RDWR | HostFiles.O_CREAT | HostFiles.O_EXCL, READ_ONLY)) {
                source.writeMachine(out);
            }
            List<String> files = new ArrayList<>(List.of(MACHINE));
            for (SavedPod.Container each : pod.containers()) {
                files.add(DISK + each.drive());
                SparseCopy.of(source.disk(each), fresh.resolve(DISK + each.drive()), READ_ONLY);
            }
            files.add(POD);
            files.add(MANIFEST);
            source.done();
            Files.write(fresh.resolve(POD), pod.bytes());
            Manifest manifest = new Manifest(
                    Instant.now().getEpochSecond(),
                    shape,
                    HostIdentity.ofThis(),
                    ImageDigests.of(image),
                    Files.size(machine),
                    ContentDigest.of(machine));
            Files.write(fresh.resolve(MANIFEST), manifest.bytes());
            Files.deleteIfExists(directory.resolve(MANIFEST));
            for (Path old : listed(directory)) {
                if (isDisk(old) && !files.contains(old.getFileName().toString())) {
                    Files.deleteIfExists(old);
                }
            }
            for (String each : files) {
                Files.move(fresh.resolve(each), directory.resolve(each), StandardCopyOption.ATOMIC_MOVE);
            }
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "write image " + directory + ": " + Errno.describe(e), e);
        } finally {
            try {
                delete(fresh);
            } catch (IOException e) {
                System.getLogger(PodImage.class.getName())
                        .log(System.Logger.Level.WARNING, "remove " + fresh + ": " + Errno.describe(e));
            }
        }
    }

    private static void delete(Path unfinished) throws IOException {
        for (Path each : listed(unfinished)) {
            Files.deleteIfExists(each);
        }
        Files.deleteIfExists(unfinished);
    }

    private static List<Path> listed(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try (var all = Files.list(directory)) {
            return all.toList();
        }
    }

    private static boolean isDisk(Path file) {
        return file.getFileName().toString().matches(DISK + "[0-9]+");
    }

    // ---- reading one ----

    /**
     * Finds one that can go on here.
     *
     * @param image the guest's
     * @throws ContainerFault INVALID: there is none, or it cannot go on here
     */
    public static PodImage read(Path directory, Path image) throws ContainerFault {
        try {
            Manifest manifest = Manifest.parse(Files.readAllBytes(directory.resolve(MANIFEST)));
            SavedPod pod = SavedPod.parse(Files.readAllBytes(directory.resolve(POD)));
            PodImage found = new PodImage(directory, manifest.shape(), pod, manifest.content());
            String problem = manifest.problem(found.machine(), HostIdentity.ofThis(), image, ImageDigests.of(image));
            if (!problem.isEmpty()) {
                throw new ContainerFault(Kind.INVALID, "image " + directory + ": " + problem);
            }
            return found;
        } catch (IOException e) {
            throw new ContainerFault(Kind.INVALID, "read image " + directory + ": " + Errno.describe(e), e);
        }
    }
}
