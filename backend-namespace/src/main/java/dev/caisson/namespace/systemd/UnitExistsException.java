package dev.caisson.namespace.systemd;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/** There is a unit of that name already. */
final class UnitExistsException extends SystemdException {
    @Serial
    private static final long serialVersionUID = 1;

    UnitExistsException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
