package dev.caisson.tests.backends;

import static dev.caisson.tests.backends.Bundles.withMounts;
import static dev.caisson.tests.backends.Bundles.withUserNamespace;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.Backend;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.RootfsMount;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.oci.IdMapping;
import dev.caisson.oci.Mount;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a container's mounts promise: id mappings, recursive attributes, tmpfs, symlinks in their way, layers. */
final class NamespaceMountTest extends NamespaceSuite {
    @Test
    void mountsAreIdMappedWithTheContainersMappings() throws Exception {
        Path volume = Files.createDirectories(temp.resolve("volume"));
        Files.writeString(volume.resolve("file"), "x");
        Bundle bundle = withMounts(
                withUserNamespace(
                        shell("stat -c '%u %g' /mapped/file /plain/file; touch /mapped/new; touch /plain/new")),
                Mount.of("/mapped", volume.toString(), "bind", List.of("bind", "idmap")),
                Mount.of("/plain", volume.toString(), "bind", List.of("bind")));
        try (TestContainer c = prepare(bundle)) {
            c.run();
            assertThat(c.stdout()).isEqualTo("0 0\n65534 65534\n");
            assertThat(Files.getAttribute(volume.resolve("new"), "unix:uid")).isEqualTo(0);
            assertThat(c.stderr()).contains("/plain/new");
        }
    }

