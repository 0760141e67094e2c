package dev.caisson.tests.support;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.params.Parameter;

/**
 * Base of the suites under a real containerd. All suites of one JVM share one containerd per build, which is started by
 * the first and taken down when the JVM ends; a suite that kills its containerd restarts it before it returns.
 */
@ContainerdSuite
public abstract class Bed implements LeakCheck.Watched {
    private static final Map<ContainerdBuild, PrivateContainerd> SHARED = new HashMap<>();

    static {
        Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().unstarted(Bed::closeAll));
    }

    /** Which containerd this run is for. */
    @Parameter
    @SuppressWarnings("NullAway.Init") // injected by JUnit before any test method
    protected ContainerdBuild build;

    /** The parameters: every containerd, or none when there is no runtime to test. */
    static List<ContainerdBuild> builds() {
        List<ContainerdBuild> all = ContainerdBuild.available();
        if (all.isEmpty() || RuntimeUnderTest.selected(all.get(0)).isPresent()) {
            return all;
        }
        Skip.note("a suite under containerd", "CAISSON_PREFIX (./dev install PREFIX) or -Dcaisson.peer=runc");
        return List.of();
    }

    /** The shared containerd of this run's build. */
    @Override
    public PrivateContainerd bed() {
        synchronized (SHARED) {
            return SHARED.computeIfAbsent(
                    build, each -> PrivateContainerd.start(PrivateContainerd.Settings.of(each, runtime())));
        }
    }

    /** The runtime under test. */
    protected RuntimeUnderTest runtime() {
        Optional<RuntimeUnderTest> selected = RuntimeUnderTest.selected(build);
        return selected.orElseThrow(() -> new IllegalStateException("no runtime selected"));
    }

    /** Aborts a test that asks for something only the subject promises. */
    protected void subjectOnly(String what) {
        Skip.unless(runtime().isSubject(), what, "the subject, not a peer");
    }

    private static void closeAll() {
        synchronized (SHARED) {
            SHARED.values().forEach(PrivateContainerd::close);
        }
    }
}
