package dev.caisson.cli;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launcher;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** One run of the command binary: what it was given, and what it can be made to do. */
public interface Invocation {
    /** The launch whose process the command is about. */
    int MAIN_LAUNCH = 1;

    /** The command's own standard streams, as an io of its launcher. */
    int OWN_STREAMS = 1;

    int pid();

    /** The program's name, by which it was called. */
    String program();

    /** Without the program's name. */
    List<String> arguments();

    /** Absolute. */
    Path cwd();

    /** A variable of its environment; empty when there is none. */
    String variable(String name);

    /**
     * What an earlier daemon launched for this very command before it was lost: 0 for nothing, 1 when the process runs, or 2 plus its
     * wait status times 256 when it has ended.
     */
    int resume();

    /** Whether an earlier daemon was asked the same by this very command: it may have done all of it, or a part, before it was lost. */
    boolean isRepeated();

    /** Whether the command is gone: nobody reads any more. */
    boolean isGone();

    /** Writes to its standard output, at its end. */
    void out(byte[] bytes);

    /** Writes to its standard output now. */
    void outNow(byte[] bytes);

    /** Writes a line to its standard error, at its end. */
    void err(String line);

    /** Ends it. */
    void end(int code);

    /**
     * Ends it when {@link #MAIN_LAUNCH}, which is not launched yet, has come to its program and has ended, and as that did; another end is
     * to follow for all other cases. Before it nothing else may be left to do.
     */
    void endWithMain();

    /** Ends it when {@link #MAIN_LAUNCH} has ended, and as that did. */
    void endAsMain();

    /**
     * Removes something and ends, when {@link #MAIN_LAUNCH} has ended, as that did.
     *
     * @param remains in the order in which they go
     * @return completes when it is known whether everything could be removed; if not, the command waits for another end. Does not complete
     *     if the command is gone before it could say so.
     */
    CompletableFuture<Boolean> endAsMain(List<Removal> remains);

    /** @param path as the command sees it */
    record Removal(Kind kind, String path) {
        /** What it is. */
        public enum Kind {
            /** An empty one; or a group without processes. */
            DIRECTORY,
            FILE,
            /** A directory, which stays if it is not empty. */
            SHARED_DIRECTORY
        }
    }

    /** Makes it play plans; at most once. */
    Launcher launcher(Hands hands);

    /** Gets the master of a process's terminal: descriptor {@code fd} of process {@code pid}, which waits meanwhile. */
    interface Console {
        void take(int pid, int fd) throws ContainerFault;
    }

    /**
     * What the command is to be when it launches something.
     *
     * @param foreground it stays until the main process ends, passes signals on to it, and reaps it
     * @param terminal it copies between its own streams and the main process's terminal
     * @param preserved how many of its descriptors from 3 on the main process gets
     * @param fifos directory for the fifos {@code notes} and {@code gate}, through which the main process is reached when the command is
     *     gone; null when it need not be
     * @param console gets the terminal's master if it is not copied
     */
    record Hands(
            boolean foreground,
            boolean terminal,
            int preserved,
            @Nullable Path fifos,
            @Nullable Console console) {
        /** For hooks. */
        static final Hands PLAIN = new Hands(false, false, 0, null, null);
    }
}
