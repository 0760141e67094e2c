package dev.caisson.tests.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A small root file system of Debian's static busybox, for bundles and for callers that import a tar file. */
public final class BusyboxRoot {
    /** Those that tests' scripts use: links of all four hundred would cost more than a container. */
    private static final List<String> APPLETS = List.of(
            ("cat chmod chown cp dd echo env false find grep head hostname id init kill ln ls mkdir mknod mount nc printf ps readlink rm sed seq"
                            + " sh sleep sort stat stty sync tail tee test touch tr true umount wc wget")
                    .split(" ", -1));

    private BusyboxRoot() {}

    /** Makes it in {@code rootfs}, which need not exist. */
    public static void layOut(Path rootfs) {
        Path busybox = Command.find("busybox")
                .orElseThrow(() -> Skip.because("every container", "the package busybox-static"));
        try {
            for (String directory : List.of("bin", "dev", "etc", "proc", "root", "run", "sys", "tmp")) {
                Files.createDirectories(rootfs.resolve(directory));
            }
            Files.copy(busybox, rootfs.resolve("bin/busybox"));
            for (String applet : APPLETS) {
                Files.createSymbolicLink(rootfs.resolve("bin").resolve(applet), Path.of("busybox"));
            }
            Files.writeString(
                    rootfs.resolve("etc/passwd"),
                    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n");
            Files.writeString(rootfs.resolve("etc/group"), "root:x:0:\nnogroup:x:65534:\n");
        } catch (IOException e) {
            throw new UncheckedIOException("lay out " + rootfs, e);
        }
    }

    /** The same as {@code archive}, a tar file without compression; a folder beside it is left. */
    public static Path archive(Path archive) {
        Path folder = Path.of(archive + ".d");
        layOut(folder);
        Command.of("tar", "-C", folder.toString(), "--owner=0", "--group=0", "-cf", archive.toString(), ".")
                .run()
                .ok();
        return archive;
    }
}
