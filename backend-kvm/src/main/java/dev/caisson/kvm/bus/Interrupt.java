package dev.caisson.kvm.bus;

/** A device's interrupt line. Any thread. */
public interface Interrupt {
    /** Raises it, as an edge. */
    void raise();
}
