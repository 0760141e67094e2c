package dev.caisson.trap.limits;

import java.util.Map;
import java.util.Set;

/**
 * Memory of a container, in bytes.
 *
 * @param limit {@link #UNLIMITED} for none
 * @param used page cache included
 * @param cache of files
 * @param reclaimable of that what nobody has used for a while
 * @param swapLimit {@link #UNLIMITED} for none
 */
public record MemoryUse(long limit, long used, long cache, long reclaimable, long swapLimit, long swapUsed) {
    public static final long UNLIMITED = Long.MAX_VALUE;
    static final MemoryUse NONE = new MemoryUse(UNLIMITED, 0, 0, 0, UNLIMITED, 0);

    /** What is the machine's kind and says nothing of its use. */
    private static final Set<String> CONSTANT = Set.of("VmallocTotal", "Hugepagesize");

    /** Whether this is less than the machine has. */
    public boolean isLess(long machine) {
        return limit < machine;
    }

    public long free() {
        return Math.max(0, limit - used);
    }

    /** Swap that there is for the container. */
    public long swap(long machine) {
        return Math.min(machine, swapLimit);
    }

    /**
     * The text of /proc/meminfo (proc_meminfo(5)) for the container. Lines of which nothing is known for it say 0.
     *
     * @param machine the host's
     */
    public String meminfo(String machine) {
        long total = kib(machine, "MemTotal") << 10;
        if (!isLess(total)) {
            return machine;
        }
        long swap = swap(kib(machine, "SwapTotal") << 10);
        Map<String, Long> known = Map.of(
                "MemTotal", limit,
                "MemFree", free(),
                "MemAvailable", Math.min(limit, free() + reclaimable),
                "Cached", cache,
                "Inactive", reclaimable,
                "Inactive(file)", reclaimable,
                "Active(file)", Math.max(0, cache - reclaimable),
                "SwapTotal", swap,
                "SwapFree", Math.max(0, swap - swapUsed));
        StringBuilder text = new StringBuilder();
        for (String line : machine.split("\n", -1)) {
            int colon = line.indexOf(':');
            if (colon < 0) {
                continue;
            }
            String name = line.substring(0, colon);
            if (CONSTANT.contains(name)) {
                text.append(line).append('\n');
                continue;
            }
            boolean isKib = line.endsWith(" kB");
            String value = Long.toString(known.getOrDefault(name, 0L) >> 10);
            int width = line.length() - colon - 1 - (isKib ? 3 : 0);
            text.append(name)
                    .append(':')
                    .append(" ".repeat(Math.max(1, width - value.length())))
                    .append(value)
                    .append(isKib ? " kB\n" : "\n");
        }
        return text.toString();
    }

    private static long kib(String meminfo, String name) {
        for (String line : meminfo.split("\n", -1)) {
            if (line.startsWith(name + ":")) {
                String value = line.substring(name.length() + 1).strip();
                int end = value.indexOf(' ');
                return Long.parseLong(end < 0 ? value : value.substring(0, end));
            }
        }
        return 0;
    }
}
