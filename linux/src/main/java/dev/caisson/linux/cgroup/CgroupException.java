package dev.caisson.linux.cgroup;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** A cgroup request that cannot be served as it was made; the message is one sentence for the caller's user. */
public final class CgroupException extends IOException {
    private static final long serialVersionUID = 1L;

    /** Describes what was wanted and why it cannot be. */
    public CgroupException(String message) {
        super(message);
    }

    /** As {@link #CgroupException(String)} with the failed call that showed it. */
    public CgroupException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
