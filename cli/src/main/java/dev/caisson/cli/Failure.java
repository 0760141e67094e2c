package dev.caisson.cli;

import java.io.Serial;

/** A command that could not do what it was asked; the message is one sentence, parts of which callers match. */
final class Failure extends Exception {
    @Serial
    private static final long serialVersionUID = 1;

    private final int code;

    Failure(String message) {
        this(message, 1);
    }

    Failure(String message, int code) {
        super(message);
        this.code = code;
    }

    Failure(String message, Throwable cause) {
        super(message, cause);
        this.code = 1;
    }

    int code() {
        return code;
    }
}
