package dev.caisson.trap.limits;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * The files of control groups, and of procfs, as the host has them, also for threads that live in a container: {@code self/root} of the host's procfs is the
 * first thread's, which never leaves the host's root. Without state; any thread.
 */
final class GroupFiles {
    private static final int READ = 0;
    private static final int WRITE = 1;
    private static final int CLOSE = 3;
    private static final int OPENAT = 257;
    private static final int O_WRONLY = 1;
    private static final int O_CLOEXEC = 0x80000;
    private static final int PATH_SIZE = 4096;
    private static final int PART_SIZE = 16 * 1024;
    private static final int LARGEST = 1 << 20;
    private static final String ROOT = "self/root";

    private final int hostProc;

    /** @param hostProc a descriptor of the host's /proc */
    GroupFiles(int hostProc) {
        this.hostProc = hostProc;
    }

    /** What is in a file of the host's; null for none or nothing. */
    @Nullable
    String read(KernelCalls kernel, String path) {
        String text = text(kernel, ROOT + path);
        return text.isEmpty() ? null : text;
    }

    /** What is in a file of procfs; empty where it cannot be read. */
    String text(KernelCalls kernel, String path) {
        try (NativeMemory memory = new NativeMemory(PATH_SIZE + PART_SIZE)) {
            long fd = open(kernel, memory, path, 0);
            if (fd < 0) {
                return "";
            }
            StringBuilder text = new StringBuilder();
            long got;
            while (text.length() < LARGEST && (got = kernel.call(READ, fd, memory.address(PATH_SIZE), PART_SIZE)) > 0) {
                text.append(new String(memory.getBytes(PATH_SIZE, (int) got), StandardCharsets.ISO_8859_1));
            }
            kernel.call(CLOSE, fd);
            return text.toString();
        }
    }

    /** Writes to a file of the host's, whatever comes of it. */
    void write(KernelCalls kernel, String path, String text) {
        try (NativeMemory memory = new NativeMemory(PATH_SIZE + PART_SIZE)) {
            long fd = open(kernel, memory, ROOT + path, O_WRONLY);
            if (fd >= 0) {
                memory.putString(PATH_SIZE, text);
                kernel.call(WRITE, fd, memory.address(PATH_SIZE), text.length());
                kernel.call(CLOSE, fd);
            }
        }
    }

    private long open(KernelCalls kernel, NativeMemory memory, String path, int flags) {
        if (path.length() >= PATH_SIZE) {
            return -1;
        }
        memory.putString(0, path);
        return kernel.call(OPENAT, hostProc, memory.address(), flags | O_CLOEXEC);
    }

    /** The first number of a file; {@code otherwise} for none, as for the word max. */
    static long number(@Nullable String text, long otherwise) {
        try {
            return text == null ? otherwise : Long.parseLong(text.strip());
        } catch (NumberFormatException e) {
            return otherwise;
        }
    }

    /** A line's number; -1 for none. */
    static long field(@Nullable String stat, String name) {
        if (stat != null) {
            for (String line : stat.split("\n", -1)) {
                if (line.startsWith(name + " ")) {
                    return number(line.substring(name.length() + 1), -1);
                }
            }
        }
        return -1;
    }
}
