package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * Containers made, started and deleted eight at a time; {@code -Dcaisson.many=1000} for the long version. Behind the first fifth, which
 * warms a daemon up, it must not grow with what has been.
 */
class ManyContainersTest extends OciSuite {
    private static final int AT_A_TIME = 8;
    private static final int MORE = 8;
    private static final long MORE_KIB = 1024;

    private long daemon() {
        String state = runtime.environment().get("CAISSON_STATE_DIR");
        String text = state == null ? "" : Box.text(Path.of(state, "caissond.pid"));
        return text.isBlank() ? 0 : Long.parseLong(text.strip());
    }

    private static int entries(long pid, String what) {
        try (var all = Files.list(Path.of("/proc/" + pid, what))) {
            return (int) all.count();
        } catch (IOException e) {
            throw new UncheckedIOException("count " + what + " of " + pid, e);
        }
    }

    /** What is reachable in the daemon's heap, of a collection that was asked for. */
    private static long liveKib(long daemon) {
        String jcmd = System.getProperty("java.home") + "/bin/jcmd";
        String pid = Long.toString(daemon);
        Command.of(jcmd, pid, "GC.run").run().ok();
        String info = Command.of(jcmd, pid, "GC.heap_info").run().ok().out();
        long used = 0;
        Matcher m = Pattern.compile("total [0-9]+K, used ([0-9]+)K").matcher(info);
        while (m.find()) {
            used += Long.parseLong(m.group(1));
        }
        assertThat(used).as(info).isPositive();
        return used;
    }

    @Test
    void noneFailsAndNothingStays() throws Exception {
        int many = Integer.getInteger("caisson.many", 100);
        Box model = box("model", "exit 0");
        model.linux().remove("cgroupsPath"); // each in one of its own, named after it
        model.write();
        lives(model, 0, many / 5);
        long daemon = daemon();
        int descriptors = daemon == 0 ? 0 : entries(daemon, "fd");
        int threads = daemon == 0 ? 0 : entries(daemon, "task");
        long live = daemon == 0 ? 0 : liveKib(daemon);
        lives(model, many / 5, many);
        if (daemon != 0) {
            assertThat(daemon()).as("one daemon for all").isEqualTo(daemon);
            // The last commands' connections are closed when their ends are seen.
            Await.until(
                    "as few descriptors and threads as before (" + descriptors + ", " + threads + ")",
                    SOON,
                    () -> entries(daemon, "fd") <= descriptors + MORE && entries(daemon, "task") <= threads + MORE);
            assertThat(liveKib(daemon)).as("live heap, KiB").isLessThanOrEqualTo(live + MORE_KIB);
        }
    }

    private void lives(Box model, int from, int to) throws Exception {
        try (ExecutorService pool = Executors.newFixedThreadPool(AT_A_TIME)) {
            List<Future<?>> all = new ArrayList<>();
            for (int i = from; i < to; i++) {
                String id = tag() + "-m" + i;
                all.add(pool.submit(() -> {
                    model.command("create", "--bundle", model.bundle.toString(), id)
                            .into(model.bundle.resolve(id))
                            .run()
                            .ok();
                    model.command("start", id).run().ok();
                    model.command("delete", "--force", id).run().ok();
                }));
            }
            for (Future<?> each : all) {
                each.get();
            }
        }
    }
}