    @Test
    void mountsAreIdMappedWithTheirOwnMappings() throws Exception {
        Path volume = Files.createDirectories(temp.resolve("volume"));
        Files.writeString(volume.resolve("file"), "x");
        List<IdMapping> up = List.of(new IdMapping(0, 7000, 10));
        Bundle bundle = withMounts(
                shell("stat -c '%u %g' /own/file /inline/file"),
                new Mount("/own", volume.toString(), "bind", List.of("rbind", "ridmap"), up, up),
                Mount.of("/inline", volume.toString(), "bind", List.of("bind", "idmap=uids=0-8000-10;gids=0-8001-10")));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("7000 7000\n8000 8001\n");
        }
    }

    @Test
    void recursiveReadOnly() throws Exception {
        Path volume = Files.createDirectories(temp.resolve("volume"));
        Bundle bundle = withMounts(
                shell("touch /ro/x; touch /rw/x && echo fine"),
                Mount.of("/ro", volume.toString(), "bind", List.of("rbind", "rro")),
                Mount.of("/rw", volume.toString(), "bind", List.of("rbind")));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("fine\n");
            assertThat(c.stderr()).contains("Read-only file system");
        }
    }

    @Test
    void aTmpfsLooksLikeWhatItCovers() throws Exception {
        Bundle bundle = withMounts(
                shell("stat -c '%a' /covered /fresh /explicit; touch /covered/x"),
                Mount.of("/covered", "tmpfs", "tmpfs", List.of("ro")),
                Mount.of("/fresh", "tmpfs", "tmpfs", List.of()),
                Mount.of("/explicit", "tmpfs", "tmpfs", List.of("mode=0700")));
        Path covered = Files.createDirectories(bundle.rootfs("covered"));
        Files.setPosixFilePermissions(covered, java.nio.file.attribute.PosixFilePermissions.fromString("rwxr-x---"));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isEqualTo(1);
            assertThat(c.stdout()).isEqualTo("750\n1777\n700\n");
            assertThat(c.stderr()).contains("Read-only file system");
        }
    }

    /** Since Linux 6.6; overlay in a user namespace needs them to remove what the lower layer brought. */
    private static boolean tmpfsHasUserAttributes() {
        String[] version = System.getProperty("os.version").split("[.-]", 3);
        int major = Integer.parseInt(version[0]);
        return major > 6 || (major == 6 && Integer.parseInt(version[1]) >= 6);
    }

    @Test
    void aTmpfsCanShowWhatItCovers() throws Exception {
        String script =
                "cat /run/d/f; stat -c '%a %u %g' /run; echo new > /run/d/f; cat /run/d/f; rm -r /run/d; ls /run; "
                        + "stat -f -c %T /empty; df -k /empty | grep -c 1024; touch /ro/x";
        for (boolean userNamespace : tmpfsHasUserAttributes() ? new boolean[] {false, true} : new boolean[] {false}) {
            Bundle bundle = withMounts(
                    shell(script),
                    Mount.of("/run", "tmpfs", "tmpfs", List.of("nosuid", "nodev", "tmpcopyup", "size=1m")),
                    Mount.of("/empty", "tmpfs", "tmpfs", List.of("tmpcopyup", "size=1m")),
                    Mount.of("/ro", "tmpfs", "tmpfs", List.of("tmpcopyup", "ro")));
            Path file = Files.createDirectories(bundle.rootfs("run/d")).resolve("f");
            Files.writeString(file, "old\n");
            Files.createDirectories(bundle.rootfs("ro/sub"));
            Files.createDirectories(bundle.rootfs("empty"));
            Files.setPosixFilePermissions(
                    bundle.rootfs("run"), java.nio.file.attribute.PosixFilePermissions.fromString("rwxr-x--x"));
            if (userNamespace) {
                withUserNamespace(bundle);
            }
            try (TestContainer c = prepare(bundle)) {
                c.run();
                assertThat(c.stdout()).as(c.stderr()).isEqualTo("old\n751 0 0\nnew\ntmpfs\n1\n");
                assertThat(c.stderr()).contains("/ro/x: Read-only file system");
                assertThat(file).hasContent("old\n");
            }
        }
    }

    @Test
    void aDirectoryMountOnADanglingSymlinkIsRefused() throws Exception {
        Bundle bundle = withMounts(shell("true"), Mount.of("/link/sub", "tmpfs", "tmpfs", List.of()));
        Files.createSymbolicLink(bundle.rootfs("link"), Path.of("/nothing"));
        try (TestContainer c = prepare(bundle)) {
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(c::create)
                    .withMessageContaining("link is a symlink to nothing");
        }
    }

    @Test
    void aFileMountThroughADanglingSymlinkStaysInside() throws Exception {
        Path source = Files.writeString(temp.resolve("source"), "content");
        Bundle bundle = withMounts(shell("cat /real"), Mount.of("/link", source.toString(), "bind", List.of("bind")));
        Files.createSymbolicLink(bundle.rootfs("link"), Path.of("/real"));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("content");
            assertThat(Path.of("/real")).doesNotExist();
        }
    }

    @Test
    void rootfsFromManyOverlayLayers() throws Exception {
        Bundle bundle = shell("cat /n0 /n99; echo new > /made");
        Path layers =
                Files.createDirectories(temp.resolve("layers-with-a-name-that-is-so-long-that-a-page-is-soon-full"));
        List<String> lower = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            Path layer = Files.createDirectories(layers.resolve(i + "/fs"));
            Files.writeString(layer.resolve("n" + i), "layer " + i + "\n");
            lower.add(layer.toString());
        }
        Path image = Files.move(bundle.directory().resolve("rootfs"), layers.resolve("image"));
        Files.createDirectory(bundle.directory().resolve("rootfs"));
        lower.add(image.toString());
        assertThat(String.join(":", lower)).hasSizeGreaterThan(4096);
        Path upper = Files.createDirectories(temp.resolve("upper"));
        Path work = Files.createDirectories(temp.resolve("work"));
        RootfsMount overlay = new RootfsMount(
                "overlay",
                "overlay",
                "",
                List.of("index=off", "lowerdir=" + String.join(":", lower), "upperdir=" + upper, "workdir=" + work));
        try (TestContainer c =
                TestContainer.prepare(backend(), bundle, pod().launcher(), List.of(overlay), Backend.Options.DEFAULT)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("layer 0\nlayer 99\n");
            assertThat(upper.resolve("made")).hasContent("new\n");
        }
    }
}
