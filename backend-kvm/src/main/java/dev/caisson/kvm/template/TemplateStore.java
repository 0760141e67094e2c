package dev.caisson.kvm.template;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.MachineTemplates.Entry;
import dev.caisson.backend.MachineTemplates.Shape;
import dev.caisson.kvm.memory.FileBlocks;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A directory with a directory for each template, and in that the manifest and the machine. A template appears whole, by a rename, and is never changed
 * afterwards. Thread-safe; other daemons may use it.
 */
public final class TemplateStore {
    /** What annotates a pod's first container; see {@link #choose}. */
    public static final String ANNOTATION = "dev.caisson.kvm.template";

    private static final String MACHINE = "machine";

    private static final String MANIFEST = "manifest";
    /** What its copies touch of their memory: they go without when it is not there. */
    private static final String FOOTPRINT = "footprint";

    private static final String FOOTPRINT_UNFINISHED = "footprint.new";
    private static final Pattern NAME = Pattern.compile("m[0-9]{1,7}-p[0-9]-c[0-9]");
    /** Of one that is being made. */
    private static final String UNFINISHED = ".new-";

    private final Path directory;
    private final Path image;

    /**
     * The templates in a directory.
     *
     * @param directory need not exist
     * @param image of the guest, which templates must have been made of
     */
    public TemplateStore(Path directory, Path image) {
        this.directory = directory;
        this.image = image;
    }

    /** What a template of a shape is called. */
    public static String name(Shape shape) {
        return "m" + shape.memoryMib() + "-p" + shape.processors() + "-c" + shape.cards();
    }

    private Path place(String name) throws ContainerFault {
        if (!NAME.matcher(name).matches() || !Files.isDirectory(directory.resolve(name))) {
            throw new ContainerFault(Kind.NOT_FOUND, "there is no template " + name + " in " + directory);
        }
        return directory.resolve(name);
    }

    // ---- what there is ----

    private record Known(String name, @Nullable Manifest manifest, String problem) {}

    private Known look(String name, HostIdentity host, String imageDigest) {
        try {
            Manifest manifest =
                    Manifest.parse(Files.readAllBytes(directory.resolve(name).resolve(MANIFEST)));
            Path machine = directory.resolve(name).resolve(MACHINE);
            return new Known(name, manifest, manifest.problem(machine, host, image, imageDigest));
        } catch (IOException e) {
            return new Known(name, null, Errno.describe(e));
        }
    }

    private List<Known> all() throws IOException {
        List<Known> all = new ArrayList<>();
        HostIdentity host = HostIdentity.ofThis();
        String imageDigest = ImageDigests.of(image);
        try (DirectoryStream<Path> each = Files.newDirectoryStream(directory)) {
            for (Path path : each) {
                String name = path.getFileName().toString();
                if (NAME.matcher(name).matches()) {
                    all.add(look(name, host, imageDigest));
                }
            }
        } catch (NoSuchFileException e) {
            return List.of();
        }
        all.sort((a, b) -> a.name().compareTo(b.name()));
        return all;
    }

