package dev.caisson.namespace.systemd;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/** There is no unit of that name. */
final class NoSuchUnitException extends SystemdException {
    @Serial
    private static final long serialVersionUID = 1;

    NoSuchUnitException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
