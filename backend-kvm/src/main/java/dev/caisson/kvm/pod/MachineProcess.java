package dev.caisson.kvm.pod;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PidFds;
import dev.caisson.linux.Processes;
import java.time.Duration;
import java.util.Map;

/**
 * A machine's process, so that it is never taken for another one.
 *
 * @param pid 0 for none
 * @param startTime as in /proc/PID/stat
 */
record MachineProcess(int pid, long startTime) {
    static final MachineProcess NONE = new MachineProcess(0, 0);

    private static final String PID = "machinePid";
    private static final String START = "machineStart";
    private static final int SIGKILL = 9;
    /** After which it is looked at again, and what it may have used then: a tenth of a processor. */
    private static final Duration REST = Duration.ofMillis(200);

    private static final long REST_TICKS = 2;
    private static final long LIMIT_NANOS = 5_000_000_000L;

    static MachineProcess of(int pid) throws ContainerFault {
        try {
            return new MachineProcess(pid, Processes.startTime(pid).orElse(0));
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "look at virtual machine " + pid + ": " + e.getMessage(), e);
        }
    }

    static MachineProcess recover(Map<String, String> record) {
        return new MachineProcess(
                Integer.parseInt(record.getOrDefault(PID, "0")), Long.parseLong(record.getOrDefault(START, "0")));
    }

    /** What {@link #parse} takes. */
    String text() {
        return pid + " " + startTime;
    }

    /** @throws ContainerFault it is no {@link #text} */
    static MachineProcess parse(String text) throws ContainerFault {
        String[] words = text.strip().split(" ", -1);
        try {
            return new MachineProcess(Integer.parseInt(words[0]), Long.parseLong(words[1]));
        } catch (IndexOutOfBoundsException | NumberFormatException e) {
            throw new ContainerFault(Kind.FAILED, "\"" + text + "\" is no virtual machine's process", e);
        }
    }

    boolean isRunning() throws ErrnoException {
        return pid != 0 && Processes.isRunning(pid, startTime);
    }

    void record(Map<String, String> to) {
        to.put(PID, Integer.toString(pid));
        to.put(START, Long.toString(startTime));
    }

    /**
     * Waits until it uses hardly anything of the host's processors, or has ended.
     *
     * @return whether that was within the limit
     */
    boolean awaitRest(Duration limit) throws ContainerFault {
        try {
            long end = System.nanoTime() + limit.toNanos();
            long used = Processes.processorTicks(pid).orElse(0);
            while (System.nanoTime() < end) {
                Thread.sleep(REST.toMillis());
                long before = used;
                used = Processes.processorTicks(pid).orElse(0);
                if (used - before <= REST_TICKS) {
                    return true;
                }
            }
            return false;
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "look at virtual machine " + pid + ": " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ContainerFault(Kind.UNAVAILABLE, "interrupted while a virtual machine comes to rest", e);
        }
    }

    /** Kills it, and waits until it is gone. */
    void kill() throws ContainerFault {
        if (pid == 0) {
            return;
        }
        try (Fd fd = PidFds.open(pid)) {
            long end = System.nanoTime() + LIMIT_NANOS;
            while (fd != null && Processes.isRunning(pid, startTime) && System.nanoTime() < end) {
                var _ = PidFds.sendSignal(fd, SIGKILL);
                Thread.sleep(1);
            }
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "end virtual machine " + pid + ": " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ContainerFault(Kind.UNAVAILABLE, "interrupted while a virtual machine ends", e);
        }
    }
}
