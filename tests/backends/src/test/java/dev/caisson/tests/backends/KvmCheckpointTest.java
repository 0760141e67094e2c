package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.Checkpoint;
import dev.caisson.backend.Checkpoint.Option;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.PodFixture;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.oci.Mount;
import dev.caisson.oci.Spec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Pods that are written down with their machine, and go on from there: as often as one likes, beside each other. In the lab. */
@Timeout(900)
class KvmCheckpointTest extends KvmSuite {
    private static final int SIGUSR1 = 10;
    private static final int SIGTERM = 15;

    /** Counts what it is told, in its memory and on its disk. */
    private static final String COUNTER =
            "i=0; trap 'i=$((i+1)); echo told $i; echo $i >>/count' USR1; trap 'cat /count; exit 5' TERM;"
                    + " echo ready; while :; do sleep 1000 & wait; done";

    private Checkpoint image(Option... options) {
        Path images = temp.resolve("images");
        return new Checkpoint(images, images, Set.of(options), null, null, null, null, null, null);
    }

    private static void tell(TestContainer counter, String answer) throws Exception {
        counter.init().kill(SIGUSR1);
        await(answer, () -> counter.stdout().endsWith(answer + "\n"));
    }

    @Test
    void aPodGoesOnWhereItWas() throws Exception {
        var _ = template();
        try (TestContainer first = prepare(shell(COUNTER)).create().start()) {
            await("its first word", () -> first.stdout().contains("ready"));
            tell(first, "told 1");
            first.container().checkpoint(first.init(), image(Option.LEAVE_RUNNING));
            done("checkpoint");
            itIsRefusedWhatItCannotDo(first);
            tell(first, "told 2");
            assertThat(first.stdout()).isEqualTo("ready\ntold 1\ntold 2\n");
        }
        // The whole image again, over the first one: of one that does not go on.
        try (TestContainer copy = prepare(shell("true")).restore(image())) {
            done("restore");
            theyAreTheirOwn(copy);
            copy.container().checkpoint(copy.init(), image());
            done("second checkpoint");
        }
        try (TestContainer copy = prepare(shell("true")).restore(image())) {
            done("second restore");
            tell(copy, "told 4");
            copy.init().kill(SIGTERM);
            assertThat(copy.awaitExit().code()).isEqualTo(5);
            assertThat(copy.stdout()).isEqualTo("told 4\n1\n2\n3\n4\n");
        }
        done("its end");
        assertThat(Path.of("/run/caisson-kvm")).isEmptyDirectory();
    }

    private void itIsRefusedWhatItCannotDo(TestContainer container) {
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> container.container().checkpoint(container.init(), image(Option.PRE_DUMP)))
                .withMessageContaining("pre-dump")
                .satisfies(e -> assertThat(e.kind()).isEqualTo(ContainerFault.Kind.UNSUPPORTED));
        Bundle withFiles = shell("true").spec(spec -> {
            Spec.Builder b = spec.toBuilder();
            List<Mount> mounts = new ArrayList<>(b.mounts);
            mounts.add(Mount.of("/data", temp.toString(), "bind", List.of("rbind", "rw")));
            b.mounts = mounts;
            return b.build();
        });
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> prepare(withFiles).restore(image()))
                .withMessageContaining("without files of the host's")
                .satisfies(e -> assertThat(e.kind()).isEqualTo(ContainerFault.Kind.INVALID));
    }

    /** Two of the same image, at the same time. */
    private void theyAreTheirOwn(TestContainer one) throws Exception {
        Bundle bundle = shell("true");
        try (PodFixture other = openPod(Files.createDirectory(temp.resolve("other")));
                TestContainer two =
                        TestContainer.prepare(BACKEND, bundle, other.launcher()).restore(image())) {
            done("restore beside it");
            tell(one, "told 2");
            tell(one, "told 3");
            tell(two, "told 2");
            assertThat(two.execOutput("cat", "/count")).isEqualTo("1\n2\n");
            assertThat(one.execOutput("cat", "/count")).isEqualTo("1\n2\n3\n");
            String[] random = {"sh", "-c", "head -c 16 /dev/urandom | busybox od -tx1"};
            assertThat(one.execOutput(random)).isNotEqualTo(two.execOutput(random));
            done("two of one image");
        }
    }
}