    /** All, by name. */
    public List<Entry> list() throws ContainerFault {
        try {
            List<Entry> entries = new ArrayList<>();
            for (Known each : all()) {
                Manifest manifest = each.manifest();
                entries.add(new Entry(
                        each.name(),
                        manifest == null ? new Shape(0, 0, 0) : manifest.shape(),
                        used(directory.resolve(each.name()).resolve(MACHINE)),
                        each.problem()));
            }
            return entries;
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "list templates in " + directory + ": " + Errno.describe(e), e);
        }
    }

    /** Bytes on the disk; 0 for what is not there. */
    private static long used(Path file) {
        try (Fd fd = HostFiles.open(file.toString(), HostFiles.O_RDONLY | HostFiles.O_CLOEXEC, 0)) {
            return FileBlocks.of(fd);
        } catch (IOException e) {
            return 0;
        }
    }

    /**
     * A template that a machine goes on from.
     *
     * @param machine the file
     */
    public record Template(String name, Shape shape, Path machine) {}

    /**
     * The one to take for a machine that is to be of a shape.
     *
     * @param asked what the pod says: nothing, {@code off}, or a name
     * @throws ContainerFault the template that the pod names cannot be taken
     */
    public Optional<Template> choose(Shape wanted, String asked) throws ContainerFault {
        if (asked.equals(TemplateChoice.OFF)) {
            return Optional.empty();
        }
        List<Template> usable = new ArrayList<>();
        String problem = asked.isEmpty() ? "" : "there is none of that name";
        try {
            for (Known each : all()) {
                Manifest manifest = each.manifest();
                if (manifest != null && each.problem().isEmpty()) {
                    usable.add(new Template(
                            each.name(),
                            manifest.shape(),
                            directory.resolve(each.name()).resolve(MACHINE)));
                }
                if (each.name().equals(asked)) {
                    problem = each.problem().isEmpty() ? "the pod needs " + name(wanted) : each.problem();
                }
            }
        } catch (IOException e) {
            problem = Errno.describe(e);
        }
        Optional<Template> chosen = TemplateChoice.of(usable, Template::shape, Template::name, wanted, asked);
        if (chosen.isEmpty() && !asked.isEmpty()) {
            throw new ContainerFault(Kind.INVALID, "take template " + asked + ": " + problem);
        }
        return chosen;
    }

    // ---- making, looking through and removing ----

    /** Writes the machine of a template that is being made. */
    public interface Machine {
        /** @param file empty and open for writing */
        void write(Fd file) throws ContainerFault;
    }

    /** Makes a template, if there is none of that shape that can be used; an unusable one is replaced. */
    public String make(Shape shape, Machine machine) throws ContainerFault {
        String name = name(shape);
        Path fresh = directory.resolve(UNFINISHED + name);
        try {
            Files.createDirectories(directory);
            if (Files.exists(directory.resolve(name))
                    && look(name, HostIdentity.ofThis(), ImageDigests.of(image))
                            .problem()
                            .isEmpty()) {
                throw new ContainerFault(Kind.ALREADY_EXISTS, "make template " + name + ": there is one");
            }
            // Of one who was killed.
            delete(fresh);
            Files.createDirectory(
                    fresh, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            Path file = fresh.resolve(MACHINE);
            try (Fd out =
                    HostFiles.open(file.toString(), HostFiles.O_RDWR | HostFiles.O_CREAT | HostFiles.O_EXCL, 0400)) {
                machine.write(out);
            }
            try (FileChannel written = FileChannel.open(file)) {
                written.force(true);
            }
            Manifest manifest = new Manifest(
                    Instant.now().getEpochSecond(),
                    shape,
                    HostIdentity.ofThis(),
                    ImageDigests.of(image),
                    Files.size(file),
                    ContentDigest.of(file));
            Files.write(fresh.resolve(MANIFEST), manifest.bytes());
            delete(directory.resolve(name));
            Files.move(fresh, directory.resolve(name));
            return name;
        } catch (FileAlreadyExistsException e) {
            throw new ContainerFault(Kind.ALREADY_EXISTS, "make template " + name + ": it is being made", e);
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "make template " + name + ": " + Errno.describe(e), e);
        } finally {
            try {
                delete(fresh);
            } catch (IOException e) {
                System.getLogger(TemplateStore.class.getName())
                        .log(System.Logger.Level.WARNING, "remove " + fresh + ": " + Errno.describe(e));
            }
        }
    }

    /** The file with the machine of one. */
    public Path machine(String name) throws ContainerFault {
        return place(name).resolve(MACHINE);
    }

    /**
     * Adds to a template what its copies touch of their memory.
     *
     * @param footprint writes it down
     */
    public void footprint(String name, Machine footprint) throws ContainerFault {
        Path place = place(name);
        Path fresh = place.resolve(FOOTPRINT_UNFINISHED);
        try {
            try (Fd out = HostFiles.open(
                    fresh.toString(), HostFiles.O_WRONLY | HostFiles.O_CREAT | HostFiles.O_TRUNC, 0400)) {
                footprint.write(out);
            }
            Files.move(fresh, place.resolve(FOOTPRINT), StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new ContainerFault(
                    Kind.FAILED, "write down the footprint of template " + name + ": " + Errno.describe(e), e);
        }
    }

    /** What copies of the template of that machine touch of their memory ({@link dev.caisson.kvm.memory.Footprint#text}); null when that is not known. */
    public static @Nullable Path footprint(Path machine) {
        Path known = machine.resolveSibling(FOOTPRINT);
        return Files.exists(known) ? known : null;
    }

    /** What is wrong with one. */
    public List<String> verify(String name) throws ContainerFault {
        Path place = place(name);
        List<String> problems = new ArrayList<>();
        try {
            Known known = look(name, HostIdentity.ofThis(), ImageDigests.of(image));
            if (!known.problem().isEmpty()) {
                problems.add(known.problem());
            }
            Manifest manifest = known.manifest();
            if (manifest != null && !ContentDigest.of(place.resolve(MACHINE)).equals(manifest.content())) {
                problems.add("its machine is not what was written");
            }
            problems.addAll(ImageDigests.verify(image));
        } catch (IOException e) {
            problems.add(Errno.describe(e));
        }
        return problems;
    }

    /** Takes one away; machines that have gone on from it keep what they have. */
    public void remove(String name) throws ContainerFault {
        try {
            delete(place(name));
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "remove template " + name + ": " + Errno.describe(e), e);
        }
    }

    private static void delete(Path template) throws IOException {
        // The manifest first: what is without is no template.
        Files.deleteIfExists(template.resolve(MANIFEST));
        Files.deleteIfExists(template.resolve(FOOTPRINT_UNFINISHED));
        Files.deleteIfExists(template.resolve(FOOTPRINT));
        Files.deleteIfExists(template.resolve(MACHINE));
        Files.deleteIfExists(template);
    }
}
