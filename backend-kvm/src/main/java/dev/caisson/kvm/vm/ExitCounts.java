package dev.caisson.kvm.vm;

/** How often a machine's guest has stopped for something that was done in Java: for a port, and for a device's memory. */
public record ExitCounts(long ports, long memory) {
    ExitCounts plus(ExitCounts other) {
        return new ExitCounts(ports + other.ports, memory + other.memory);
    }
}
