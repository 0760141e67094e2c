package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.oci.Mount;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Spec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the containers of a pod share: its machine, and files of the host. */
@Timeout(600)
class KvmVolumeTest extends KvmSuite {
    @Test
    void containersShareTheMachineAndTheHostsFiles() throws Exception {
        var _ = template();
        try (TestContainer pod =
                prepare(shell("echo ready; sleep 1000 & wait")).create().start()) {
            await("its first container", () -> pod.stdout().contains("ready"));
            done("first container");
            aSecondContainer();
            done("second container");
            aContainerWithVolumes();
            done("volumes");
            aContainerThatWatchesVolumes("never");
            done("changes");
            aContainerThatWatchesVolumes("auto");
            done("changes where something is kept");
            aContainerThatKeepsWhatItWasTold();
            done("what is kept");
        }
        assertThat(Path.of("/run/caisson-kvm")).isEmptyDirectory();
    }

    /** A directory both ways, a file alone, and a secret as the kubelet replaces it: by another link. */
    private void aContainerWithVolumes() throws Exception {
        Path data = Files.createDirectory(temp.resolve("data"));
        Files.setPosixFilePermissions(data, PosixFilePermissions.fromString("rwxrwxrwx"));
        Path one = Files.writeString(temp.resolve("one"), "the host's\n");
        Path secret = Files.createDirectory(temp.resolve("secret"));
        Files.writeString(Files.createDirectory(secret.resolve("v1")).resolve("token"), "old\n");
        Files.createSymbolicLink(secret.resolve("..data"), Path.of("v1"));
        Files.createSymbolicLink(secret.resolve("token"), Path.of("..data/token"));
        Files.writeString(data.resolve("host"), "from the host\n");
        Bundle bundle = shell(
                        "cat /data/host /one /secret/token; mkdir /data/d; echo guest >/data/d/f; chmod 640 /data/d/f; chown 7:0 /data/d/f;"
                                + " mv /data/d/f /data/d/g; ln -s g /data/d/l; echo changed >/one; echo no >/secret/no;"
                                + " echo ready; while [ ! -e /data/go ]; do sleep 1; done; cat /secret/token /data/host;"
                                + " cat /data/d/l; rm /data/host")
                .spec(spec -> {
                    Spec.Builder b = spec.toBuilder();
                    List<Mount> mounts = new ArrayList<>(b.mounts);
                    mounts.add(Mount.of("/data", data.toString(), "bind", List.of("rbind", "rw")));
                    mounts.add(Mount.of("/one", one.toString(), "bind", List.of("rbind", "rw")));
                    mounts.add(Mount.of("/secret", secret.toString(), "bind", List.of("rbind", "ro")));
                    b.mounts = mounts;
                    return b.build();
                });
        List<String> owner = List.of("CAP_CHOWN");
        bundle.process(p -> p.capabilities = new ProcessSpec.Capabilities(owner, owner, List.of(), owner, List.of()));
        try (TestContainer c = prepare(bundle).create().start()) {
            await("what it does first", () -> c.stdout().contains("ready"));
            assertThat(c.stdout()).isEqualTo("from the host\nthe host's\nold\nready\n");
            // Another stream, which takes its own time.
            await("the refusal", () -> c.stderr().contains("Read-only file system"));
            assertThat(secret.resolve("no")).doesNotExist();
            assertThat(one).hasContent("changed\n");
            assertThat(data.resolve("d/l")).hasContent("guest\n");
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(data.resolve("d/g"))))
                    .isEqualTo("rw-r-----");
            assertThat(Files.getAttribute(data.resolve("d/g"), "unix:uid")).isEqualTo(7);
            ProcessSpec.Builder other =
                    bundle.exec("sh", "-c", "echo mine >/data/mine && ! echo no >/data/host").toBuilder();
            other.user = new ProcessSpec.User(1000, 1001, null, List.of());
            assertThat(c.exec(other.build()).awaitCode()).isZero();
            assertThat(Files.getAttribute(data.resolve("mine"), "unix:uid")).isEqualTo(1000);
            assertThat(Files.getAttribute(data.resolve("mine"), "unix:gid")).isEqualTo(1001);
            Files.writeString(Files.createDirectory(secret.resolve("v2")).resolve("token"), "new\n");
            Files.createSymbolicLink(secret.resolve("..next"), Path.of("v2"));
            Files.move(secret.resolve("..next"), secret.resolve("..data"), StandardCopyOption.ATOMIC_MOVE);
            Files.writeString(data.resolve("host"), "changed by the host\n");
            Files.createFile(data.resolve("go"));
            assertThat(c.awaitExit().code()).as(c.stderr()).isZero();
            assertThat(c.stdout()).endsWith("ready\nnew\nchanged by the host\nguest\n");
            assertThat(data.resolve("host")).doesNotExist();
        }
    }

    /** With Kata's cache=auto what the guest was told of a file is good for a second, and no longer. */
    private void aContainerThatKeepsWhatItWasTold() throws Exception {
        Path data = Files.createDirectory(temp.resolve("kept"));
        Files.writeString(data.resolve("file"), "old\n");
        Bundle bundle = shell("cat /data/file; echo ready; while ! grep -q new /data/file; do sleep 1; done; ls /data")
                .spec(spec -> {
                    Spec.Builder b = spec.toBuilder();
                    List<Mount> mounts = new ArrayList<>(b.mounts);
                    mounts.add(Mount.of("/data", data.toString(), "bind", List.of("rbind", "ro")));
                    b.mounts = mounts;
                    b.annotations = cache(spec, "auto");
                    return b.build();
                });
        try (TestContainer c = prepare(bundle).create().start()) {
            await("what it reads first", () -> c.stdout().contains("ready"));
            Files.writeString(data.resolve("file"), "new\n");
            Files.createFile(data.resolve("more"));
            assertThat(c.awaitExit().code()).as(c.stderr()).isZero();
            assertThat(c.stdout()).isEqualTo("old\nready\nfile\nmore\n");
        }
    }

    private static Map<String, String> cache(Spec spec, String mode) {
        Map<String, String> annotations = new HashMap<>(spec.annotations());
        annotations.put("io.katacontainers.config.hypervisor.virtio_fs_cache", mode);
        return annotations;
    }

    /** What the host does is heard of, and what the container does once. */
    private void aContainerThatWatchesVolumes(String cache) throws Exception {
        Path data = Files.createDirectory(temp.resolve("watched-" + cache));
        Path below = Files.createDirectory(data.resolve("below"));
        Files.writeString(data.resolve("config"), "old\n");
        Bundle bundle = shell("exec /program /data /data/below /data/config").spec(spec -> {
            Spec.Builder b = spec.toBuilder();
            List<Mount> mounts = new ArrayList<>(b.mounts);
            mounts.add(Mount.of("/data", data.toString(), "bind", List.of("rbind", "ro")));
            b.mounts = mounts;
            b.annotations = cache(spec, cache);
            return b.build();
        });
        CompiledProgram.compile("watch", temp, bundle.rootfs("program"));
        try (TestContainer c = prepare(bundle).create().start()) {
            await("its start", () -> c.stdout().contains("ready"));
            heard(c, () -> Files.createDirectory(data.resolve("new")), "CREATE /data/new");
            heard(c, () -> Files.createFile(below.resolve("file")), "CREATE /data/below/file");
            heard(c, () -> Files.delete(below.resolve("file")), "DELETE /data/below/file");
            heard(c, () -> Files.writeString(data.resolve("config"), "changed\n"), "MODIFY /data/config");
            await("its being closed", () -> c.stdout().contains("CLOSE_WRITE /data/config"));
            heard(
                    c,
                    () -> Files.setPosixFilePermissions(
                            data.resolve("config"), PosixFilePermissions.fromString("r--------")),
                    "ATTRIB /data/config");
            // As an editor replaces a file, and the kubelet a secret.
            Files.writeString(data.resolve("next"), "new\n");
            heard(
                    c,
                    () -> Files.move(data.resolve("next"), data.resolve("config"), StandardCopyOption.ATOMIC_MOVE),
                    "MOVED_TO /data/config");
            await("the end of what was watched", () -> c.stdout().contains("DELETE_SELF /data/config"));
            assertThat(c.stdout()).contains("MOVED_FROM /data/next");
            heard(
                    c,
                    () -> Files.move(data.resolve("config"), temp.resolve("config-" + cache)),
                    "MOVED_FROM /data/config");
            heard(c, () -> Files.move(temp.resolve("config-" + cache), data.resolve("again")), "MOVED_TO /data/again");
            heard(c, () -> Files.delete(data.resolve("new")), "DELETE /data/new");
            assertThat(data.resolve("again")).hasContent("new\n");
            assertThat(below).isEmptyDirectory();
        }
    }

    private interface Deed {
        void perform() throws Exception;
    }

    private static void heard(TestContainer c, Deed deed, String line) throws Exception {
        deed.perform();
        await("\"" + line + "\"", () -> c.stdout().contains(line));
    }

    private void aSecondContainer() throws Exception {
        Bundle second = shell("cat; echo written >/file; cat /file; exit 3");
        Files.writeString(second.directory().resolve("stdin"), "given\n");
        try (TestContainer c = prepare(second)) {
            assertThat(c.run()).as("stderr: %s", c.stderr()).isEqualTo(3);
            assertThat(c.stdout()).isEqualTo("given\nwritten\n");
            // Of a copy: the host's files stay as they were.
            assertThat(second.rootfs("file")).doesNotExist();
        }
    }
}
