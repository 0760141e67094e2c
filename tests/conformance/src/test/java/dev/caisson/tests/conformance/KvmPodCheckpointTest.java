package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Any;
import dev.caisson.tests.api.types.Descriptor;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import dev.caisson.ttrpc.proto.runc.CheckpointOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/** A pod in a virtual machine that containerd has written down, and goes on with as another one: both of its containers, with the host's files that they have. */
@EnabledIfSystemProperty(named = "caisson.wall", matches = "kvm")
class KvmPodCheckpointTest extends Bed {
    private static final Duration SOON = Duration.ofSeconds(60);
    private static final int SIGUSR1 = 10;

    private Task task(String pod, String id, String type, Path data) {
        String script = "exec 3>/data/open; i=0; trap 'i=$((i+1)); echo $i >&3; echo $i >/data/count' USR1;"
                + " echo ready >/data/count; while :; do sleep 1000 & wait; done";
        return Task.container(
                bed(),
                id,
                Spec.of(bed().tag(), id, "sh", "-c", script)
                        .bind(data, "/data", "rw")
                        .with(tree -> tree.withObject("/annotations")
                                .put("io.kubernetes.cri.sandbox-id", pod)
                                .put("io.kubernetes.cri.container-type", type)));
    }

    private static void says(Path data, String text) {
        Await.until(
                () -> text + " in " + data,
                SOON,
                () -> read(data.resolve("count")).equals(text + "\n"));
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException notYet) {
            return "";
        }
    }

    private Path data(String name) throws IOException {
        return Files.createDirectories(bed().dir().resolve(name));
    }

    @Test
    void aPodOfContainerdsGoesOnAsAnotherOne() throws IOException {
        Path first = data("first");
        Path second = data("second");
        Any options = Any.newBuilder()
                .setTypeUrl("containerd.runc.v1.CheckpointOptions")
                .setValue(CheckpointOptions.newBuilder()
                        .setImagePath(bed().dir().resolve("images").toString())
                        .build()
                        .toByteString())
                .build();
        Descriptor image;
        String pod = Ctr.newId("pod");
        try (Task sandbox = task(pod, pod, "sandbox", first)) {
            sandbox.create(Stdio.NONE);
            sandbox.start();
            says(first, "ready");
            try (Task other = task(pod, Ctr.newId("other"), "container", second)) {
                other.create(Stdio.NONE);
                other.start();
                says(second, "ready");
                sandbox.kill(SIGUSR1);
                other.kill(SIGUSR1);
                says(first, "1");
                says(second, "1");
                image = sandbox.checkpoint(options);
                // Nothing refers to it: the next removal would have it collected.
                bed().ctr()
                        .run("content", "label", image.getDigest(), "containerd.io/gc.root=checkpoint")
                        .ok();
                sandbox.kill(SIGUSR1);
                says(first, "2");
            }
        }
        Path third = data("third");
        Path fourth = data("fourth");
        Files.createFile(third.resolve("open"));
        Files.createFile(fourth.resolve("open"));
        String next = Ctr.newId("pod");
        try (Task sandbox = task(next, next, "sandbox", third);
                Task other = task(next, Ctr.newId("other"), "container", fourth)) {
            sandbox.restore(Stdio.NONE, image);
            sandbox.start();
            other.restore(Stdio.NONE, image);
            other.start();
            try (Task more = task(next, Ctr.newId("more"), "container", fourth)) {
                assertThatThrownBy(() -> more.restore(Stdio.NONE, image)).hasMessageContaining("goes on already");
            }
            sandbox.kill(SIGUSR1);
            other.kill(SIGUSR1);
            says(third, "2");
            says(fourth, "2");
            assertThat(third.resolve("open")).hasContent("\0\0002\n");
        }
        bed().ctr().run("content", "rm", image.getDigest()).ok();
        assertThat(first.resolve("count")).hasContent("2\n");
        assertThat(Path.of("/run/caisson-kvm")).isEmptyDirectory();
    }
}
