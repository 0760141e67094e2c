package dev.caisson.trap.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.trap.dispatch.AnyProcessor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;

class CallersProcessorTest {
    private static final Path STATUS = Path.of("/proc/thread-self/status");
    private static final Path STAT = Path.of("/proc/thread-self/stat");
    /** Of what follows the name in /proc/PID/stat. */
    private static final int PROCESSOR = 36;

    private static final int POLICY = 38;
    private static final String ORDINARY = "0";
    private static final String IDLE = "5";

    /** Of the calling thread. */
    private static String stat(int field) throws IOException {
        String stat = Files.readString(STAT);
        return stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[field];
    }

    private static String processors() throws IOException {
        return Files.readAllLines(STATUS).stream()
                .filter(line -> line.startsWith("Cpus_allowed_list:"))
                .findFirst()
                .orElseThrow()
                .split("\\s+", 2)[1];
    }

    @Test
    void aThreadStaysUntilItLeavesAndWhatItStartsDoesNot() throws Exception {
        assumeTrue(System.getProperty("user.name").equals("root"), "who is not root has no right to leave SCHED_IDLE");
        KernelCalls kernel = new KernelCalls();
        String all = processors();
        // A thread's own, which ends with the test.
        try (var thread = Executors.newSingleThreadExecutor();
                var others = Executors.newSingleThreadExecutor()) {
            CallersProcessor place =
                    thread.submit(() -> new CallersProcessor(kernel)).get();
            for (int i = 0; i < 3; i++) {
                thread.submit(() -> {
                            assertThat(place.stay()).isTrue();
                            assertThat(stat(POLICY)).isEqualTo(IDLE);
                            assertThat(processors()).isEqualTo(stat(PROCESSOR));
                            // It inherits that, by being started here.
                            assertThat(others.submit(CallersProcessorTest::seenAsOthers)
                                            .get())
                                    .isEqualTo(all);
                            return null;
                        })
                        .get();
                // By another thread.
                place.leave();
                assertThat(thread.submit(() -> stat(POLICY)).get()).isEqualTo(ORDINARY);
                assertThat(thread.submit(CallersProcessorTest::processors).get())
                        .isEqualTo(all);
            }
            thread.submit(place::close).get();
        }
    }

    private static String seenAsOthers() throws IOException {
        AnyProcessor.take(new KernelCalls());
        assertThat(stat(POLICY)).isEqualTo(ORDINARY);
        return processors();
    }
}
