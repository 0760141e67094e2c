package dev.caisson.shim.task;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.Backends;
import dev.caisson.backend.Container;
import dev.caisson.backend.ProcessExit;
import dev.caisson.backend.state.RecordStore;
import dev.caisson.shim.pod.Pod;
import dev.caisson.shim.pod.PodInfo;
import dev.caisson.shim.pod.PodOwner;
import dev.caisson.shim.pod.PodRegistry;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class TaskRecordsTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // injected by JUnit
    private Path state;

    /** Of pods without anything. */
    private static final PodOwner OWNER = (PodOwner) Proxy.newProxyInstance(
            PodOwner.class.getClassLoader(), new Class<?>[] {PodOwner.class}, (p, m, a) -> new Tasks());

    /** A container that is looked at last, and says so. */
    private static Container looked(Runnable at) {
        return (Container) Proxy.newProxyInstance(
                Container.class.getClassLoader(), new Class<?>[] {Container.class}, (p, m, a) -> {
                    assertThat(m.getName()).isEqualTo("record");
                    at.run();
                    return Map.of();
                });
    }

    /** A start stores that its process runs, while its end is stored by another thread: the monitor forgets the end then. */
    @Test
    void anOlderLookIsNotWrittenOverANewerOne() throws Exception {
        RecordStore store = new RecordStore(state);
        try (ExecutorService others = Executors.newCachedThreadPool()) {
            PodRegistry pods = new PodRegistry(store, others);
            pods.serve(OWNER, () -> {
                throw new AssertionError("nobody calls");
            });
            Pod pod = pods.open(new PodInfo("key", "ns", "group", "", "/socket", PodInfo.DEFAULT_BACKEND));
            TaskProcess init = new TaskProcess("c", true, 1, "", "", "", false, null, null);
            Task task = new Task(pod, "c", "/bundle", init);
            TaskRecords records = new TaskRecords(store, new Backends());
            CompletableFuture<Future<?>> end = new CompletableFuture<>();
            task.container(looked(() -> {
                if (end.isDone()) {
                    return;
                }
                init.onExit(new ProcessExit(8, Instant.EPOCH));
                end.complete(others.submit(() -> {
                    records.save(task);
                    return null;
                }));
                try {
                    end.join().get(1, TimeUnit.SECONDS);
                } catch (TimeoutException e) {
                    // It waits for this one, as it should.
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            }));

            records.save(task);
            end.join().get(10, TimeUnit.SECONDS);

            assertThat(store.read(pod.directory() + "/task-c")).containsEntry("init.exitCode", "8");
        }
    }
}
