package dev.caisson.linux;

import java.util.ArrayList;
import java.util.List;

/**
 * One line of /proc/PID/mountinfo (proc_pid_mountinfo(5)).
 *
 * @param id unique while the mount exists
 * @param parent the id of the mount below, or of itself at the root of the namespace
 * @param device {@code major:minor} of the files on it
 * @param root the path inside the file system that is mounted
 * @param mountPoint where, relative to the process's root
 * @param options per-mount options, comma separated
 * @param propagation optional fields, {@code shared:N} for example
 * @param type the file system type with subtype
 * @param source the file system's name for its source
 * @param superOptions per-superblock options, comma separated
 */
public record MountInfo(
        int id,
        int parent,
        String device,
        String root,
        String mountPoint,
        String options,
        List<String> propagation,
        String type,
        String source,
        String superOptions) {
    public MountInfo {
        propagation = List.copyOf(propagation);
    }

    /** Whether a comma-separated list of superblock options contains this one. */
    public boolean hasSuperOption(String option) {
        int at = -1;
        do {
            int from = at + 1;
            at = superOptions.indexOf(',', from);
            int end = at < 0 ? superOptions.length() : at;
            if (end - from == option.length() && superOptions.startsWith(option, from)) {
                return true;
            }
        } while (at >= 0);
        return false;
    }

    /**
     * Parses a whole mountinfo file.
     *
     * @throws IllegalArgumentException for a line that does not follow proc_pid_mountinfo(5)
     */
    public static List<MountInfo> parse(String text) {
        List<MountInfo> mounts = new ArrayList<>();
        int from = 0;
        while (from < text.length()) {
            int end = text.indexOf('\n', from);
            if (end < 0) {
                end = text.length();
            }
            if (end > from) {
                mounts.add(parseLine(text.substring(from, end)));
            }
            from = end + 1;
        }
        return mounts;
    }

    private static MountInfo parseLine(String line) {
        List<String> fields = new ArrayList<>(12);
        int from = 0;
        for (int at = line.indexOf(' '); at >= 0; at = line.indexOf(' ', from)) {
            fields.add(line.substring(from, at));
            from = at + 1;
        }
        fields.add(line.substring(from));
        // The separator ends the optional fields; it cannot be earlier than field 7, so a mount point named "-" is no
        // trap.
        int separator = 6;
        while (separator < fields.size() && !fields.get(separator).equals("-")) {
            separator++;
        }
        // The kernel leaves the source empty for some mounts, which is still a field between two blanks.
        if (fields.size() < separator + 4) {
            throw new IllegalArgumentException("mountinfo line with too few fields: '" + line + "'");
        }
        return new MountInfo(
                number(fields.get(0), line),
                number(fields.get(1), line),
                fields.get(2),
                unescape(fields.get(3)),
                unescape(fields.get(4)),
                fields.get(5),
                fields.subList(6, separator),
                unescape(fields.get(separator + 1)),
                unescape(fields.get(separator + 2)),
                fields.get(separator + 3));
    }

    private static int number(String field, String line) {
        try {
            return Integer.parseInt(field);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("mountinfo line without a number first: '" + line + "'", e);
        }
    }

    /** Undoes the kernel's octal escapes of blank, tab, newline, backslash and hash. */
    private static String unescape(String field) {
        int at = field.indexOf('\\');
        if (at < 0) {
            return field;
        }
        StringBuilder out = new StringBuilder(field.length());
        int from = 0;
        while (at >= 0) {
            out.append(field, from, at);
            int value = at + 3 < field.length() ? octal(field, at + 1) : -1;
            if (value < 0) {
                out.append('\\');
                from = at + 1;
            } else {
                out.append((char) value);
                from = at + 4;
            }
            at = field.indexOf('\\', from);
        }
        return out.append(field, from, field.length()).toString();
    }

    private static int octal(String field, int at) {
        int value = 0;
        for (int i = at; i < at + 3; i++) {
            int digit = field.charAt(i) - '0';
            if (digit < 0 || digit > 7) {
                return -1;
            }
            value = value * 8 + digit;
        }
        return value < 128 ? value : -1;
    }
}
