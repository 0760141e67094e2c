package dev.caisson.kvm.x86;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import java.util.List;

/**
 * What a kernel finds at its PVH entry (xen/include/public/arch-x86/hvm/start_info.h).
 *
 * <pre>
 *   hvm_start_info            magic 0, version 4, flags 8, nr_modules 12, modlist 16, cmdline 24, rsdp 32, memmap 40, memmap_entries 48
 *   hvm_modlist_entry         paddr 0, size 8, cmdline 16, reserved 24                    32 bytes
 *   hvm_memmap_table_entry    addr 0, size 8, type 16, reserved 20                        24 bytes
 * </pre>
 */
public final class PvhStart {
    private static final int MAGIC = 0x336e_c578;
    private static final int VERSION = 1;
    private static final int MAP_ENTRY = 24;

    private PvhStart() {}

    /**
     * Writes it.
     *
     * @param initramfsSize 0 for none
     * @return its address, for EBX
     * @throws IllegalArgumentException the command line is longer than 2047 bytes
     * @throws GuestFault the memory is too small for it
     */
    public static long write(GuestMemory memory, String commandLine, long initramfs, long initramfsSize)
            throws GuestFault {
        CommandLine.write(memory, commandLine);
        List<MemoryMap.Entry> map = MemoryMap.of(memory.regions());
        long at = Layout.MEMORY_MAP;
        for (MemoryMap.Entry entry : map) {
            memory.putLong(at, entry.address());
            memory.putLong(at + 8, entry.size());
            memory.putLong(at + 16, entry.type());
            at += MAP_ENTRY;
        }
        memory.zero(Layout.START_INFO, 56);
        memory.putInt(Layout.START_INFO, MAGIC);
        memory.putInt(Layout.START_INFO + 4, VERSION);
        if (initramfsSize > 0) {
            memory.zero(Layout.MODULES, 32);
            memory.putLong(Layout.MODULES, initramfs);
            memory.putLong(Layout.MODULES + 8, initramfsSize);
            memory.putInt(Layout.START_INFO + 12, 1);
            memory.putLong(Layout.START_INFO + 16, Layout.MODULES);
        }
        memory.putLong(Layout.START_INFO + 24, Layout.COMMAND_LINE);
        memory.putLong(Layout.START_INFO + 32, Layout.RSDP);
        memory.putLong(Layout.START_INFO + 40, Layout.MEMORY_MAP);
        memory.putInt(Layout.START_INFO + 48, map.size());
        return Layout.START_INFO;
    }
}
