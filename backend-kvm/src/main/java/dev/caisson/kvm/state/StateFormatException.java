package dev.caisson.kvm.state;

import java.io.IOException;

/** What was read is no state of a machine, or not of this one. */
public final class StateFormatException extends IOException {
    private static final long serialVersionUID = 1;

    /** @param message what is wrong with it */
    public StateFormatException(String message) {
        super(message);
    }
}
