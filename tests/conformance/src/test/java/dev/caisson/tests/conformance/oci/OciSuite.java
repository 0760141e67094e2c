package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.LeakCheck;
import dev.caisson.tests.support.OciRuntime;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import dev.caisson.tests.support.Skip;
import dev.caisson.tests.support.Watchdog;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A class of tests that runs once per runtime of this machine. Each test has a directory of its own, and whatever a runtime has left when
 * its containers are deleted fails the test.
 */
@ParameterizedClass(name = "{0}", allowZeroInvocations = true)
@MethodSource("dev.caisson.tests.support.OciRuntime#available")
@ExtendWith(Watchdog.class)
abstract class OciSuite {
    static final Duration SOON = Duration.ofSeconds(60);

    /** Which runtime this run is for. */
    @Parameter
    @SuppressWarnings("NullAway.Init") // injected by JUnit before any test method
    OciRuntime runtime;

    @SuppressWarnings("NullAway.Init") // made before each test
    Path dir;

    private final List<Box> boxes = new ArrayList<>();
    private final List<Process> others = new ArrayList<>();
    private List<Path> cgroups = List.of();

    @BeforeEach
    void makeDirectory() {
        try {
            dir = Files.createTempDirectory(Path.of("/tmp"), "oci-");
            dir.toFile().setExecutable(true, false);
            Files.createDirectory(dir.resolve("root"));
        } catch (IOException e) {
            throw new UncheckedIOException("create a directory in /tmp", e);
        }
    }

    /** A container that runs {@code script}; deleted, if still there, after the test. */
    Box box(String id, String script) {
        Box box = new Box(runtime, dir, id, script);
        boxes.add(box);
        return box;
    }

    Box box(String script) {
        return box("c1", script);
    }

    /** A process of the host beside the containers; ended after the test. */
    Process beside(String... argv) {
        Process process = Command.of(argv).env(Map.of("OCI_TEST", tag())).start();
        others.add(process);
        return process;
    }

    /** The part of every path and cgroup that is this test's own. */
    String tag() {
        return String.valueOf(dir.getFileName());
    }

    /** Skips the test for a peer that is known not to do {@code what}. */
    void deviates(Kind kind, String what, String because) {
        Skip.unless(!runtime.is(kind), what, "a runtime other than " + runtime + ": " + because);
    }

    @AfterEach
    void nothingIsLeft() {
        for (Box box : boxes) {
            box.delete("--force");
        }
        for (Process other : others) {
            other.descendants().forEach(ProcessHandle::destroyForcibly);
            other.destroyForcibly();
            try {
                other.waitFor();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        // What killed a container's processes need not have waited for them.
        long deadline = System.nanoTime() + Duration.ofSeconds(5).toNanos();
        Set<String> left = left();
        while (!left.isEmpty() && System.nanoTime() < deadline) {
            Await.sleep(Duration.ofMillis(20));
            left = left();
        }
        takeDown(!left.isEmpty());
        assertThat(left).as("left behind by %s", runtime).isEmpty();
    }

    private Set<String> left() {
        Set<String> left = new TreeSet<>();
        for (long pid : HostSnapshot.processesOf(tag())) {
            String line = pid + " " + Proc.read(pid, "cmdline").strip();
            if (!LeakCheck.standing().test(line)) {
                left.add("process " + line);
            }
        }
        HostSnapshot.mountsOf(tag()).forEach(point -> left.add("mount " + point));
        // runc and crun leave the parents that they have made, and so may we.
        cgroups = HostSnapshot.cgroupsOf(tag());
        cgroups.stream().filter(path -> !path.endsWith(tag())).forEach(path -> left.add("cgroup " + path));
        try (var entries = Files.list(dir.resolve("root"))) {
            entries.forEach(entry -> left.add("state " + entry));
        } catch (IOException e) {
            throw new UncheckedIOException("list " + dir.resolve("root"), e);
        }
        return left;
    }

    private void takeDown(boolean dirty) {
        if (dirty) {
            for (long pid : HostSnapshot.processesOf(tag())) {
                if (!LeakCheck.standing().test(Proc.read(pid, "cmdline"))) {
                    ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
                }
            }
            for (String mount : HostSnapshot.mountsOf(tag()).reversed()) {
                Command.of("umount", "-l", mount).run();
            }
        }
        for (Path cgroup : cgroups.reversed()) {
            cgroup.toFile().delete();
        }
        if (HostSnapshot.mountsOf(tag()).isEmpty()) {
            Command.of("rm", "-rf", "--one-file-system", dir.toString()).run();
        }
    }
}
