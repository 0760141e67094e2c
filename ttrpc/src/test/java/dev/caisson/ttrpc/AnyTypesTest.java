package dev.caisson.ttrpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.Empty;
import com.google.protobuf.MessageLite;
import dev.caisson.ttrpc.proto.events.TaskExit;
import dev.caisson.ttrpc.proto.events.TaskStart;
import dev.caisson.ttrpc.proto.process.ProcessInfo;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AnyTypesTest {
    private static final TaskExit EXIT =
            TaskExit.newBuilder().setContainerId("c").setExitStatus(3).build();

    @Test
    void typeUrlsAreBareNames() {
        assertThat(AnyTypes.pack(EXIT).getTypeUrl()).isEqualTo("containerd.events.TaskExit");
        assertThat(AnyTypes.pack(Empty.getDefaultInstance()).getTypeUrl()).isEqualTo("google.protobuf.Empty");
        assertThat(AnyTypes.nameOf(ProcessInfo.class)).isEqualTo("containerd.v1.types.ProcessInfo");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "type.googleapis.com/", "/", "https://example.org/a/"})
    void prefixesAreToleratedOnReading(String prefix) {
        Any any = AnyTypes.pack(prefix + "containerd.events.TaskExit", EXIT.toByteString());

        assertThat(AnyTypes.is(any, TaskExit.class)).isTrue();
        assertThat(AnyTypes.is(any, TaskStart.class)).isFalse();
        assertThat(AnyTypes.unpack(any, TaskExit.getDefaultInstance())).isEqualTo(EXIT);
    }

    @Test
    void otherTypesAndBrokenValuesAreInvalid() {
        assertThatThrownBy(() -> AnyTypes.unpack(AnyTypes.pack(EXIT), TaskStart.getDefaultInstance()))
                .isInstanceOf(TtrpcException.class)
                .hasMessage("expected a containerd.events.TaskStart, got \"containerd.events.TaskExit\"");
        Any broken = AnyTypes.pack("containerd.events.TaskExit", ByteString.copyFrom(new byte[] {10, 99}));
        assertThatThrownBy(() -> AnyTypes.unpack(broken, TaskExit.getDefaultInstance()))
                .isInstanceOfSatisfying(
                        TtrpcException.class, e -> assertThat(e.code()).isEqualTo(Code.INVALID_ARGUMENT));
    }

    @Test
    void jsonUrls() {
        Any any = AnyTypes.pack(AnyTypes.PROCESS, ByteString.copyFromUtf8("{}"));
        assertThat(any.getTypeUrl()).isEqualTo("types.containerd.io/opencontainers/runtime-spec/1/Process");
        assertThat(AnyTypes.isJson(any, AnyTypes.PROCESS)).isTrue();
        assertThat(AnyTypes.isJson(any, AnyTypes.SPEC)).isFalse();
    }

    /** The Java-to-protobuf package map in AnyTypes is written by hand: hold it against the proto files. */
    @Test
    void everyMessageHasTheNameItsProtoFileGivesIt() throws Exception {
        Pattern message = Pattern.compile("^message (\\w+) ", Pattern.MULTILINE);
        List<String> seen = new ArrayList<>();
        try (Stream<Path> files = Files.walk(Path.of("src/main/proto"))) {
            for (Path file : files.filter(f -> f.toString().endsWith(".proto")).toList()) {
                String text = Files.readString(file);
                String protobuf = only(text, "^package ([\\w.]+);");
                String java = only(text, "^option java_package = \"([\\w.]+)\";");
                Matcher matcher = message.matcher(text);
                while (matcher.find()) {
                    Class<? extends MessageLite> type =
                            Class.forName(java + "." + matcher.group(1)).asSubclass(MessageLite.class);
                    assertThat(AnyTypes.nameOf(type)).isEqualTo(protobuf + "." + matcher.group(1));
                    seen.add(matcher.group(1));
                }
            }
        }
        assertThat(seen).hasSizeGreaterThan(100);
    }

    private static String only(String text, String pattern) throws IOException {
        Matcher matcher = Pattern.compile(pattern, Pattern.MULTILINE).matcher(text);
        if (!matcher.find()) {
            throw new IOException("no match for " + pattern);
        }
        return matcher.group(1);
    }
}
