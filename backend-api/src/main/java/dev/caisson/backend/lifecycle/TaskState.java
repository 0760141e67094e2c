package dev.caisson.backend.lifecycle;

/** Where a process (init or exec) is in its life. The words are the runtime-spec's and containerd's. */
public enum TaskState {
    /** Being built. Leads to {@link #CREATED}, or {@link #DELETED} when that fails. */
    CREATING,
    /** Built, the user's program has not run. Leads to {@link #RUNNING}, {@link #STOPPED} (killed, or the start failed). */
    CREATED,
    /** The user's program runs. Leads to {@link #PAUSED}, {@link #STOPPED}. */
    RUNNING,
    /** Frozen. Leads to {@link #RUNNING}, {@link #STOPPED}. */
    PAUSED,
    /** Ended; the exit status is known. Leads to {@link #DELETED}. */
    STOPPED,
    /** Gone. */
    DELETED
}
