package dev.caisson.linux.cgroup;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads the few formats of cgroup files ("Interface Files" in cgroup-v2.rst). A file that does not exist is null. */
final class CgroupFile {
    private CgroupFile() {}

    /**
     * The text of a file, or null where it does not exist or the kernel, though it shows it, does not serve it (as files of
     * swap accounting when that is off).
     */
    static @Nullable String text(String directory, String file) throws ErrnoException {
        try {
            return HostFiles.textIfPresent(directory + "/" + file);
        } catch (ErrnoException e) {
            if (e.errno() == Errno.EOPNOTSUPP || e.errno() == Errno.EINVAL) {
                return null;
            }
            throw e;
        }
    }

    /** A number; {@code max} is -1, which as unsigned is 2^64-1. */
    static @Nullable Long number(String directory, String file) throws ErrnoException {
        String text = text(directory, file);
        return text == null ? null : number(text.strip());
    }

    /** As {@link #number(String, String)} with 0 for absent. */
    static long numberOrZero(String directory, String file) throws ErrnoException {
        Long number = number(directory, file);
        return number == null ? 0 : number;
    }

    /** Lines of {@code key value}, in the file's order. */
    static @Nullable Map<String, Long> keyed(String directory, String file) throws ErrnoException {
        String text = text(directory, file);
        return text == null ? null : keyed(text);
    }

    static Map<String, Long> keyed(String text) {
        Map<String, Long> values = new LinkedHashMap<>();
        for (String line : CgroupLayout.lines(text)) {
            int blank = line.indexOf(' ');
            if (blank > 0) {
                values.put(
                        line.substring(0, blank),
                        number(line.substring(blank + 1).strip()));
            }
        }
        return values;
    }

    /** One value out of lines of {@code key value}; 0 where there is none. */
    static long value(String text, String key) {
        int at = text.startsWith(key + " ") ? 0 : text.indexOf("\n" + key + " ") + 1;
        if (at == 0 && !text.startsWith(key + " ")) {
            return 0;
        }
        int from = at + key.length() + 1;
        int end = text.indexOf('\n', from);
        return number(text.substring(from, end < 0 ? text.length() : end).strip());
    }

    /** A decimal number up to 2^64-1 or {@code max}; 0 for anything else, as statistics are no place to fail in. */
    static long number(String text) {
        if (text.equals("max")) {
            return -1;
        }
        try {
            return text.startsWith("-") ? Long.parseLong(text) : Long.parseUnsignedLong(text);
        } catch (NumberFormatException e) {
            return 0;
        }
    }
}
