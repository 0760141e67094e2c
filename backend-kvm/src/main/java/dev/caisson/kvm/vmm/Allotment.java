package dev.caisson.kvm.vmm;

import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * How much of a machine its containers, known by their drives, may use together: how large its balloon is to be, and how many of its processors are to run. A
 * container that comes takes nothing away from the machine, and one that goes gives nothing back: only who asks for other limits changes that. Of one thread; pure.
 */
public final class Allotment {
    /** Of a machine's memory, in MiB: the kernel's, the agent's, and what they need when they work. Containers' limits come on top of it. */
    public static final int OWN_MIB = 256;

    private static final long WHOLE = 1000;

    private final int memoryMib;
    private final int processors;
    private final Map<Integer, ContainerLimits> drives = new TreeMap<>();
    private int balloonMib;
    private int running;

    /** Of a machine that is wholly the guest's. */
    Allotment(int memoryMib, int processors) {
        this.memoryMib = memoryMib;
        this.processors = processors;
        this.running = processors;
    }

    /** What the balloon is to take, in MiB. */
    int balloonMib() {
        return balloonMib;
    }

    /** How many processors are to run; the others are parked. */
    int running() {
        return running;
    }

    /** @throws IllegalArgumentException there is no container */
    ContainerLimits limits(int drive) {
        ContainerLimits known = drives.get(drive);
        if (known == null) {
            throw new IllegalArgumentException("drive " + drive + " is empty");
        }
        return known;
    }

    void inserted(int drive, ContainerLimits limits) {
        drives.put(drive, limits);
        balloonMib = Math.min(balloonMib, balloon(drives));
        running = Math.max(running, busy(drives));
    }

    void ejected(int drive) {
        drives.remove(drive);
    }

    /**
     * Gives a container other limits.
     *
     * @return why not: more than the machine has; null when it has them
     */
    @Nullable
    String change(int drive, ContainerLimits wanted) {
        ContainerLimits before = limits(drive);
        Map<Integer, ContainerLimits> then = new TreeMap<>(drives);
        then.put(drive, wanted);
        long memory = OWN_MIB + memory(then);
        if (wanted.memoryMib() > before.memoryMib() && memory > memoryMib) {
            return "its pod's virtual machine has " + memoryMib + " MiB of memory, and would need " + memory;
        }
        long busy = Math.ceilDiv(milli(then), WHOLE);
        if (wanted.milliProcessors() > before.milliProcessors() && busy > processors) {
            return "its pod's virtual machine has " + processors + " processors, and would need " + busy;
        }
        drives.put(drive, wanted);
        balloonMib = balloon(drives);
        running = busy(drives);
        return null;
    }

    /** Nothing while somebody may use all that there is. */
    private int balloon(Map<Integer, ContainerLimits> of) {
        boolean isOpen = of.values().stream().anyMatch(each -> each.memoryMib() == ContainerLimits.ANY);
        return isOpen ? 0 : (int) Math.max(memoryMib - OWN_MIB - memory(of), 0);
    }

    private int busy(Map<Integer, ContainerLimits> of) {
        boolean isOpen = of.values().stream().anyMatch(each -> each.milliProcessors() == ContainerLimits.ANY);
        return isOpen ? processors : Math.clamp(Math.ceilDiv(milli(of), WHOLE), 1, processors);
    }

    private static long memory(Map<Integer, ContainerLimits> of) {
        return of.values().stream()
                .mapToLong(each -> Math.max(each.memoryMib(), 0))
                .sum();
    }

    private static long milli(Map<Integer, ContainerLimits> of) {
        return of.values().stream()
                .mapToLong(each -> Math.max(each.milliProcessors(), 0))
                .sum();
    }
}
