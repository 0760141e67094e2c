package dev.caisson.trap.sandbox;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.direct.ProcessFilter;
import java.io.IOException;
import java.util.Base64;

/** Gives up every system call that a sandbox process does not need any more. Cannot be undone. */
final class Confinement {
    private Confinement() {}

    /**
     * Loads a filter for all threads, those that will come included.
     *
     * @param encoded the program, an array of {@code struct sock_filter}, in Base64
     */
    static void enter(String encoded) throws IOException {
        try {
            ProcessFilter.load(Base64.getDecoder().decode(encoded));
        } catch (ErrnoException e) {
            throw new IOException("load the sandbox process's filter: " + e.getMessage(), e);
        }
    }
}
