package dev.caisson.backend.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.Backend;
import dev.caisson.backend.ContainerFault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A test with a pod of its own. It ends with the host as it was before. */
public abstract class PodTest {
    /** An emulated machine takes its time. */
    private static final int PATIENCE_SECONDS = Integer.getInteger("caisson.await.seconds", 20);

    @TempDir
    protected Path temp;

    private PodFixture pod = new NoPod();

    /** The wall under test. */
    protected abstract Backend backend();

    /** A new pod's hands, whose files may go to {@code directory}. */
    protected abstract PodFixture openPod(Path directory) throws IOException;

    private static final class NoPod implements PodFixture {
        @Override
        public dev.caisson.backend.Launcher launcher() {
            throw new IllegalStateException("no pod");
        }

        @Override
        public long parentPid() {
            return 0;
        }

        @Override
        public void close() {}
    }

    @BeforeEach
    final void openPod() throws IOException {
        pod = openPod(Files.createDirectories(temp.resolve("pod")));
    }

    @AfterEach
    final void nothingIsLeft() throws IOException {
        Instant end = Instant.now().plusSeconds(5);
        List<Long> left = children();
        // A launch may have failed before its player was reaped.
        while (!left.isEmpty() && Instant.now().isBefore(end)) {
            Thread.onSpinWait();
            left = children();
        }
        pod.close();
        assertThat(left).as("processes left behind").isEmpty();
        // Only what names this test: other programs on the host may mount meanwhile.
        assertThat(Files.readAllLines(Path.of("/proc/self/mountinfo")))
                .as("mounts left behind")
                .noneMatch(line -> line.contains(temp.toString()) || line.contains(Bundle.NAME + "-"));
        assertThat(groups()).as("cgroups left behind").isEmpty();
    }

    /** Groups of this test's containers, on either version: below the mount or below a controller's. Others come and go meanwhile. */
    private static List<String> groups() throws IOException {
        List<Path> places = new ArrayList<>(List.of(Path.of("/sys/fs/cgroup")));
        try (var mounts = Files.list(places.getFirst())) {
            mounts.filter(Files::isDirectory).forEach(places::add);
        }
        List<String> found = new ArrayList<>();
        for (Path place : places) {
            if (Files.exists(place.resolve(Bundle.NAME))) {
                found.add(place + "/" + Bundle.NAME);
            }
        }
        return found;
    }

    private List<Long> children() {
        return ProcessHandle.of(pod.parentPid()).stream()
                .flatMap(ProcessHandle::children)
                .map(ProcessHandle::pid)
                .toList();
    }

    protected final PodFixture pod() {
        return pod;
    }

    protected final Bundle shell(String script) {
        return Bundle.shell(temp, script);
    }

    protected final TestContainer prepare(Bundle bundle) throws ContainerFault {
        return TestContainer.prepare(backend(), bundle, pod.launcher());
    }

    /** Lets time pass in which nothing may happen. */
    protected static void pass(int millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    protected static void await(String what, BooleanSupplier condition) {
        Instant end = Instant.now().plusSeconds(PATIENCE_SECONDS);
        while (!condition.getAsBoolean()) {
            if (Instant.now().isAfter(end)) {
                throw new AssertionError("waiting for: " + what + ": not there after " + PATIENCE_SECONDS + " s");
            }
            pass(5);
        }
    }
}
