package dev.caisson.backend;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/**
 * An operation on a container that could not be done. The message is one sentence for a person: what was attempted, on what, and
 * the errno's name where there is one; the kind decides the code that a front door answers with.
 */
public sealed class ContainerFault extends Exception permits ConfigFile.MissingException {
    @Serial
    private static final long serialVersionUID = 1;

    /** What sort of fault; each front door maps these to its own codes in one place. */
    public enum Kind {
        /** The configuration or an argument is wrong. */
        INVALID,
        /** There is no such container, process or sandbox. */
        NOT_FOUND,
        /** The id is taken. */
        ALREADY_EXISTS,
        /** Not in this state of the container. */
        WRONG_STATE,
        /** Neither the wall nor the kernel at hand can do that. */
        UNSUPPORTED,
        /** The host refused or broke. */
        FAILED,
        /** The pod's monitor is gone or does not answer. */
        UNAVAILABLE
    }

    private final Kind kind;

    public ContainerFault(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    public ContainerFault(Kind kind, String message, @Nullable Throwable cause) {
        super(message, cause);
        this.kind = kind;
    }

    /** What sort of fault this is. */
    public Kind kind() {
        return kind;
    }
}
