package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Calls of the strict tier that wait for an answer do not keep the container from what is done to it as a whole. */
final class TrapWaitingTest extends TrapSuite {
    /** A reader of a pipe into which nobody writes for a second and a half. */
    private static final String WAITS = "(sleep 1.5; echo came) | cat; exec sleep 1000";

    private TestContainer strict(String script) throws Exception {
        return TestContainer.prepare(new Tiered(backend(), "strict"), shell(script), pod().launcher());
    }

    /** Until there are so many processes and all of them wait for something. */
    private static void awaitAsleep(TestContainer c, int count) {
        await(count + " processes that wait", () -> {
            try {
                List<Integer> pids = c.container().pids();
                for (int pid : pids) {
                    String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
                    if (stat.charAt(stat.lastIndexOf(')') + 2) != 'S') {
                        return false;
                    }
                }
                return pids.size() == count;
            } catch (ContainerFault | IOException e) {
                return false; // one has ended meanwhile
            }
        });
    }

    @Test
    void aContainerWithAWaitingCallIsPausedAndGoesOn() throws Exception {
        try (TestContainer c = strict(WAITS).create().start()) {
            awaitAsleep(c, 4); // the program, the reader, the writer and what that waits for
            c.container().pause();
            pass(2000);
            assertThat(c.stdout()).isEmpty();
            c.container().resume();
            await("what was waited for", () -> c.stdout().equals("came\n"));
        }
    }

    @Test
    void manyWaitAndAreKilled() throws Exception {
        String script = "for i in $(seq 1 100); do (sleep 1000) | cat & done; echo up; exec sleep 1000";
        try (TestContainer c = strict(script).create().start()) {
            await("program", () -> c.stdout().equals("up\n"));
            awaitAsleep(c, 201); // the program, and of each pipe both ends
            assertThat(c.execOutput("ls", "/")).contains("bin");
            c.init().kill(9);
            assertThat(c.awaitExit().code()).isEqualTo(137);
        }
    }

    /** Who waits for several files waits for our answer: the kernel's own poll, select and epoll_wait are not entered. */
    @Test
    void theKernelWaitsForNoFilesInStrict() throws Exception {
        Bundle bundle = shell("exec /program wait");
        CompiledProgram.compile("polls", temp, bundle.rootfs("program"));
        try (TestContainer c = TestContainer.prepare(new Tiered(backend(), "strict"), bundle, pod().launcher())) {
            c.create().start();
            await("program", () -> c.stdout().contains("all"));
            long init = c.init().pid();
            List<Long> waiting = ProcessHandle.of(init)
                    .orElseThrow()
                    .children()
                    .map(ProcessHandle::pid)
                    .toList();
            assertThat(waiting).hasSize(7);
            for (long pid : waiting) {
                await("waits for an answer", () -> wchan(pid).startsWith("seccomp_do_user_notification"));
            }
        }
    }

    private static String wchan(long pid) {
        try {
            return Files.readString(Path.of("/proc/" + pid + "/wchan"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
