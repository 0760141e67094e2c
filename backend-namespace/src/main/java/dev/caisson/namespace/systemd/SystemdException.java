package dev.caisson.namespace.systemd;

import java.io.Serial;
import org.jspecify.annotations.Nullable;

/** A call of a service manager that failed; the message says what was attempted, and what systemd answered. */
public class SystemdException extends Exception {
    @Serial
    private static final long serialVersionUID = 1;

    SystemdException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
