package dev.caisson.namespace.plan;

import java.util.BitSet;

/** Lists of CPUs and memory nodes, such as {@code 0-3,7} (cpuset(7), "List format"). */
public final class BitList {
    /** Above CONFIG_NR_CPUS and MAX_NUMNODES of any kernel. */
    private static final int MAX = 8192;

    private BitList() {}

    /**
     * The list as the kernel's bit mask, in whole 8-byte words.
     *
     * @throws IllegalArgumentException for a list that the configuration's validator would have refused
     */
    public static byte[] mask(String list) {
        BitSet bits = new BitSet();
        for (String part : list.split(",", -1)) {
            int dash = part.indexOf('-');
            int from = Integer.parseInt((dash < 0 ? part : part.substring(0, dash)).strip());
            int to = dash < 0 ? from : Integer.parseInt(part.substring(dash + 1).strip());
            if (from < 0 || to < from || to >= MAX) {
                throw new IllegalArgumentException("list '" + list + "' of CPUs or nodes");
            }
            bits.set(from, to + 1);
        }
        byte[] bytes = bits.toByteArray();
        return java.util.Arrays.copyOf(bytes, Math.max(8, (bytes.length + 7) & ~7));
    }
}
