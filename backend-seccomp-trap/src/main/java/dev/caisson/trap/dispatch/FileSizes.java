package dev.caisson.trap.dispatch;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import java.nio.charset.StandardCharsets;

/**
 * RLIMIT_FSIZE (getrlimit(2)) of a container's processes, which the kernel holds nobody to but who writes, and that is us. Hardly any process has one, so it
 * is looked at only after one was seen or may have been set. Thread-safe.
 */
public final class FileSizes {
    /** What a process without a limit has. */
    public static final long UNLIMITED = Long.MAX_VALUE;

    private static final int RLIMIT_FSIZE = 1;
    private static final int O_CLOEXEC = 0x80000;
    private static final int TEXT_SIZE = 4096;
    private static final String LINE = "Max file size";

    private volatile boolean areThere;

    /** A process comes into the container from outside, with limits that were set there. */
    public void enters(KernelCalls kernel, int hostProc, int pid) {
        try (NativeMemory memory = new NativeMemory(TEXT_SIZE)) {
            areThere |= read(kernel, hostProc, pid, memory, 0) != UNLIMITED;
        }
    }

    /** A process sets a limit. */
    public void sets(int resource) {
        areThere |= resource == RLIMIT_FSIZE;
    }

    /** The caller's, in bytes; {@link GuestCall#TEXT} is used for it. */
    public long of(GuestCall c) {
        return areThere ? read(c.kernel(), c.hostProc(), c.tid(), c.memory(), GuestCall.TEXT) : UNLIMITED;
    }

    private static long read(KernelCalls kernel, int hostProc, int pid, NativeMemory memory, int at) {
        memory.putString(at, pid + "/limits");
        long fd = kernel.call(Nr.openat, hostProc, memory.address(at), O_CLOEXEC);
        long length = kernel.call(Nr.read, fd, memory.address(at), TEXT_SIZE);
        kernel.call(Nr.close, fd);
        return length <= 0
                ? UNLIMITED
                : parse(new String(memory.getBytes(at, (int) length), StandardCharsets.US_ASCII));
    }

    /** The soft limit in a text of /proc/PID/limits (proc_pid_limits(5)). */
    static long parse(String limits) {
        for (String line : limits.split("\n", -1)) {
            if (line.startsWith(LINE)) {
                String soft = line.substring(LINE.length()).strip().split(" ", 2)[0];
                return soft.equals("unlimited") ? UNLIMITED : Long.parseLong(soft);
            }
        }
        return UNLIMITED;
    }
}
