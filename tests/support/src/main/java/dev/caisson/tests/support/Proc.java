package dev.caisson.tests.support;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads of /proc that tolerate a process ending at any moment. */
public final class Proc {
    private Proc() {}

    /** Every process id there is now. */
    public static List<Long> pids() {
        List<Long> pids = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path entry : entries) {
                pids.add(Long.parseLong(String.valueOf(entry.getFileName())));
            }
        } catch (IOException e) {
            throw new AssertionError("list /proc", e);
        }
        return pids;
    }

    /** A file below {@code /proc/<pid>}, NUL bytes as spaces; empty when the process is gone. */
    public static String read(long pid, String file) {
        try {
            return new String(Files.readAllBytes(Path.of("/proc/" + pid, file)), StandardCharsets.UTF_8)
                    .replace('\0', ' ');
        } catch (IOException gone) {
            return "";
        }
    }

    /** Target of a link below {@code /proc/<pid>}; empty when the process is gone. */
    public static String link(long pid, String name) {
        try {
            return Files.readSymbolicLink(Path.of("/proc/" + pid, name)).toString();
        } catch (IOException gone) {
            return "";
        }
    }

    /** Field 22 of proc_pid_stat(5): start time in clock ticks since boot; with the pid it names a process for ever. */
    public static long startTime(long pid) {
        return statField(pid, 22).map(Long::parseLong).orElse(-1L);
    }

    /** Field 3 of proc_pid_stat(5), for example {@code S}, or {@code -} when the process is gone. */
    public static char state(long pid) {
        return statField(pid, 3).map(text -> text.charAt(0)).orElse('-');
    }

    /** Whether the process exists and is not a zombie. */
    public static boolean lives(long pid) {
        char state = state(pid);
        return state != '-' && state != 'Z' && state != 'X';
    }

    /** User plus system time in clock ticks; 0 when the process is gone. */
    public static long cpuTicks(long pid) {
        return statField(pid, 14).map(Long::parseLong).orElse(0L)
                + statField(pid, 15).map(Long::parseLong).orElse(0L);
    }

    /** One line of {@code smaps_rollup} in KiB, for example {@code Pss}; 0 when the process is gone. */
    public static long rollupKib(long pid, String field) {
        for (String line : read(pid, "smaps_rollup").split("\n", -1)) {
            if (line.startsWith(field + ":")) {
                return Long.parseLong(
                        line.substring(field.length() + 1).replace("kB", "").strip());
            }
        }
        return 0;
    }

    /** Targets of every open descriptor. */
    public static List<String> descriptors(long pid) {
        List<String> targets = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(Path.of("/proc/" + pid + "/fd"))) {
            for (Path entry : entries) {
                String target = link(pid, "fd/" + entry.getFileName());
                if (!target.isEmpty()) {
                    targets.add(target);
                }
            }
        } catch (IOException gone) {
            return List.of();
        }
        return targets;
    }

    private static Optional<String> statField(long pid, int number) {
        String stat = read(pid, "stat");
        int close = stat.lastIndexOf(')');
        if (close < 0) {
            return Optional.empty();
        }
        String[] rest = stat.substring(close + 2).strip().split(" ", -1);
        return number - 3 < rest.length ? Optional.of(rest[number - 3]) : Optional.empty();
    }
}
