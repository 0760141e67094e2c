package dev.caisson.trap.limits;

import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/** Sets of processors, and the texts that name them. Pure. */
public final class ProcessorText {
    private static final int MOST = 8192; // CONFIG_NR_CPUS at its largest

    private ProcessorText() {}

    /**
     * Of the kernel's list format, {@code 0-2,5} (cpuset(7)).
     *
     * @param all how many there are when the list is missing or is none
     */
    static BitSet set(@Nullable String list, int all) {
        BitSet set = new BitSet();
        for (String part : list == null ? new String[0] : list.strip().split(",", -1)) {
            String[] ends = part.split("-", 2);
            try {
                int from = Integer.parseInt(ends[0]);
                int to = Integer.parseInt(ends[ends.length - 1]);
                if (from >= 0 && from <= to && to < MOST) {
                    set.set(from, to + 1);
                }
            } catch (NumberFormatException e) {
                // An empty list.
            }
        }
        if (set.isEmpty()) {
            set.set(0, all);
        }
        return set;
    }

    /** Its lowest members, {@code most} at most and one at least. */
    public static BitSet first(BitSet set, int most) {
        BitSet few = new BitSet();
        int at = set.nextSetBit(0);
        while (at >= 0 && (few.isEmpty() || few.cardinality() < most)) {
            few.set(at);
            at = set.nextSetBit(at + 1);
        }
        return few;
    }

    /** The text of /proc/cpuinfo (proc_cpuinfo(5)) with these processors only. */
    public static String cpuinfo(String machine, BitSet shown) {
        StringBuilder text = new StringBuilder();
        for (String block : machine.split("\n\n", -1)) {
            String first = block.lines().findFirst().orElse("");
            int colon = first.indexOf(':');
            if (!first.startsWith("processor") || colon < 0) {
                continue;
            }
            try {
                if (shown.get(Integer.parseInt(first.substring(colon + 1).strip()))) {
                    text.append(block).append("\n\n");
                }
            } catch (NumberFormatException e) {
                // Not a number of a processor.
            }
        }
        return text.isEmpty() ? machine : text.toString();
    }
}
