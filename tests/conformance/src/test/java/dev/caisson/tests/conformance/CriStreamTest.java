package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.api.cri.ContainerConfig;
import dev.caisson.tests.api.cri.ContainerState;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.CriStream;
import dev.caisson.tests.support.Pod;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** What {@code kubectl exec}, {@code attach} and {@code port-forward} do: the CRI's streaming server over a container's streams. */
class CriStreamTest extends Bed {
    private static final Duration SOON = Duration.ofSeconds(15);

    @Test
    void execHasThreeStreamsAndAStatus() {
        try (Pod pod = Pod.run(bed())) {
            String container = pod.start("exec", "sleep", "1000");

            try (CriStream exec = pod.execStream(
                    container, false, "sh", "-c", "read line; echo out $line; echo err $line >&2; exit 6")) {
                exec.send(CriStream.STDIN, "given\n");
                exec.awaitClose(SOON);

                assertThat(exec.text(CriStream.STDOUT)).isEqualTo("out given\n");
                assertThat(exec.text(CriStream.STDERR)).isEqualTo("err given\n");
                assertThat(exec.text(CriStream.STATUS)).contains("NonZeroExitCode", "\"6\"");
            }
        }
    }

    @Test
    void execThatSucceedsSaysSo() {
        try (Pod pod = Pod.run(bed())) {
            String container = pod.start("exec", "sleep", "1000");

            try (CriStream exec = pod.execStream(container, false, "seq", "1", "100000")) {
                exec.awaitClose(SOON);

                assertThat(exec.text(CriStream.STDOUT)).startsWith("1\n2\n").endsWith("99999\n100000\n");
                assertThat(exec.text(CriStream.STATUS)).contains("Success");
            }
        }
    }

    @Test
    void execOfAMissingProgramNamesIt() {
        try (Pod pod = Pod.run(bed())) {
            String container = pod.start("exec", "sleep", "1000");

            try (CriStream exec = pod.execStream(container, false, "/no/such/program")) {
                exec.awaitClose(SOON);

                assertThat(exec.text(CriStream.STATUS)).contains("Failure", "/no/such/program");
            }
        }
    }

    @Test
    void execOnATerminalIsEditedAndResized() {
        try (Pod pod = Pod.run(bed())) {
            String container = pod.start("exec", "sleep", "1000");

            try (CriStream exec = pod.execStream(container, true, "sh")) {
                exec.resize(101, 37);
                exec.send(CriStream.STDIN, "tty\n");
                exec.expect(CriStream.STDOUT, "/dev/pts/", SOON);
                // The size travels beside the keys: ask until it has arrived.
                Await.until(() -> "37 101 in " + exec.text(CriStream.STDOUT), SOON, () -> {
                    exec.send(CriStream.STDIN, "stty size\n");
                    Await.sleep(Duration.ofMillis(100));
                    return exec.text(CriStream.STDOUT).contains("37 101");
                });
                exec.send(CriStream.STDIN, "exit 3\n");
                exec.awaitClose(SOON);

                assertThat(exec.text(CriStream.STATUS)).contains("\"3\"");
            }
        }
    }

    @Test
    void attachedClientMayLeaveAndAnotherMayCome() {
        try (Pod pod = Pod.run(bed())) {
            String container = pod.start(
                    "attach",
                    builder -> builder.setStdin(true),
                    "sh",
                    "-c",
                    "while read line; do [ $line = quit ] && exit 5; echo got $line; echo also $line >&2; done");

            try (CriStream first = pod.attachStream(container, false)) {
                first.send(CriStream.STDIN, "one\n");
                first.expect(CriStream.STDOUT, "got one\n", SOON);
                first.expect(CriStream.STDERR, "also one\n", SOON);
            }
            assertThat(pod.containerStatus(container).getState()).isEqualTo(ContainerState.CONTAINER_RUNNING);
            try (CriStream second = pod.attachStream(container, false)) {
                second.send(CriStream.STDIN, "two\n");
                second.expect(CriStream.STDOUT, "got two\n", SOON);
                assertThat(second.text(CriStream.STDOUT)).doesNotContain("one");
                second.send(CriStream.STDIN, "quit\n");
                assertThat(pod.awaitExit(container, SOON).getExitCode()).isEqualTo(5);
            }
            Await.until(
                    () -> "log: " + pod.log("attach"),
                    SOON,
                    () -> pod.log("attach").contains("stdout F got two"));
            assertThat(pod.log("attach")).contains("stdout F got one", "stderr F also one");
        }
    }

    @Test
    void stdinOnceEndsWithItsOnlyClient() {
        try (Pod pod = Pod.run(bed())) {
            String container =
                    pod.start("once", builder -> builder.setStdin(true).setStdinOnce(true), "sh", "-c", "cat; exit 8");

            try (CriStream only = pod.attachStream(container, false)) {
                only.send(CriStream.STDIN, "last words\n");
                only.expect(CriStream.STDOUT, "last words\n", SOON);
            }

            assertThat(pod.awaitExit(container, SOON).getExitCode()).isEqualTo(8);
        }
    }

    @Test
    void attachToATerminalIsEditedAndResized() {
        try (Pod pod = Pod.run(bed())) {
            String container = pod.start("ttyattach", CriStreamTest::terminal, "sh");

            for (int round = 1; round <= 2; round++) {
                String size = (30 + round) + " " + (90 + round);
                try (CriStream attach = pod.attachStream(container, true)) {
                    attach.resize(90 + round, 30 + round);
                    Await.until(() -> size + " in " + attach.text(CriStream.STDOUT), SOON, () -> {
                        attach.send(CriStream.STDIN, "stty size\n");
                        Await.sleep(Duration.ofMillis(100));
                        return attach.text(CriStream.STDOUT).contains(size);
                    });
                }
            }
            try (CriStream attach = pod.attachStream(container, true)) {
                attach.send(CriStream.STDIN, "exit 9\n");
                assertThat(pod.awaitExit(container, SOON).getExitCode()).isEqualTo(9);
            }
        }
    }

    private static ContainerConfig.Builder terminal(ContainerConfig.Builder builder) {
        return builder.setStdin(true).setTty(true);
    }

    @Test
    void portIsForwardedIntoThePod() {
        try (Pod pod = Pod.run(bed())) {
            String container = pod.start(
                    "server", "sh", "-c", "mkdir /www; seq 1 50000 > /www/numbers; httpd -f -p 127.0.0.1:7777 -h /www");
            Await.until(
                    "the server listens",
                    SOON,
                    () -> pod.execOut(container, "cat", "/proc/net/tcp").contains(":1E61"));

            try (CriStream forward = pod.forward(7777)) {
                forward.send(0, "GET /numbers HTTP/1.0\r\n\r\n");
                forward.expect(0, "\n49999\n50000\n", SOON);
                // Each channel starts with the port, lowest byte first.
                assertThat(forward.bytes(0)).startsWith(0x61, 0x1e);
                assertThat(forward.text(0)).contains("\r\n\r\n1\n2\n3\n");
            }
            try (CriStream refused = pod.forward(7778)) {
                refused.expect(1, "7778", SOON);
            }
        }
    }
}
