package dev.caisson.tests.backends;

import static dev.caisson.tests.backends.Bundles.opens;
import static dev.caisson.tests.backends.Bundles.withMknod;
import static dev.caisson.tests.backends.Bundles.withUserNamespace;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.oci.DeviceType;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.Resources;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Mounts and devices that come and go while a container runs, and how a container may try to misuse that. */
final class RunningChangesTest extends NamespaceSuite {
    private static final String SLEEP = "sleep 1000";
    /** Needs no module; opening it for writing needs no capability either. */
    private static final Linux.Device KMSG = new Linux.Device(DeviceType.CHAR, "/dev/kmsg", 1L, 11L, 0644, null, null);

    private static Mount bind(Path source, String destination, String... options) {
        List<String> all = new java.util.ArrayList<>(List.of("bind"));
        all.addAll(List.of(options));
        return new Mount(destination, source.toString(), null, all, List.of(), List.of());
    }

    private static Mount tmpfs(String destination, String... options) {
        return new Mount(destination, "tmpfs", "tmpfs", List.of(options), List.of(), List.of());
    }

    private Path shared(String content) throws Exception {
        Path dir = Files.createDirectories(temp.resolve("shared"));
        Files.writeString(dir.resolve("file"), content);
        return dir;
    }

    private static int code(TestContainer c, Bundle bundle, String script) throws ContainerFault {
        return c.exec(bundle.exec("sh", "-c", script)).awaitCode();
    }

    private static void assertFault(org.assertj.core.api.ThrowableAssert.ThrowingCallable call, String... words) {
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(call)
                .satisfies(e -> assertThat(e.getMessage()).contains(words));
    }

    @Test
    void aDirectoryComesAndGoes() throws Exception {
        Path dir = shared("hello");
        Bundle bundle = shell(SLEEP);
        try (TestContainer c = prepare(bundle).create().start()) {
            Container container = c.container();
            container.addMount(c.init(), bind(dir, "/new/place", "ro", "nosuid"));
            assertThat(c.execOutput("cat", "/new/place/file")).isEqualTo("hello");
            assertThat(code(c, bundle, "echo x > /new/place/file")).isNotZero();
            assertThat(c.execOutput("grep", "/new/place", "/proc/self/mountinfo"))
                    .contains("ro,nosuid");
            assertFault(() -> container.removeMount(c.init(), "/new"), "remove mount /new", "EINVAL");
            container.removeMount(c.init(), "/new/place");
            assertThat(code(c, bundle, "test -e /new/place/file")).isNotZero();
            assertFault(() -> container.removeMount(c.init(), "/new/place"), "EINVAL");
            assertFault(() -> container.removeMount(c.init(), "/absent"), "ENOENT");
        }
        assertThat(Files.readString(dir.resolve("file"))).isEqualTo("hello");
    }

    @Test
    void aFileAndATmpfsToo() throws Exception {
        Path file = shared("one file").resolve("file");
        Bundle bundle = shell(SLEEP);
        try (TestContainer c = prepare(bundle).create().start()) {
            c.container().addMount(c.init(), bind(file, "/etc/one"));
            assertThat(c.execOutput("cat", "/etc/one")).isEqualTo("one file");
            c.container().addMount(c.init(), tmpfs("/scratch", "size=64k", "mode=0700"));
            assertThat(code(c, bundle, "dd if=/dev/zero of=/scratch/x bs=1k count=32"))
                    .isZero();
            assertThat(code(c, bundle, "dd if=/dev/zero of=/scratch/x bs=1k count=128"))
                    .isNotZero();
            c.container().removeMount(c.init(), "/etc/one");
            c.container().removeMount(c.init(), "/scratch");
            assertThat(c.execOutput("grep", "-c", " / rw", "/proc/self/mountinfo"))
                    .isNotEmpty();
            assertThat(code(c, bundle, "grep -q scratch /proc/self/mountinfo")).isNotZero();
        }
    }

