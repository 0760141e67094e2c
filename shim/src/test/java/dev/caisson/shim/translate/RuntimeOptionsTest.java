package dev.caisson.shim.translate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import dev.caisson.backend.Backend;
import dev.caisson.backend.ContainerFault;
import dev.caisson.ttrpc.proto.runtimeoptions.Options;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Options of runc's message, and those that CRI sends as text. */
class RuntimeOptionsTest {
    private static Any generic(Options options) {
        return Any.newBuilder()
                .setTypeUrl("runtimeoptions.v1.Options")
                .setValue(options.toByteString())
                .build();
    }

    private static RuntimeOptions text(String body) throws ContainerFault {
        return RuntimeOptions.of(generic(Options.newBuilder()
                .setConfigBody(ByteString.copyFromUtf8(body))
                .build()));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "SystemdCgroup = true\nIoUid = 7\nShimCgroup = \"/shims\"\nbackend = 'namespace'\n",
                "# of a CRI runtime\n\n  systemd_cgroup=true # yes\n\"io_uid\" = +7\nshim_cgroup = \"/shims\" # there\nbackend = \"namespace\"",
                "{\"systemdCgroup\":true,\"io_uid\":7,\"shim_cgroup\":\"/shims\",\"Backend\":\"namespace\"}"
            })
    void tomlAndJsonSayTheSame(String body) throws ContainerFault {
        assertThat(text(body))
                .isEqualTo(new RuntimeOptions(
                        new Backend.Options(false, false, true, 7, -1, null), "namespace", "/shims"));
    }

    @Test
    void nothingMeansDefaults() throws ContainerFault {
        assertThat(text("")).isEqualTo(RuntimeOptions.of(Any.getDefaultInstance()));
        assertThat(text("{}")).isEqualTo(RuntimeOptions.of(Any.getDefaultInstance()));
    }

    @Test
    void unknownTypesAreNoError() throws ContainerFault {
        Any other = Any.newBuilder()
                .setTypeUrl("some.other.Options")
                .setValue(ByteString.copyFromUtf8("x"))
                .build();

        assertThat(RuntimeOptions.of(other)).isEqualTo(RuntimeOptions.of(Any.getDefaultInstance()));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "BinaryName = \"crun\" | unknown option \"binaryname\" (known: backend",
                "[plugins] | line 1 is not of the form",
                "{\"hypervisor\":{}} | hypervisor: must be a string",
                "{\"io_uid\":1} x | JSON",
                "{\"io_uid\":1 | malformed JSON",
                "io_uid = -1 | io_uid must be",
                "io_uid = 1.5 | line 1: the value must be",
                "systemd_cgroup = \"maybe\" | systemd_cgroup must be true or false",
                "shim_cgroup = \"/a | not a plain string",
                "{\"io_uid\":1,\"IoUid\":2} | set twice"
            })
    void othersAreRefusedByName(String body, String message) {
        assertThatThrownBy(() -> text(body))
                .isInstanceOfSatisfying(
                        ContainerFault.class, fault -> assertThat(fault.kind()).isEqualTo(ContainerFault.Kind.INVALID))
                .hasMessageStartingWith("runtime options: ")
                .hasMessageContaining(message);
    }

    @Test
    void pathIsReadAndAMissingFileNamed(@TempDir Path dir) throws IOException, ContainerFault {
        Path file = Files.writeString(dir.resolve("options.toml"), "NoPivotRoot = true\n");

        assertThat(RuntimeOptions.of(generic(Options.newBuilder()
                                .setConfigPath(file.toString())
                                .build()))
                        .options()
                        .noPivotRoot())
                .isTrue();
        assertThatThrownBy(() -> RuntimeOptions.of(generic(
                        Options.newBuilder().setConfigPath("/no/such/file").build())))
                .isInstanceOf(ContainerFault.class)
                .hasMessageContaining("/no/such/file");
    }

    @Test
    void anyTextIsReadOrRefused() {
        SplittableRandom random = new SplittableRandom(3);
        String alphabet = "{}[]\"'=#\\,: \n\0_ab1-.é";
        for (int i = 0; i < 20_000; i++) {
            StringBuilder body = new StringBuilder();
            for (int n = random.nextInt(20); n > 0; n--) {
                body.append(alphabet.charAt(random.nextInt(alphabet.length())));
            }
            try {
                text(body.toString());
            } catch (ContainerFault refused) {
                assertThat(String.valueOf(refused.getMessage()).lines()).hasSize(1);
            }
        }
    }
}
