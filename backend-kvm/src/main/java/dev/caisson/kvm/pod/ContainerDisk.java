package dev.caisson.kvm.pod;

import dev.caisson.backend.Backend.CreateRequest;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.ProcessExit;
import dev.caisson.backend.RootfsMount;
import dev.caisson.kvm.guest.GuestSpec;
import dev.caisson.kvm.plan.ImagePlan;
import dev.caisson.linux.Errno;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** The disk that a container's root file system is copied to, for its time: a file in the container's scratch directory. */
public final class ContainerDisk {
    private static final String FILE = "disk";
    private static final String STAGE = "stage";
    private static final String LOG = "disk.log";
    private static final String MAKER = "mke2fs";
    private static final List<String> MAKER_PLACES = List.of("/usr/sbin", "/sbin", "/usr/bin", "/bin");
    /** What fits; the file is sparse. */
    private static final String SIZE = "8G";

    private static final Duration MAKE_TIME = Duration.ofMinutes(5);
    private static final int SIGKILL = 9;

    private ContainerDisk() {}

    /** Where it is. */
    public static Path file(Path scratch) {
        return scratch.resolve(FILE);
    }

    /** Makes it. */
    public static Path make(CreateRequest request, Launcher launcher) throws ContainerFault {
        Path scratch = request.scratch();
        Path stage = scratch.resolve(STAGE);
        Path file = file(scratch);
        List<ImagePlan.Source> sources = new ArrayList<>();
        try {
            Path root = stage.resolve(GuestSpec.ROOTFS);
            Files.createDirectories(root);
            if (request.rootfs().isEmpty()) {
                sources.add(ImagePlan.Source.bind(rootfs(request).toString(), root.toString()));
            }
            for (RootfsMount mount : request.rootfs()) {
                sources.add(ImagePlan.Source.of(mount, root.toString()));
            }
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "prepare disk of " + request.id() + ": " + Errno.describe(e), e);
        }
        Path log = scratch.resolve(LOG);
        Launch maker = launcher.spawn(
                launcher.nextId(),
                Launcher.WALL_TAG + "disk " + request.id(),
                ImagePlan.of(sources, command(stage, file, SIZE), log.toString()),
                0,
                Set.of(Launcher.Flag.SELF));
        try {
            maker.awaitLaunched(MAKE_TIME);
            if (!maker.awaitExit(MAKE_TIME)) {
                maker.kill(SIGKILL);
                throw new ContainerFault(
                        Kind.FAILED, "make disk of " + request.id() + ": not finished after " + MAKE_TIME);
            }
            ProcessExit exit = maker.exit().getNow(null);
            if (exit == null || exit.code() != 0) {
                throw new ContainerFault(
                        Kind.FAILED,
                        "make disk of " + request.id() + ": " + MAKER + " ended with "
                                + (exit == null ? "?" : exit.code()) + ": " + text(log));
            }
        } finally {
            maker.forget();
        }
        return file;
    }

    private static Path rootfs(CreateRequest request) {
        String path =
                request.spec().root() == null ? "rootfs" : request.spec().root().path();
        return request.bundle().resolve(path);
    }

    /** Without a journal: what is on it does not outlive the container. */
    static List<String> command(Path stage, Path file, String size) throws ContainerFault {
        for (String place : MAKER_PLACES) {
            Path program = Path.of(place, MAKER);
            if (Files.isExecutable(program)) {
                return List.of(
                        program.toString(),
                        "-q",
                        "-F",
                        "-t",
                        "ext4",
                        "-m",
                        "0",
                        "-O",
                        "^has_journal,^resize_inode",
                        "-E",
                        "lazy_itable_init=1,nodiscard,root_owner=0:0",
                        "-d",
                        stage.toString(),
                        file.toString(),
                        size);
            }
        }
        throw new ContainerFault(
                Kind.UNSUPPORTED, "make a container's disk: " + MAKER + " (package e2fsprogs) is not installed");
    }

    private static String text(Path log) {
        try {
            return Files.readString(log).strip();
        } catch (IOException e) {
            return "(no log: " + Errno.describe(e) + ")";
        }
    }

    /** Takes it away. Idempotent. */
    public static void remove(Path scratch) throws ContainerFault {
        try {
            Files.deleteIfExists(file(scratch));
            Files.deleteIfExists(scratch.resolve(LOG));
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "remove disk in " + scratch + ": " + Errno.describe(e), e);
        }
    }
}
