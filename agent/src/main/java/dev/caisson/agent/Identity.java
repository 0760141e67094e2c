package dev.caisson.agent;

import dev.caisson.linux.Clock;
import dev.caisson.linux.Entropy;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.regex.Pattern;

/** What makes this machine another one than that of which it is a copy: its time and its random numbers. */
final class Identity {
    private static final Pattern NAME = Pattern.compile("[0-9a-zA-Z]{1,64}");
    private static final long SECOND = 1_000_000_000;

    private final Path state;

    /** @param state a directory for what later agents must know */
    Identity(Path state) {
        this.state = state;
    }

    /** See {@code guest.proto}, HelloRequest. */
    void take(String copy, long behind, long time, byte[] entropy) throws IOException {
        if (entropy.length > 0) {
            // Before anything is made that has to be a secret.
            Entropy.add(entropy);
        }
        if (!copy.isEmpty() && isNew(copy)) {
            Clock.advance(behind);
        }
        Instant now = Instant.now();
        if (time != 0 && Math.abs(now.getEpochSecond() * SECOND + now.getNano() - time) > SECOND) {
            Clock.setRealTime(time);
        }
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
