package dev.caisson.agent;

import dev.caisson.linux.Clock;
import dev.caisson.linux.Entropy;
import dev.caisson.linux.ErrnoException;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What makes this machine another one than that of which it is a copy: its time and its random numbers. */
final class Identity {
    private static final Pattern NAME = Pattern.compile("[0-9a-zA-Z]{1,64}");
    private static final long SECOND = 1_000_000_000;

    private final Path state;
    private final boolean inMachine;

    /**
     * This machine's.
     *
     * @param state a directory for what later agents must know
     * @param inMachine whether there is one; without, this is the host
     */
    Identity(Path state, boolean inMachine) {
        this.state = state;
        this.inMachine = inMachine;
    }

    /**
     * See {@code guest.proto}, HelloRequest.
     *
     * @return how right the clock is afterwards; null when that cannot be told
     */
    MachineClock.@Nullable Difference take(String copy, long behind, long time, byte[] entropy) throws IOException {
        if (entropy.length > 0) {
            // Before anything is made that has to be a secret.
            Entropy.add(entropy);
        }
        if (!copy.isEmpty() && isNew(copy)) {
            Clock.advance(behind);
        }
        if (time != 0 && Math.abs(wallClock() - time) > SECOND) {
            Clock.setRealTime(time);
        }
        if (inMachine) {
            try {
                return MachineClock.set();
            } catch (ErrnoException e) {
                // A kernel that does not show its memory: to a second it is right.
                System.err.println("agent: look at the host's clock: " + e.getMessage());
            }
        }
        return null;
    }

    /** In nanoseconds since 1970. */
    static long wallClock() {
        Instant now = Instant.now();
        return now.getEpochSecond() * SECOND + now.getNano();
    }

    /** Written down first: a clock that is behind is mended by the time, one that is ahead twice is not. */
    private boolean isNew(String copy) throws IOException {
        if (!NAME.matcher(copy).matches()) {
            throw new IOException("\"" + copy + "\" is no name of a copy");
        }
        try {
            var _ = Files.createFile(state.resolve("copy-" + copy));
            return true;
        } catch (FileAlreadyExistsException e) {
            return false;
        }
    }
}
