package dev.caisson.shim.translate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import dev.caisson.backend.Checkpoint;
import dev.caisson.backend.Checkpoint.Option;
import dev.caisson.backend.ContainerFault;
import dev.caisson.ttrpc.proto.runc.CheckpointOptions;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointRequestsTest {
    private static final Path WORK = Path.of("/bundle");

    private static Any any(String type, ByteString value) {
        return Any.newBuilder().setTypeUrl(type).setValue(value).build();
    }

    private static void refused(String path, Any options, String why) {
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> CheckpointRequests.of(path, options, WORK))
                .withMessageContaining(why)
                .satisfies(e -> assertThat(e.kind()).isEqualTo(ContainerFault.Kind.INVALID));
    }

    @Test
    void withoutOptionsTheContainerGoesOn() throws Exception {
        Checkpoint asked =
                CheckpointRequests.of("/images", Any.getDefaultInstance(), WORK).checkpoint();
        assertThat(asked.images()).isEqualTo(Path.of("/images"));
        assertThat(asked.work()).isEqualTo(WORK);
        assertThat(asked.options()).containsExactly(Option.LEAVE_RUNNING);
        assertThat(CheckpointRequests.restore("/images", WORK).options()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"containerd.runc.v1.CheckpointOptions", "containerd.linux.runc.CheckpointOptions"})
    void optionsAreTakenOver(String type) throws Exception {
        CheckpointOptions all = CheckpointOptions.newBuilder()
                .setExit(true)
                .setOpenTcp(true)
                .setExternalUnixSockets(true)
                .setTerminal(true)
                .setFileLocks(true)
                .addEmptyNamespaces("network")
                .setCgroupsMode("soft")
                .setImagePath("/images")
                .setWorkPath("/work")
                .setParentPath("../parent")
                .build();
        CheckpointRequests.Asked both = CheckpointRequests.of("/tmp/packed", any(type, all.toByteString()), WORK);
        assertThat(both.packed()).isEqualTo(Path.of("/tmp/packed"));
        Checkpoint asked = both.checkpoint();
        assertThat(asked.images()).isEqualTo(Path.of("/images"));
        assertThat(asked.options())
                .containsExactlyInAnyOrder(
                        Option.TCP_ESTABLISHED,
                        Option.EXTERNAL_UNIX_SOCKETS,
                        Option.SHELL_JOB,
                        Option.FILE_LOCKS,
                        Option.EMPTY_NETWORK);
        assertThat(asked.work()).isEqualTo(Path.of("/work"));
        assertThat(asked.cgroupsMode()).isEqualTo("soft");
        assertThat(asked.parent()).isEqualTo("../parent");
    }

    @Test
    void whatNobodyCanDoIsNamed() {
        refused("", Any.getDefaultInstance(), "path \"\"");
        refused("images", Any.getDefaultInstance(), "path \"images\"");
        refused("/images", any("some.Options", ByteString.EMPTY), "some.Options");
        refused(
                "/images",
                any("containerd.runc.v1.CheckpointOptions", ByteString.copyFromUtf8("\u0001")),
                "options of a");
        refused(
                "/images",
                any(
                        "containerd.runc.v1.CheckpointOptions",
                        CheckpointOptions.newBuilder()
                                .addEmptyNamespaces("pid")
                                .build()
                                .toByteString()),
                "empty namespace pid");
    }
}
