package dev.caisson.kvm.x86;

import dev.caisson.kvm.memory.GuestMemory;
import java.util.ArrayList;
import java.util.List;

/** What firmware tells a kernel about memory (ACPI 6.4, 15). */
final class MemoryMap {
    static final int USABLE = 1;
    static final int RESERVED = 2;

    /** A range; {@code type} as in E820. */
    record Entry(long address, long size, int type) {}

    private MemoryMap() {}

    static List<Entry> of(List<GuestMemory.Region> regions) {
        List<Entry> map = new ArrayList<>();
        map.add(new Entry(0, Layout.LOW_END, USABLE));
        map.add(new Entry(Layout.LOW_END, Layout.ACPI_END - Layout.LOW_END, RESERVED));
        for (GuestMemory.Region region : regions) {
            long begin = Math.max(region.guestAddress(), Layout.ACPI_END);
            map.add(new Entry(begin, region.guestAddress() + region.size() - begin, USABLE));
        }
        return map;
    }
}
