package dev.caisson.namespace.plan;

import dev.caisson.oci.CapabilityNames;
import java.util.List;

/** Capability sets as the kernel takes them: a bit for each number. */
final class Capability {
    private Capability() {}

    /**
     * The set as a bit mask. Names that are unknown or not in {@code available} are left out: the runtime-spec (1.1 and later)
     * has them warned about, not refused.
     */
    static long mask(List<String> names, long available) {
        long mask = 0;
        for (String name : names) {
            int number = CapabilityNames.number(name);
            if (number >= 0) {
                mask |= 1L << number;
            }
        }
        return mask & available;
    }
}
