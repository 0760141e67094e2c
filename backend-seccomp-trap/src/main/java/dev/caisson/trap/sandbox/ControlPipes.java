package dev.caisson.trap.sandbox;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.Nr;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** The two pipes to the monitor: commands come from one, notes go into the other. */
final class ControlPipes implements AutoCloseable {
    private static final int NOTES = 3;
    private static final int COMMANDS = 4;
    /** What the monitor writes at once at most (PIPE_BUF). */
    private static final int LINE_LIMIT = 4096;

    private static final int NOTE_SIZE = 16;
    private static final int NOTE_SAID = 1;
    private static final int STAT_MODE = 24;
    private static final int S_IFMT = 0xf000;
    private static final int S_IFIFO = 0x1000;
    private static final int EINTR = 4;

    private final KernelCalls kernel = new KernelCalls();
    private final NativeMemory memory = new NativeMemory(LINE_LIMIT);
    private final StringBuilder pending = new StringBuilder();

    /** Whether this process was started with them. */
    boolean areThere() {
        return isPipe(NOTES) && isPipe(COMMANDS);
    }

    private boolean isPipe(int fd) {
        return kernel.call(Nr.fstat, fd, memory.address()) == 0 && (memory.getInt(STAT_MODE) & S_IFMT) == S_IFIFO;
    }

    /** Waits for the next command; null when there will be none. */
    @Nullable
    Control next() throws IOException {
        int end = pending.indexOf("\n");
        while (end < 0) {
            long got = kernel.call(Nr.read, COMMANDS, memory.address(), LINE_LIMIT);
            if (got == 0) {
                return null;
            }
            if (got < 0 && got != -EINTR) {
                throw new IOException("read commands: errno " + -got);
            }
            if (got > 0) {
                pending.append(new String(memory.getBytes(0, (int) got), StandardCharsets.US_ASCII));
            }
            end = pending.indexOf("\n");
            if (end < 0 && pending.length() > LINE_LIMIT) {
                throw new IOException("read commands: a line of more than " + LINE_LIMIT + " bytes");
            }
        }
        String line = pending.substring(0, end);
        pending.delete(0, end + 1);
        return Control.parse(line);
    }

    /** Says something to the daemon. */
    void say(int code, long value) throws IOException {
        memory.putInt(0, NOTE_SAID);
        memory.putInt(4, code);
        memory.putLong(8, value);
        long written = kernel.call(Nr.write, NOTES, memory.address(), NOTE_SIZE);
        if (written != NOTE_SIZE) {
            throw new IOException("write note: " + written);
        }
    }

    @Override
    public void close() {
        memory.close();
    }
}
