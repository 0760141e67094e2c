package dev.caisson.kvm.vm;

/**
 * How a machine ended.
 *
 * @param detail what went wrong; empty unless {@link Cause#FAILED}
 */
public record VmEnd(Cause cause, String detail) {
    /** Who wanted it. */
    public enum Cause {
        /** The guest reset the machine. */
        RESET,
        /** The guest switched it off. */
        POWER_OFF,
        /** A triple fault. */
        TRIPLE_FAULT,
        /** Asked for here. */
        STOPPED,
        /** Something that cannot be gone on from. */
        FAILED
    }

    static VmEnd of(Cause cause) {
        return new VmEnd(cause, "");
    }
}
