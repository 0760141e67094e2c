package dev.caisson.trap;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.Processes;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * A process for as long as the machine is up.
 *
 * @param start see {@link Processes#startTime}
 */
record ProcessId(int pid, long start) {
    /** The process that has this pid now. */
    static @Nullable ProcessId of(int pid) throws ErrnoException {
        var start = Processes.startTime(pid);
        return start.isEmpty() ? null : new ProcessId(pid, start.getAsLong());
    }

    /** @throws IllegalArgumentException it is no {@link #text} */
    static ProcessId parse(String text) {
        int at = text.indexOf('-');
        if (at < 0) {
            throw new IllegalArgumentException("no process: " + text);
        }
        return new ProcessId(Integer.parseInt(text.substring(0, at)), Long.parseLong(text.substring(at + 1)));
    }

    String text() {
        return pid + "-" + start;
    }

    boolean isRunning() throws ErrnoException {
        return Processes.isRunning(pid, start);
    }

    /**
     * Writes into the pipe whose read end the process has as a descriptor.
     *
     * @throws ErrnoException ESRCH: it is gone
     */
    void write(int descriptor, String line) throws ErrnoException {
        String pipe = "/proc/" + pid + "/fd/" + descriptor;
        try (Fd fd = HostFiles.open(pipe, HostFiles.O_WRONLY | HostFiles.O_NONBLOCK | HostFiles.O_CLOEXEC, 0)) {
            // Still the same process now, so it was when its pipe was opened.
            if (!isRunning()) {
                throw new ErrnoException(Errno.ESRCH.number(), "write", pipe);
            }
            HostFiles.writeAll(fd, line.getBytes(StandardCharsets.US_ASCII));
        }
    }
}