    @Test
    void inAUserNamespaceTheyBelongToTheContainer() throws Exception {
        Path dir = shared("hello");
        Bundle bundle = withUserNamespace(shell(SLEEP));
        try (TestContainer c = prepare(bundle).create().start()) {
            c.container().addMount(c.init(), bind(dir, "/data"));
            c.container().addMount(c.init(), tmpfs("/scratch"));
            assertThat(c.execOutput("cat", "/data/file")).isEqualTo("hello");
            assertThat(c.execOutput("stat", "-c", "%u", "/scratch")).isEqualTo("0\n");
            assertThat(code(c, bundle, "touch /scratch/mine")).isZero();
            c.container().removeMount(c.init(), "/data");
            assertThat(code(c, bundle, "test -e /data/file")).isNotZero();
        }
    }

    @Test
    void idsAreMappedWhereAsked() throws Exception {
        Path dir = shared("hello");
        Bundle bundle = withUserNamespace(shell(SLEEP));
        try (TestContainer c = prepare(bundle).create().start()) {
            c.container().addMount(c.init(), bind(dir, "/data", "idmap"));
            assertThat(c.execOutput("stat", "-c", "%u", "/data/file")).isEqualTo("0\n");
            assertThat(code(c, bundle, "echo new > /data/file")).isZero();
        }
        assertThat(Files.readString(dir.resolve("file"))).isEqualTo("new\n");
        assertThat(Files.getAttribute(dir.resolve("file"), "unix:uid")).isEqualTo(0);
    }

    @Test
    void aLinkOfTheContainersLeadsNowhereElse() throws Exception {
        Path dir = shared("hello");
        Path outside = Files.createDirectories(temp.resolve("outside"));
        Bundle bundle = shell("ln -s " + outside + " /out; ln -s ../../../../../../.. /up; ln -s /proc /p; " + SLEEP);
        try (TestContainer c = prepare(bundle).create().start()) {
            await("links", () -> Files.isSymbolicLink(bundle.rootfs("p")));
            c.container().addMount(c.init(), bind(dir, "/up/here"));
            assertThat(c.execOutput("cat", "/here/file")).isEqualTo("hello");
            assertFault(() -> c.container().addMount(c.init(), bind(dir, "/out")), "symlink to nothing");
            assertThat(outside).isEmptyDirectory();
            // A link must not make a guarded path another one's name.
            assertFault(() -> c.container().removeMount(c.init(), "/p/kcore"), "ELOOP");
        }
    }

    @Test
    void whatIsHiddenStaysHidden() throws Exception {
        Bundle bundle = shell(SLEEP).linux(l -> l.maskedPaths = List.of("/proc/kcore"));
        try (TestContainer c = prepare(bundle).create().start()) {
            for (String path : List.of("/proc/kcore", "/proc")) {
                assertFault(() -> c.container().removeMount(c.init(), path), "would uncover /proc/kcore");
            }
            for (String path : List.of("/", "/proc/../proc/kcore", "relative", "//proc", "/a/./b")) {
                assertFault(() -> c.container().removeMount(c.init(), path), "clean path");
                assertFault(() -> c.container().addMount(c.init(), tmpfs(path)), "clean path");
            }
            for (String type : List.of("proc", "sysfs", "cgroup", "ext4")) {
                Mount mount = new Mount("/x", "x", type, List.of(), List.of(), List.of());
                assertFault(() -> c.container().addMount(c.init(), mount), "only a bind or a tmpfs");
            }
        }
    }

