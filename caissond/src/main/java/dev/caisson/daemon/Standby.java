package dev.caisson.daemon;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import java.io.File;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A second daemon, ready but for the sockets, that sleeps in flock(2) until the first one dies: a start of the virtual machine, of the
 * classes and of the services is then over already. It holds {@code standby.lock} until it serves; {@code start_daemon} in
 * monitor/src/loop.c sees by that lock that nobody need start a daemon. A daemon that leaves in order ends its standby first, so that
 * whoever it leaves for comes next.
 *
 * <p>Threads: one keeps it; any may end it.
 */
final class Standby {
    /** The argument that makes a daemon one. */
    static final String FLAG = "--standby";

    private static final String LOCK = "standby.lock";

    /** It may never serve: a young generation that is small until the heap has grown. */
    private static final String OPTIONS = "-Xms4m -XX:NewSize=1m -XX:MaxNewSize=8m -XX:NewRatio=1";

    /** After one that ended by itself: what ended it may end the next one too. */
    private static final Duration BEFORE_NEXT = Duration.ofSeconds(30);

    private final Options options;
    private @Nullable Process process;
    private boolean ended;

    Standby(Options options) {
        this.options = options;
    }

    /** {@code -Dcaisson.standby=false}, in {@code PREFIX/lib/caissond.options}: none, for its memory. */
    static boolean wanted() {
        return !"false".equals(System.getProperty("caisson.standby"));
    }

    /** Has one running, until {@link #end()}: blocks. That it does not come up is no reason for its daemon to fail. */
    void keep() throws InterruptedException {
        for (Process running = start(); running != null; running = start()) {
            var _ = running.waitFor();
            Thread.sleep(BEFORE_NEXT);
        }
    }

    private synchronized @Nullable Process start() {
        if (ended) {
            return null;
        }
        ProcessBuilder builder = new ProcessBuilder(
                        options.prefix().resolve("libexec/caissond").toString(),
                        "--state-dir",
                        options.stateDirectory().toString(),
                        FLAG)
                .directory(new File("/"))
                .redirectInput(Redirect.from(new File("/dev/null")))
                .redirectOutput(Redirect.DISCARD)
                .redirectError(Redirect.INHERIT);
        builder.environment().put("CAISSOND_JAVA_OPTIONS", OPTIONS);
        try {
            process = builder.start();
        } catch (IOException e) {
            process = null;
            System.getLogger(Standby.class.getName())
                    .log(System.Logger.Level.WARNING, "start a standby: " + e.getMessage());
        }
        return process;
    }

    /** Ends the process, and waits for that: after this daemon's end it would serve. */
    synchronized void end() {
        ended = true;
        Process running = process;
        process = null;
        if (running == null) {
            return;
        }
        running.destroyForcibly();
        try {
            var _ = running.waitFor(1, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** What the standby itself holds while it is one. */
    static Fd hold(Options options) throws ErrnoException {
        return HostFiles.lock(options.stateDirectory().resolve(LOCK).toString());
    }
}
