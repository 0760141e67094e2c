package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import org.junit.jupiter.api.Test;

/** Which of the caller's descriptors a container's process has: those that are named (--preserve-fds, sd_listen_fds(3)), and no others. */
class DescriptorsTest extends OciSuite {
    private static final String SLEEP = "exec sleep 1000";
    /** Each descriptor from 3 to 6 with the line that is read from it; a shell has them at no other numbers. */
    private static final String SHOW =
            "for fd in 3 4 5 6; do [ -e /proc/self/fd/$fd ] && read -r line <&$fd && echo $fd $line; done;"
                    + "echo ${LISTEN_FDS:-none} ${LISTEN_PID:-none}";

    /** Has descriptors 3 to 5 open, each on a file with a word. */
    private Box holding(Box box, String environment) {
        try {
            for (String word : new String[] {"three", "four", "five"}) {
                Files.writeString(dir.resolve(word), word + "\n");
            }
        } catch (IOException e) {
            throw new UncheckedIOException("write a file", e);
        }
        String open = "exec 3<" + dir.resolve("three") + " 4<" + dir.resolve("four") + " 5<" + dir.resolve("five");
        return box.under("/bin/sh", "-c", open + "; " + environment + " exec \"$@\"", "sh");
    }

    private Command.Result run(Box box, String... flags) {
        box.write();
        String[] arguments = new String[flags.length + 4];
        arguments[0] = "run";
        System.arraycopy(flags, 0, arguments, 1, flags.length);
        arguments[flags.length + 1] = "--bundle";
        arguments[flags.length + 2] = box.bundle.toString();
        arguments[flags.length + 3] = box.id;
        return box.command(arguments).run().ok();
    }

    @Test
    void noneIsThereUnlessItIsNamed() {
        assertThat(run(holding(box(SHOW), "")).out()).isEqualTo("none none\n");
    }

    @Test
    void asManyAreThereAsAreNamed() {
        assertThat(run(holding(box(SHOW), ""), "--preserve-fds", "2").out()).isEqualTo("3 three\n4 four\nnone none\n");
    }

    @Test
    void anExecHasThemToo() {
        Box box = holding(box(SLEEP), "").create().start();
        assertThat(box.command("exec", "--preserve-fds", "1", box.id, "/bin/sh", "-c", SHOW)
                        .run()
                        .ok()
                        .out())
                .isEqualTo("3 three\nnone none\n");
    }

    @Test
    void aCreatedContainerKeepsThem() {
        Box box = holding(box(SHOW + "; " + SLEEP), "")
                .create("--preserve-fds", "1")
                .start();
        Await.until("output", SOON, () -> box.output().contains("none"));
        assertThat(box.output()).isEqualTo("3 three\nnone none\n");
    }

    /** A unit with a socket: what systemd passed to the runtime is the container's, whose process is number 1 there. */
    @Test
    void socketsOfSystemdArePassedOn() {
        deviates(Kind.CRUN, "LISTEN_FDS of the container", "1.8.1 says LISTEN_PID only");
        assertThat(run(holding(box(SHOW), "LISTEN_FDS=1 LISTEN_PID=$$")).out()).isEqualTo("3 three\n1 1\n");
    }

    @Test
    void preservedOnesComeBehindThoseOfSystemd() {
        deviates(Kind.CRUN, "LISTEN_FDS of the container", "1.8.1 says LISTEN_PID only");
        assertThat(run(holding(box(SHOW), "LISTEN_FDS=1 LISTEN_PID=$$"), "--preserve-fds", "1")
                        .out())
                .isEqualTo("3 three\n4 four\n1 1\n");
    }

    @Test
    void socketsForAnotherProcessAreNot() {
        deviates(Kind.CRUN, "LISTEN_PID", "1.8.1 does not look at it");
        assertThat(run(holding(box(SHOW), "LISTEN_FDS=1 LISTEN_PID=1")).out()).isEqualTo("none none\n");
    }
}
