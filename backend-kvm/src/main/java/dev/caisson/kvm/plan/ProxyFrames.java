package dev.caisson.kvm.plan;

/**
 * Requests to the agent, encoded, that a proxy sends without understanding them.
 *
 * @param ended answered when the guest's process has ended, with its exit code
 * @param kill a signal, whose number is the byte at {@code signalAt}
 * @param closeStdin no more input
 * @param window a terminal's size, which is the eight bytes at {@code sizeAt}
 */
@SuppressWarnings("ArrayRecordComponent") // bytes on their way into a plan; nobody compares them
public record ProxyFrames(byte[] ended, byte[] kill, int signalAt, byte[] closeStdin, byte[] window, int sizeAt) {}
