package dev.caisson.daemon;

import java.nio.file.Path;
import java.util.List;

/**
 * The daemon's command line.
 *
 * @param prefix the installation that this daemon belongs to
 * @param stateDirectory socket, records and locks
 * @param role what it does about a daemon that runs already
 */
record Options(Path prefix, Path stateDirectory, Role role) {
    /** What a new daemon does when another serves its state directory. */
    enum Role {
        /** Leaves that alone, and ends. */
        FIRST,
        /** Asks it to leave. */
        TAKE_OVER,
        /** Waits until it dies; see {@link Standby}. */
        STANDBY
    }

    static final Path DEFAULT_STATE = Path.of("/run/caisson");

    boolean takeOver() {
        return role == Role.TAKE_OVER;
    }

    /** @throws IllegalArgumentException with a sentence for the user */
    static Options parse(List<String> args, String prefix) {
        Path state = DEFAULT_STATE;
        Role role = Role.FIRST;
        for (int i = 0; i < args.size(); i++) {
            switch (args.get(i)) {
                case "--state-dir" -> {
                    if (++i == args.size()) {
                        throw new IllegalArgumentException("--state-dir needs a directory");
                    }
                    state = Path.of(args.get(i)).toAbsolutePath();
                }
                case "--take-over" -> role = Role.TAKE_OVER;
                case Standby.FLAG -> role = Role.STANDBY;
                default ->
                    throw new IllegalArgumentException("unknown argument " + args.get(i)
                            + "; usage: caissond [--state-dir DIRECTORY] [--take-over]");
            }
        }
        return new Options(Path.of(prefix), state, role);
    }
}
