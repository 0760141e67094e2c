package dev.caisson.trap.sandbox;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.Nr;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** A pipe that commands come from, until it ends or a process does. Of one thread. */
final class ControlPipe implements AutoCloseable {
    /** What is written at once at most (PIPE_BUF). */
    private static final int LINE_LIMIT = 4096;

    private static final int POLL = LINE_LIMIT;
    private static final int POLLFD_SIZE = 8;
    private static final short POLLIN = 1;
    private static final int EINTR = 4;

    private final KernelCalls kernel = new KernelCalls();
    private final NativeMemory memory = new NativeMemory(LINE_LIMIT + 2 * POLLFD_SIZE);
    private final StringBuilder pending = new StringBuilder();
    private final int commands;
    private final int until;

    /**
     * @param commands its descriptor, which stays the caller's
     * @param until a pidfd: when its process has ended there are no more commands; -1 for none
     */
    ControlPipe(int commands, int until) {
        this.commands = commands;
        this.until = until;
    }

    /** Waits for the next command; null when there will be none. */
    @Nullable
    Control next() throws IOException {
        int end = pending.indexOf("\n");
        while (end < 0) {
            if (!isReadable()) {
                return null;
            }
            long got = kernel.call(Nr.read, commands, memory.address(), LINE_LIMIT);
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

    /** Waits until there is something to read; false when the process has ended. */
    private boolean isReadable() {
        while (true) {
            memory.putInt(POLL, commands);
            memory.putInt(POLL + 4, POLLIN);
            memory.putInt(POLL + POLLFD_SIZE, until);
            memory.putInt(POLL + POLLFD_SIZE + 4, POLLIN);
            long ready = kernel.call(Nr.poll, memory.address(POLL), 2, -1);
            if (ready > 0) {
                return memory.getShort(POLL + POLLFD_SIZE + 6) == 0;
            }
        }
    }

    @Override
    public void close() {
        memory.close();
    }
}
