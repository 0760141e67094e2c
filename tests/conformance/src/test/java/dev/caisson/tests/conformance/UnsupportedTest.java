package dev.caisson.tests.conformance;

import static dev.caisson.tests.conformance.Errors.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Empty;
import dev.caisson.tests.api.task.Status;
import dev.caisson.tests.api.tasks.CheckpointTaskRequest;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.ShimRig;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Task;
import dev.caisson.ttrpc.CallOptions;
import dev.caisson.ttrpc.Code;
import dev.caisson.ttrpc.ServiceNames;
import dev.caisson.ttrpc.TtrpcClient;
import dev.caisson.ttrpc.TtrpcException;
import dev.caisson.ttrpc.proto.task.CreateTaskRequest;
import dev.caisson.ttrpc.proto.task.CreateTaskResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What this shim does not do is refused with UNIMPLEMENTED and a sentence, and does no harm. */
class UnsupportedTest extends Bed {
    private static final CallOptions SOON = CallOptions.timeout(Duration.ofSeconds(10));

    @Test
    void checkpointIsRefusedAndTheContainerRunsOn() {
        subjectOnly("a checkpoint that is refused");
        Assumptions.assumeTrue(
                "trap".equals(System.getProperty("caisson.wall")), "SKIPPED: this wall can write containers down");
        try (Task task = Task.running(bed(), "checkpoint", "sleep", "1000")) {
            assertRefused(
                    io.grpc.Status.Code.UNIMPLEMENTED,
                    () -> bed().client()
                            .tasks()
                            .checkpoint(CheckpointTaskRequest.newBuilder()
                                    .setContainerId(task.id())
                                    .build()));
            Command.Result ctr = bed().ctr().run("task", "checkpoint", task.id());

            assertThat(ctr.exit()).isNotZero();
            assertThat(ctr.err()).contains("checkpoint container: this backend cannot");
            assertThat(task.state().getStatus()).isEqualTo(Status.RUNNING);
        }
    }

    @Test
    void aRestoreFromNothingLeavesNothing() throws IOException {
        subjectOnly("a restore that is refused in a sentence");
        try (ShimRig rig = ShimRig.open()) {
            String id = Ctr.newId("restore");
            TtrpcClient client = rig.connect(rig.startBootstrapped(id));
            Files.createDirectories(rig.bundle(id).resolve("rootfs/bin"));
            Files.write(
                    rig.bundle(id).resolve("config.json"),
                    Spec.of(rig.tag(), id, "true").toAny().getValue().toByteArray());

            assertThatThrownBy(() -> client.call(
                            ServiceNames.TASK_V3,
                            "Create",
                            CreateTaskRequest.newBuilder()
                                    .setId(id)
                                    .setBundle(rig.bundle(id).toString())
                                    .setCheckpoint("/some/checkpoint")
                                    .build(),
                            CreateTaskResponse.parser(),
                            SOON))
                    .isInstanceOf(TtrpcException.class)
                    .hasMessageContaining("restore container");
            rig.delete(id).run().ok();
            rig.assertNothingLeft();
        }
    }

    /** containerd 2.x itself calls Task and Sandbox only; Streaming only for a CRI runtime with {@code io_type = "streaming"}. */
    @ParameterizedTest
    @CsvSource({
        "containerd.services.transfer.v1.Transfer, Transfer",
        "containerd.services.streaming.v1.Streaming, Stream",
        "containerd.services.mounts.v1.Mounts, Info",
        "containerd.task.v4.Task, Create",
        "containerd.task.v3.Task, NoSuchMethod"
    })
    void otherServicesAreRefusedByName(String service, String method) throws InterruptedException {
        subjectOnly("a service that is refused");
        try (ShimRig rig = ShimRig.open()) {
            String id = Ctr.newId("services");
            TtrpcClient client = rig.connect(rig.startBootstrapped(id));
            long daemon = rig.caissondPid().orElseThrow();

            assertThatThrownBy(() -> client.call(service, method, Empty.getDefaultInstance(), Empty.parser(), SOON))
                    .isInstanceOfSatisfying(
                            TtrpcException.class, e -> assertThat(e.code()).isEqualTo(Code.UNIMPLEMENTED))
                    .hasMessageContaining(service);
            assertThat(rig.caissondPid()).hasValue(daemon);
        }
    }
}