    @Test
    void aDeviceComesAndGoes() throws Exception {
        Bundle bundle = withMknod(shell(SLEEP));
        try (TestContainer c = prepare(bundle).create().start()) {
            String open = "exec 3> /dev/kmsg";
            assertThat(code(c, bundle, opens("1 11"))).isEqualTo(7);
            c.container().addDevice(c.init(), KMSG, "w");
            assertThat(c.execOutput("stat", "-c", "%a %t:%T", "/dev/kmsg")).isEqualTo("644 1:b\n");
            assertThat(code(c, bundle, open)).isZero();
            assertThat(code(c, bundle, "exec 3<> /dev/kmsg")).isNotZero();

            // Another daemon knows it too: changing one device does not take another one's rule away.
            Container recovered = c.recovered();
            Linux.Device port = new Linux.Device(DeviceType.CHAR, "/dev/sub/loop-control", 10L, 237L, null, null, null);
            recovered.addDevice(c.init(), port, "rw");
            assertThat(code(c, bundle, open)).isZero();
            recovered.removeDevice(c.init(), port);
            assertThat(code(c, bundle, "test -e /dev/sub/loop-control")).isNotZero();
            assertThat(code(c, bundle, open)).isZero();

            recovered.removeDevice(c.init(), KMSG);
            assertThat(code(c, bundle, "test -e /dev/kmsg")).isNotZero();
            assertThat(code(c, bundle, opens("1 11"))).isEqualTo(7);
            recovered.removeDevice(c.init(), KMSG);
            assertThat(code(c, bundle, "echo x > /dev/null")).isZero();
        }
    }

    @Test
    void aDeviceInAUserNamespaceIsTheHostsNode() throws Exception {
        Bundle bundle = withUserNamespace(shell(SLEEP));
        Linux.Device zero = new Linux.Device(DeviceType.CHAR, "/dev/hot/../zero", 1L, 5L, null, null, null);
        Linux.Device full = new Linux.Device(DeviceType.CHAR, "/dev/full", 1L, 7L, null, null, null);
        Linux.Device wrong = new Linux.Device(DeviceType.CHAR, "/dev/null", 1L, 7L, null, null, null);
        try (TestContainer c = prepare(bundle).create().start()) {
            c.container().removeDevice(c.init(), full);
            assertThat(code(c, bundle, "test -e /dev/full")).isNotZero();
            c.container().addDevice(c.init(), full, "rw");
            assertThat(c.execOutput("dd", "if=/dev/full", "of=/dev/null", "bs=1", "count=1"))
                    .isEmpty();
            assertFault(() -> c.container().addDevice(c.init(), wrong, "rw"), "it is another one");
            assertFault(() -> c.container().addDevice(c.init(), zero, "rw"), "clean path");
        }
    }

    @Test
    void aFileInTheDevicesPlaceStays() throws Exception {
        Bundle bundle = withMknod(shell("echo mine > /dev/kmsg; " + SLEEP));
        try (TestContainer c = prepare(bundle).create().start()) {
            await("file", () -> {
                try {
                    return code(c, bundle, "test -f /dev/kmsg") == 0;
                } catch (ContainerFault e) {
                    throw new AssertionError(e);
                }
            });
            assertFault(() -> c.container().addDevice(c.init(), KMSG, "rw"), "a different file is there", "EEXIST");
            // The rule went with the failure.
            assertThat(code(c, bundle, opens("1 11"))).isEqualTo(7);
            assertFault(() -> c.container().removeDevice(c.init(), KMSG), "a different file is there");
            assertThat(c.execOutput("cat", "/dev/kmsg")).isEqualTo("mine\n");
        }
    }

    @Test
    void anUpdateOfDevicesIsTheWholeTruth() throws Exception {
        Bundle bundle = shell(SLEEP);
        try (TestContainer c = prepare(bundle).create().start()) {
            c.container().addDevice(c.init(), KMSG, "w");
            c.container()
                    .update(new Resources(
                            java.util.Map.of(),
                            List.of(new Resources.DeviceRule(
                                    false, dev.caisson.oci.DeviceRuleType.ALL, null, null, null)),
                            null,
                            null,
                            null,
                            null,
                            List.of(),
                            null,
                            java.util.Map.of()));
            assertThat(code(c, bundle, "exec 3> /dev/kmsg")).isNotZero();
        }
    }
}
