package dev.caisson.tests.support;

import java.util.concurrent.atomic.AtomicInteger;
import org.opentest4j.TestAbortedException;

/** Tests that this machine cannot run: each prints one line that names what is missing, and is counted. */
public final class Skip {
    private static final AtomicInteger COUNT = new AtomicInteger();

    private Skip() {}

    /** Prints {@code SKIPPED: <what> needs <missing>} and aborts the running test. */
    public static TestAbortedException because(String what, String missing) {
        note(what, missing);
        return new TestAbortedException(what + " needs " + missing);
    }

    /** Aborts the running test unless {@code condition} holds. */
    public static void unless(boolean condition, String what, String missing) {
        if (!condition) {
            throw because(what, missing);
        }
    }

    /** Prints and counts without aborting, for suites that simply have fewer cases here. */
    public static void note(String what, String missing) {
        COUNT.incrementAndGet();
        System.out.println("SKIPPED: " + what + " needs " + missing);
    }

    /** How many lines were printed by this JVM so far. */
    public static int count() {
        return COUNT.get();
    }
}
