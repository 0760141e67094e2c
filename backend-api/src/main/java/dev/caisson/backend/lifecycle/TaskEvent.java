package dev.caisson.backend.lifecycle;

/** What can happen to, or be asked of, a process. */
public enum TaskEvent {
    /** The environment was built. */
    BUILT,
    /** The environment could not be built. */
    BUILD_FAILED,
    /** Asked: run the user's program. */
    START,
    /** Asked: run another process in the container. */
    EXEC,
    /** Asked: freeze. */
    PAUSE,
    /** Asked: thaw. */
    RESUME,
    /** Asked: send a signal. */
    KILL,
    /** Asked: change limits. */
    UPDATE,
    /** The process was reaped. */
    EXITED,
    /** Asked: remove. */
    DELETE
}
