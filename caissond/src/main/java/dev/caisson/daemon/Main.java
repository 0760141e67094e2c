package dev.caisson.daemon;

import dev.caisson.linux.Fd;
import java.io.IOException;
import java.util.List;

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
            java.nio.file.Files.createDirectories(options.stateDirectory());
            Fd starts = options.takeOver() ? DaemonLock.holdStarts(options) : null;
            Fd lock = options.takeOver() && starts == null ? null : DaemonLock.acquire(options);
            if (lock == null) {
                System.err.println("caissond: another daemon serves " + options.stateDirectory());
                System.exit(FAILURE);
                return;
            }
            Daemon daemon = new Daemon(options);
            daemon.start();
            if (starts != null) {
                starts.close();
            }
            daemon.awaitEnd();
        } catch (IOException e) {
            System.err.println("caissond: start in " + options.stateDirectory() + ": " + e.getMessage());
            System.exit(FAILURE);
        }
        System.exit(0);
    }
}
