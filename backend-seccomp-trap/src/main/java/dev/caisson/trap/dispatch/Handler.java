package dev.caisson.trap.dispatch;

/** Answers one kind of system call, on the thread that received it. */
@FunctionalInterface
public interface Handler {
    /**
     * @return the call's result, a negative errno, {@link GuestCall#PROCEED} or {@link GuestCall#ANSWERED}
     */
    long handle(GuestCall call);
}
