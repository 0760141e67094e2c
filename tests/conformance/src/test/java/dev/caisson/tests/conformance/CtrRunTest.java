package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Ctr;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code ctr run --rm}: the way most people meet a runtime first. */
class CtrRunTest extends Bed {
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 42, 127, 255})
    void exitCodeOfTheProcessIsExitCodeOfCtr(int code) {
        Command.Result result = bed().ctr()
                .runContainer(Ctr.newId("exit"), List.of("--rm"), "sh", "-c", "exit " + code)
                .run();

        assertThat(result.exit()).as(result.toString()).isEqualTo(code);
    }

    @Test
    void killedBySignalIs128PlusSignal() {
        Command.Result result = bed().ctr()
                .runContainer(Ctr.newId("signal"), List.of("--rm"), "sh", "-c", "sh -c 'kill -9 $$'; exit $?")
                .run();

        assertThat(result.exit()).as(result.toString()).isEqualTo(137);
    }

    @Test
    void outputAndErrorsAreApartAndInOrder() {
        Command.Result result = bed().ctr()
                .runContainer(
                        Ctr.newId("order"),
                        List.of("--rm"),
                        "sh",
                        "-c",
                        "i=0; while [ $i -lt 500 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done")
                .run()
                .ok();

        StringBuilder out = new StringBuilder();
        StringBuilder err = new StringBuilder();
        for (int i = 0; i < 500; i++) {
            out.append("out ").append(i).append('\n');
            err.append("err ").append(i).append('\n');
        }
        assertThat(result.out()).isEqualTo(out.toString());
        assertThat(result.err()).isEqualTo(err.toString());
    }

    @Test
    void environmentAndDirectoryAreAsAsked() {
        Command.Result result = bed().ctr()
                .runContainer(
                        Ctr.newId("asked"),
                        List.of("--rm", "--env", "COLOUR=blue", "--cwd", "/tmp"),
                        "sh",
                        "-c",
                        "echo $COLOUR $(pwd) $(id -u)")
                .run()
                .ok();

        assertThat(result.out()).isEqualTo("blue /tmp 0\n");
    }

    @Test
    void processOneIsTheProgramAndSeesOnlyItsNamespaces() {
        Command.Result result = bed().ctr()
                .runContainer(
                        Ctr.newId("pidone"),
                        List.of("--rm"),
                        "sh",
                        "-c",
                        "echo $$; ls /proc | grep -c '^[0-9]'; ls /sys/class/net; wc -l < /proc/self/mountinfo")
                .run()
                .ok();

        List<String> lines = result.out().lines().toList();
        assertThat(lines.get(0)).isEqualTo("1");
        assertThat(Integer.parseInt(lines.get(1))).isBetween(1, 4);
        assertThat(result.out()).contains("lo\n").doesNotContain("eth0");
    }

    @Test
    void readOnlyRootRefusesWrites() {
        Command.Result result = bed().ctr()
                .runContainer(Ctr.newId("ro"), List.of("--rm", "--read-only"), "sh", "-c", "touch /x")
                .run();

        assertThat(result.exit()).isEqualTo(1);
        assertThat(result.err()).contains("Read-only file system");
    }

    @Test
    void missingProgramIsNamedAndLeavesNothing() {
        String id = Ctr.newId("missing");

        Command.Result result = bed().ctr()
                .runContainer(id, List.of("--rm"), "/no/such/program")
                .run();

        assertThat(result.exit()).isNotZero();
        assertThat(result.err()).contains("/no/such/program").contains("no such file or directory");
        assertThat(bed().ctr().run("task", "ls", "-q").ok().out()).doesNotContain(id);
        bed().ctr().remove(id);
    }

    @Test
    void secondContainerWithTheSameIdIsRefused() {
        String id = Ctr.newId("twice");
        bed().ctr().runDetached(id, "sleep", "1000");
        try {
            Command.Result result =
                    bed().ctr().runContainer(id, List.of(), "true").run();

            assertThat(result.exit()).isNotZero();
            assertThat(result.err()).contains("already exists");
        } finally {
            bed().ctr().remove(id);
        }
    }
}
