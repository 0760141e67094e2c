package dev.caisson.linux.plan;

import java.io.Serial;

/** A plan needs more results at a time than its player keeps. */
public final class PlanTooLargeException extends RuntimeException {
    @Serial
    private static final long serialVersionUID = 1;

    PlanTooLargeException(String message) {
        super(message);
    }
}
