package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.Backend.CreateRequest;
import dev.caisson.backend.Backend.Options;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.RootfsMount;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.kvm.plan.ImagePlan;
import dev.caisson.kvm.pod.ContainerDisk;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The disk of a container in a machine, made by a real monitor's process; that needs no machine. */
@Timeout(60)
class ContainerDiskTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    @TempDir
    Path directory;

    private MonitorPod pod;
    private Bundle bundle;

    @BeforeEach
    void open() throws IOException {
        pod = MonitorPod.open(Files.createDirectory(directory.resolve("pod")));
        bundle = Bundle.shell(directory, "true");
    }

    @AfterEach
    void close() {
        pod.close();
    }

    private Path make(List<RootfsMount> rootfs) throws Exception {
        Path scratch = Files.createDirectories(directory.resolve("scratch"));
        return ContainerDisk.make(
                new CreateRequest(
                        bundle.id(), bundle.directory(), bundle.spec(), rootfs, 1, 1, scratch, Options.DEFAULT),
                pod.launcher());
    }

    @Test
    void itHasWhatTheRootHas() throws Exception {
        Path program = Files.writeString(bundle.rootfs("program"), "x".repeat(10_000));
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("r-x--x---"));
        Files.setAttribute(program, "unix:uid", 7);
        Files.createSymbolicLink(bundle.rootfs("link"), Path.of("program"));
        Path disk = make(List.of());
        assertThat(output("e2fsck", "-fn", disk.toString())).doesNotContain("Fix");
        assertThat(look(disk, "stat /rootfs/program"))
                .contains("Type: regular")
                .contains("Mode:  0510")
                .contains("User:     7")
                .contains("Size: 10000");
        assertThat(look(disk, "cat /rootfs/program")).isEqualTo("x".repeat(10_000));
        assertThat(look(disk, "stat /rootfs/link")).contains("Fast link dest: \"program\"");
    }

    /** containerd's snapshotter says what to mount, and it is mounted nowhere but for the maker. */
    @Test
    void itHasWhatTheMountsHave() throws Exception {
        Path lower = Files.createDirectory(directory.resolve("lower"));
        Path upper = Files.createDirectory(directory.resolve("upper"));
        Files.writeString(lower.resolve("below"), "below\n");
        Files.writeString(lower.resolve("both"), "below\n");
        Files.writeString(upper.resolve("both"), "above\n");
        Path disk = make(
                List.of(new RootfsMount("overlay", "overlay", "", List.of("ro", "lowerdir=" + upper + ":" + lower))));
        assertThat(look(disk, "cat /rootfs/below")).isEqualTo("below\n");
        assertThat(look(disk, "cat /rootfs/both")).isEqualTo("above\n");
        assertThat(Files.readString(Path.of("/proc/self/mounts"))).doesNotContain(directory.toString());
    }

    /** Nor does the end of an overlay that nobody could write to have anything of the host's written to its disk. */
    @Test
    void itsMakerWritesNothingToTheLayers() throws Exception {
        Path root = Files.createDirectory(directory.resolve("root"));
        Path lower = Files.createDirectory(directory.resolve("lower"));
        Path upper = Files.createDirectory(directory.resolve("upper"));
        Path work = Files.createDirectory(directory.resolve("work"));
        RootfsMount overlay = new RootfsMount(
                "overlay",
                "overlay",
                "",
                List.of("index=off", "workdir=" + work, "upperdir=" + upper, "lowerdir=" + lower));
        Launch maker = ended(
                List.of(ImagePlan.Source.of(overlay, root.toString())),
                "/bin/sh",
                "-c",
                "echo > " + root.resolve("new"));
        assertThat(maker.exit().join().code()).isNotZero();
        assertThat(Files.readString(log())).contains("Read-only file system");
        assertThat(upper).isEmptyDirectory();
    }

    @Test
    void whatIsMissingIsSaid() throws Exception {
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> make(List.of(new RootfsMount("bind", "/nonexistent", "", List.of("rbind")))))
                .withMessageContaining("mount /nonexistent")
                .withMessageContaining("ENOENT");
        assertThat(directory.resolve("scratch/disk")).doesNotExist();
    }

    /** fsync(2) of a character device is EINVAL, where anybody asks the kernel. */
    @Test
    void itsMakerWaitsForNoDisk() throws Exception {
        assertThat(new ProcessBuilder("sync", "/dev/null")
                        .redirectErrorStream(true)
                        .start()
                        .waitFor())
                .isEqualTo(1);
        Launch maker = ended(List.of(), "/bin/sync", "/dev/null");
        assertThat(maker.exit().join().code()).as(Files.readString(log())).isZero();
    }

    private Path log() {
        return directory.resolve("log");
    }

    /** A program in the place of the one that makes disks. */
    private Launch ended(List<ImagePlan.Source> sources, String... command) throws Exception {
        Launch maker = pod.launcher()
                .spawn(
                        pod.launcher().nextId(),
                        Launcher.WALL_TAG + "disk",
                        ImagePlan.of(sources, List.of(command), log().toString()),
                        0,
                        Set.of(Launcher.Flag.SELF));
        assertThat(maker.awaitExit(PATIENCE)).isTrue();
        return maker;
    }

    private static String look(Path disk, String command) throws Exception {
        return output("debugfs", "-R", command, disk.toString());
    }

    private static String output(String... command) throws Exception {
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isZero();
        return said;
    }
}
