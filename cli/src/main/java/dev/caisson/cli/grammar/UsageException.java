package dev.caisson.cli.grammar;

import java.io.Serial;

/** An argument vector that says nothing that can be done; the message is one sentence for the user. */
public final class UsageException extends Exception {
    @Serial
    private static final long serialVersionUID = 1;

    private final boolean unknownVerb;

    UsageException(String message) {
        this(message, false);
    }

    UsageException(String message, boolean unknownVerb) {
        super(message);
        this.unknownVerb = unknownVerb;
    }

    /** Whether it is the command that is not known: runc has an exit code of its own for that. */
    public boolean isUnknownVerb() {
        return unknownVerb;
    }
}
