package dev.caisson.kvm.memory;

/** The guest did what no correct guest does, such as naming memory that it does not have. It costs the guest, and nobody else, something. */
public final class GuestFault extends Exception {
    private static final long serialVersionUID = 1L;

    /** Describes it; without a stack trace, since a guest can cause any number of them. */
    public GuestFault(String message) {
        super(message, null, false, false);
    }
}
