package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.tests.api.task.Status;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.LeakCheck;
import dev.caisson.tests.support.PrivateContainerd;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import io.grpc.StatusRuntimeException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** A full or read-only state directory gives a clear error and nothing half-made, and heals without a restart. */
class StateDirectoryTest extends SurvivalBed {
    private interface Body {
        void run(PrivateContainerd bed, Path state);
    }

    /** Runs {@code body} in a containerd of its own whose state directory is a tmpfs of 4 MiB. */
    private void withSmallState(Body body) {
        try (PrivateContainerd own = PrivateContainerd.start(
                PrivateContainerd.Settings.of(build, runtime()).withoutCri())) {
            Path state = own.caissonState();
            Command.of("mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", state.toString())
                    .run()
                    .ok();
            try (Task running = Task.running(own, "before", "sleep", "1000")) {
                HostSnapshot before = HostSnapshot.take(own, LeakCheck.standing());
                body.run(own, state);
                assertThat(running.state().getStatus()).isEqualTo(Status.RUNNING);
                try (Task healed = Task.running(own, "healed", "sleep", "1000")) {
                    assertThat(healed.state().getStatus()).isEqualTo(Status.RUNNING);
                }
                LeakCheck.check(own, before);
            }
        }
    }

    private static void assertCreateFails(PrivateContainerd own, String errno) {
        try (Task refused = Task.container(own, Ctr.newId("refused"), "sleep", "1000")) {
            assertThatThrownBy(() -> {
                        refused.create(Stdio.NONE);
                        refused.start();
                    })
                    .isInstanceOf(StatusRuntimeException.class)
                    .hasMessageContaining(errno);
        }
    }

    @Test
    void fullDisk() {
        withSmallState((own, state) -> {
            Command.of("dd", "if=/dev/zero", "of=" + state.resolve("filler"), "bs=64k")
                    .run();

            assertCreateFails(own, "ENOSPC");

            Command.of("rm", state.resolve("filler").toString()).run().ok();
        });
    }

    @Test
    void readOnlyDirectory() {
        withSmallState((own, state) -> {
            // A remount is refused while files are open for writing; a read-only bind mount on top is not.
            Command.of("mount", "--bind", state.toString(), state.toString())
                    .run()
                    .ok();
            Command.of("mount", "-o", "remount,ro,bind", state.toString()).run().ok();

            assertCreateFails(own, "EROFS");

            Command.of("umount", state.toString()).run().ok();
        });
    }
}
