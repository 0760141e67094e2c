package dev.caisson.daemon;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Scheduling;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Entry point of {@code caissond}. */
public final class Main {
    private static final int FAILURE = 1;
    private static final int USAGE = 64;

    private Main() {}

    public static void main(String[] args) throws InterruptedException {
        String prefix = System.getProperty("caisson.prefix", "");
        Options options;
        try {
            options = Options.parse(List.of(args), prefix);
        } catch (IllegalArgumentException e) {
            System.err.println("caissond: " + e.getMessage());
            System.exit(USAGE);
            return;
        }
        try {
            Scheduling.takeShortTurns(); // all threads come from this one, but the virtual machine's own
        } catch (ErrnoException e) {
            System.err.println("caissond: " + e.getMessage() + ": answers may take longer on a busy host");
        }
        try {
            java.nio.file.Files.createDirectories(options.stateDirectory());
            Daemon daemon = options.role() == Options.Role.STANDBY ? standBy(options) : first(options);
            if (daemon == null) {
                System.err.println("caissond: another daemon serves " + options.stateDirectory());
                System.exit(FAILURE);
                return;
            }
            daemon.awaitEnd();
        } catch (IOException e) {
            System.err.println("caissond: start in " + options.stateDirectory() + ": " + e.getMessage());
            System.exit(FAILURE);
        }
        System.exit(0);
    }

    private static @Nullable Daemon first(Options options) throws IOException, InterruptedException {
        Fd starts = options.takeOver() ? DaemonLock.holdStarts(options) : null;
        Fd lock = options.takeOver() && starts == null ? null : DaemonLock.acquire(options);
        if (lock == null) {
            return null;
        }
        Daemon daemon = new Daemon(options);
        daemon.start();
        if (starts != null) {
            starts.close();
        }
        return daemon;
    }

    private static Daemon standBy(Options options) throws IOException {
        try (Fd _ = Standby.hold(options)) {
            Daemon daemon = new Daemon(options);
            daemon.rehearse();
            DaemonLock.await(options);
            daemon.start();
            return daemon;
        }
    }
}
