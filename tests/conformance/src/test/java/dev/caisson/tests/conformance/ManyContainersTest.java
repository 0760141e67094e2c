package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.Fifo;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** Two hundred containers, twenty at a time; the leak check after the suite is the second half of this test. */
class ManyContainersTest extends Bed {
    private static final int TOTAL = 200;
    private static final int AT_ONCE = 20;

    @Test
    void twoHundredContainersTwentyAtATime() throws InterruptedException {
        int before =
                bed().caissondPid().map(pid -> Proc.descriptors(pid).size()).orElse(0);
        List<Future<?>> runs = new ArrayList<>();
        try (ExecutorService pool = Executors.newFixedThreadPool(AT_ONCE)) {
            for (int i = 0; i < TOTAL; i++) {
                int code = i % 100;
                runs.add(pool.submit(() -> oneLife(code)));
            }
        }
        for (Future<?> run : runs) {
            try {
                run.get();
            } catch (ExecutionException e) {
                throw new AssertionError("one of " + TOTAL + " containers: " + e.getCause(), e);
            }
        }
        // A fresh caissond has none of its pools open yet, hence the margin; a leak of one per container is 200.
        int after = bed().caissondPid().map(pid -> Proc.descriptors(pid).size()).orElse(0);
        assertThat(after).isLessThan(before + 60);
    }

    private void oneLife(int code) {
        try (Fifo out = Fifo.reading(Task.fifoPath(bed()));
                Task task = Task.container(bed(), Ctr.newId("many"), "sh", "-c", "echo I am $$; exit " + code)) {
            task.create(Stdio.out(out));
            var waiting = task.waiting("");
            task.start();
            assertThat(Task.result(waiting, Duration.ofSeconds(60))).isEqualTo(code);
            assertThat(out.textToEnd(Duration.ofSeconds(20))).isEqualTo("I am 1\n");
            assertThat(task.delete().getExitStatus()).isEqualTo(code);
        }
    }
}
