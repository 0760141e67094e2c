package dev.caisson.tests.support;

import java.time.Duration;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.extension.AfterClassTemplateInvocationCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;

/**
 * Proves that a suite left the host as it found it: processes, mounts, cgroups, network namespaces and files of the test
 * bed are compared before the first test and after the last one of each parameter. The runtime has {@link #SETTLE} to
 * finish what it does in the background.
 */
public final class LeakCheck implements BeforeEachCallback, AfterClassTemplateInvocationCallback {
    /** containerd itself removes a bundle a moment after it has answered; its shim clean-up limit is 5 s. */
    private static final Duration SETTLE = Duration.ofSeconds(30);

    private static final Namespace STORE = Namespace.create(LeakCheck.class);

    /** A test class whose test bed is watched. */
    public interface Watched {
        /** The bed of the running parameter. */
        PrivateContainerd bed();
    }

    private record Before(PrivateContainerd bed, HostSnapshot snapshot) {}

    @Override
    public void beforeEach(ExtensionContext context) {
        ExtensionContext invocation = context.getParent().orElseThrow();
        if (context.getRequiredTestInstance() instanceof Watched watched) {
            invocation
                    .getStore(STORE)
                    .computeIfAbsent(
                            Before.class,
                            key -> new Before(watched.bed(), HostSnapshot.take(watched.bed(), standing())),
                            Before.class);
        }
    }

    @Override
    public void afterClassTemplateInvocation(ExtensionContext context) {
        Before before = context.getStore(STORE).remove(Before.class, Before.class);
        if (before != null) {
            check(before.bed(), before.snapshot());
        }
    }

    /** Fails with one line per leaked thing if the bed does not come back to {@code before} within {@link #SETTLE}. */
    public static void check(PrivateContainerd bed, HostSnapshot before) {
        long deadline = System.nanoTime() + SETTLE.toNanos();
        List<String> leaked = HostSnapshot.take(bed, standing()).newSince(before);
        while (!leaked.isEmpty() && System.nanoTime() < deadline) {
            Await.sleep(Duration.ofMillis(100));
            leaked = HostSnapshot.take(bed, standing()).newSince(before);
        }
        if (!leaked.isEmpty()) {
            throw new AssertionError("left behind in " + bed.dir() + ":\n" + String.join("\n", leaked));
        }
    }

    /**
     * caissond, its files and directories and its spare monitors are there to stay. A monitor that serves a pod is not, although its
     * command line names caissond too: it must end with its pod.
     */
    public static Predicate<String> standing() {
        return line -> isDaemon(line)
                || line.contains("/spare")
                || line.endsWith("/caisson/pods")
                || line.endsWith("/caisson/s")
                || line.contains("/caisson/info-")
                || line.contains("/caisson/rehearsal") // of a young caissond
                || line.endsWith("/caisson/command.sock")
                || line.endsWith("/caisson/start.lock")
                || line.endsWith("/caisson/standby.lock");
    }

    private static boolean isDaemon(String line) {
        return line.contains("caissond") && !line.contains(" caisson-monitor ");
    }
}
