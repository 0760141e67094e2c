package dev.caisson.trap.dispatch;

import java.util.concurrent.Semaphore;

/**
 * What is the same for all calls of a container.
 *
 * @param hostProc a descriptor of the host's /proc, by which callers are looked at
 * @param procDevice device number of the container's own procfs
 * @param bootId a line for /proc/sys/kernel/random/boot_id
 * @param waiting bounds the calls that wait on threads of their own
 * @param tracers who is told of its calls
 */
public record ContainerView(
        int hostProc, long procDevice, String bootId, Callers callers, Semaphore waiting, Tracers tracers) {
    private static final int MAX_WAITING = 64;

    public ContainerView(int hostProc, long procDevice, String bootId) {
        this(hostProc, procDevice, bootId, new Callers(), new Semaphore(MAX_WAITING), new Tracers());
    }
}
