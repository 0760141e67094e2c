package dev.caisson.kvm.x86;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import java.nio.charset.StandardCharsets;

/** A kernel's command line in its memory. */
final class CommandLine {
    private CommandLine() {}

    /**
     * Writes it with its NUL.
     *
     * @return its length
     * @throws IllegalArgumentException it is longer than a kernel reads
     */
    static int write(GuestMemory memory, String text) throws GuestFault {
        byte[] line = text.getBytes(StandardCharsets.UTF_8);
        if (line.length >= Layout.COMMAND_LINE_LIMIT) {
            throw new IllegalArgumentException(
                    "kernel command line of " + line.length + " bytes: at most " + (Layout.COMMAND_LINE_LIMIT - 1));
        }
        memory.write(Layout.COMMAND_LINE, line);
        memory.putByte(Layout.COMMAND_LINE + line.length, 0);
        return line.length;
    }
}
