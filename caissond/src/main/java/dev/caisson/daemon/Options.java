package dev.caisson.daemon;

import java.nio.file.Path;
import java.util.List;

/**
 * The daemon's command line.
 *
 * @param prefix the installation that this daemon belongs to
 * @param stateDirectory socket, records and locks
 * @param takeOver ask a running daemon to leave, instead of leaving it alone
 */
record Options(Path prefix, Path stateDirectory, boolean takeOver) {
    static final Path DEFAULT_STATE = Path.of("/run/caisson");

    /** @throws IllegalArgumentException with a sentence for the user */
    static Options parse(List<String> args, String prefix) {
        Path state = DEFAULT_STATE;
        boolean takeOver = false;
        for (int i = 0; i < args.size(); i++) {
            switch (args.get(i)) {
                case "--state-dir" -> {
                    if (++i == args.size()) {
                        throw new IllegalArgumentException("--state-dir needs a directory");
                    }
                    state = Path.of(args.get(i)).toAbsolutePath();
                }
                case "--take-over" -> takeOver = true;
                default ->
                    throw new IllegalArgumentException("unknown argument " + args.get(i)
                            + "; usage: caissond [--state-dir DIRECTORY] [--take-over]");
            }
        }
        return new Options(Path.of(prefix), state, takeOver);
    }
}
