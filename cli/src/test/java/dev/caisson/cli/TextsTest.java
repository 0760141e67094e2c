package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.oci.ContainerState;
import dev.caisson.oci.ContainerStatus;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Texts that callers read, and texts that are read from them. */
class TextsTest {
    @ParameterizedTest
    @CsvSource({
        "TERM,15",
        "SIGTERM,15",
        "sigterm,15",
        "9,9",
        "KILL,9",
        "64,64",
        "SYS,31",
        "HUP,1",
        "CHLD,17",
        "CLD,17",
        "POLL,29",
        "RTMIN,34",
        "SIGRTMIN+3,37",
        "RTMAX,64",
        "RTMAX-1,63",
        "37,37",
        "STOP,19",
        "WINCH,28",
        "IOT,6"
    })
    void signalsHaveNamesAndNumbers(String text, int number) throws Failure {
        assertThat(Signals.parse(text)).isEqualTo(number);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "0",
                "65",
                "-1",
                "SIG",
                "SIGSIGTERM",
                "TERM ",
                "RTMIN+",
                "RTMIN+31",
                "RTMIN+-1",
                "999999999999",
                "9x"
            })
    void otherSignalsAreUnknown(String text) {
        assertThatThrownBy(() -> Signals.parse(text)).hasMessage("unknown signal \"" + text + "\"");
    }

    @ParameterizedTest
    @CsvSource({
        "1024,1024",
        "64M,67108864",
        "64m,67108864",
        "1g,1073741824",
        "1.5k,1536",
        "10kb,10240",
        "2GiB,2147483648",
        "-1,-1",
        "0,0"
    })
    void memoryHasUnits(String text, long bytes) throws Failure {
        assertThat(ByteSize.parse("memory", text)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "m", "-2", "1e9", "12q", "1..5k", "0x10", "99999999999999999999", " 1", "NaN"})
    void otherAmountsAreRefused(String text) {
        assertThatThrownBy(() -> ByteSize.parse("memory", text)).isInstanceOf(Failure.class);
    }

    @ParameterizedTest
    @CsvSource({"5s,5000", "500ms,500", "1m,60000", "1m30s,90000"})
    void intervalsAreGosDurations(String text, long millis) throws Failure {
        assertThat(Events.interval(text)).isEqualTo(Duration.ofMillis(millis));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "5", "0s", "-1s", "s", "5 s"})
    void otherIntervalsAreRefused(String text) {
        assertThatThrownBy(() -> Events.interval(text)).isInstanceOf(Failure.class);
    }

    /** Read by containerd's shim (go-runc) and Podman, byte for byte of logrus. */
    @Test
    void theLogsLinesAreLogruss() {
        OffsetDateTime now = OffsetDateTime.parse("2026-01-02T03:04:05.678Z");
        assertThat(new ErrorReport("/l", true).line("no \"x\"\n", now))
                .isEqualTo("{\"level\":\"error\",\"msg\":\"no \\\"x\\\"\\n\",\"time\":\"2026-01-02T03:04:05Z\"}");
        assertThat(new ErrorReport("/l", false).line("it broke", now))
                .isEqualTo("time=\"2026-01-02T03:04:05Z\" level=error msg=\"it broke\"");
    }

    @Test
    void theLogIsFoundInArgumentsThatCannotBeRead() {
        assertThat(ErrorReport.of(List.of("--root", "--log", "--log=/l", "-log-format", "json", "run", "--log", "x")))
                .isEqualTo(new ErrorReport("/l", true));
        assertThat(ErrorReport.of(List.of("--debug", "--log", "/l", "--nonsense", "create")))
                .isEqualTo(new ErrorReport("/l", false));
        assertThat(ErrorReport.of(List.of("--log"))).isEqualTo(new ErrorReport(null, false));
    }

    @Test
    void listAlignsItsColumns() {
        ContainerState state = new ContainerState(
                "1.3.0",
                "a-rather-long-id",
                ContainerStatus.RUNNING,
                42,
                "/b",
                "/b/rootfs",
                Instant.parse("2026-01-02T03:04:05.000000006Z"),
                Map.of(),
                "root");
        assertThat(ListTable.of(List.of(state))).isEqualTo("""
                ID                 PID         STATUS      BUNDLE      CREATED                          OWNER
                a-rather-long-id   42          running     /b          2026-01-02T03:04:05.000000006Z   root
                """);
        assertThat(ListTable.json(List.of())).isEqualTo("null");
        assertThat(ListTable.json(List.of(state)))
                .startsWith("[{\"ociVersion\":")
                .endsWith("}]");
    }

    @Test
    void psKeepsTheContainersLines() throws Failure {
        String ps = "UID   PID  PPID CMD\nroot    1     0 init\nroot   11     1 sh -c 7\nroot    7     1 x\n";
        assertThat(ProcessTable.filter(ps, List.of(7, 11)))
                .isEqualTo("UID   PID  PPID CMD\nroot   11     1 sh -c 7\nroot    7     1 x\n");
        assertThatThrownBy(() -> ProcessTable.filter("CMD\nx\n", List.of(7))).hasMessageContaining("PID");
        assertThatThrownBy(() -> ProcessTable.filter("", List.of(7))).hasMessageContaining("PID");
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "A_b+c-d.e", ".a", "0"})
    void goodIds(String id) throws Failure {
        assertThat(ContainerStore.requireId(id)).isEqualTo(id);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ".", "..", "a/b", "a b", "a\n", "ä", "~1", "a\0"})
    void badIds(String id) {
        assertThatThrownBy(() -> ContainerStore.requireId(id)).isInstanceOf(Failure.class);
    }

    @Test
    void aRecordComesBackAsItWas() {
        ContainerRecord record = new ContainerRecord(
                "/b",
                "/b/rootfs",
                Instant.parse("2026-01-02T03:04:05.000000006Z"),
                "namespace",
                true,
                7,
                new dev.caisson.backend.Backend.Options(true, false, true, -1, -1, null),
                new ContainerRecord.ProcessId(3, 4),
                new ContainerRecord.ProcessId(5, 6),
                9,
                Map.of("a", "b", "annotation.x", ""),
                Map.of("mode", "V2"));
        assertThat(ContainerRecord.of(record.toMap())).isEqualTo(record);
    }
}
