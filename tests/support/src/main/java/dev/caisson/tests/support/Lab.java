package dev.caisson.tests.support;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Whether this JVM runs inside the lab's VM, where a test may do to the machine what it may not do to a host. */
public final class Lab {
    private Lab() {}

    /** The lab's kernel carries {@code caisson.lab=1} on its command line. */
    public static boolean inside() {
        try {
            return Files.readString(Path.of("/proc/cmdline")).contains("caisson.lab=1");
        } catch (IOException e) {
            return false;
        }
    }

    /** Whether the runtime under test is a user's own, in a user namespace: {@code tests/lab/rootless}. */
    public static boolean rootless() {
        try {
            return !Files.readString(Path.of("/proc/self/uid_map")).strip().endsWith(" 4294967295");
        } catch (IOException e) {
            return false;
        }
    }

    /** Skips a test that must not run on a host. */
    public static void require(String what) {
        Skip.unless(inside(), what, "the lab (./dev lab -- COMMAND)");
    }
}
