package dev.caisson.kvm.x86;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.sys.BootRegisters;

/** What 64-bit code needs from its first instruction on: flat descriptors, and page tables that map the first GiB to itself. */
public final class LongMode {
    private static final long PRESENT_WRITABLE = 3;
    /** Present, writable, of 2 MiB. */
    private static final long LARGE = 0x83;

    private static final int PAGE = 4096;
    private static final int ENTRIES = 512;
    private static final long LARGE_PAGE = 2 << 20;

    /** Nothing, code, data, a task state: Intel SDM volume 3, 3.4.5. */
    private static final long[] DESCRIPTORS = {0, 0x00af_9b00_0000_ffffL, 0x00cf_9300_0000_ffffL, 0x008f_8b00_0000_ffffL
    };

    private LongMode() {}

    /** Writes them below 64 KiB. */
    public static void write(GuestMemory memory) throws GuestFault {
        for (int i = 0; i < DESCRIPTORS.length; i++) {
            memory.putLong(Layout.DESCRIPTORS + 8L * i, DESCRIPTORS[i]);
        }
        long top = Layout.PAGE_TABLES;
        long pointers = top + PAGE;
        long directory = pointers + PAGE;
        memory.putLong(top, pointers | PRESENT_WRITABLE);
        memory.putLong(pointers, directory | PRESENT_WRITABLE);
        for (int i = 0; i < ENTRIES; i++) {
            memory.putLong(directory + 8L * i, i * LARGE_PAGE | LARGE);
        }
    }

    /** Registers for code at {@code entry} that finds {@code argument} in RSI. */
    public static BootRegisters registers(long entry, long argument) {
        return BootRegisters.longMode(entry, argument, Layout.STACK, Layout.PAGE_TABLES, Layout.DESCRIPTORS);
    }
}
