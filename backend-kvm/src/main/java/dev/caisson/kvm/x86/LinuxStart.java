package dev.caisson.kvm.x86;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import java.util.List;

/**
 * What a kernel finds at its 64-bit entry: the "zero page" (Linux Documentation/arch/x86/zero-page.rst and boot.rst).
 *
 * <pre>
 *   acpi_rsdp_addr 0x70, e820_entries 0x1e8, boot_flag 0x1fe, header 0x202, type_of_loader 0x210, ramdisk_image 0x218,
 *   ramdisk_size 0x21c, cmd_line_ptr 0x228, kernel_alignment 0x230, cmdline_size 0x238, e820_table 0x2d0 (addr, size, type: 20 bytes)
 * </pre>
 */
public final class LinuxStart {
    private static final int SIZE = 4096;
    private static final int BOOT_FLAG = 0xaa55;
    private static final int HEADER = 0x5372_6448;
    /** None that has a number. */
    private static final int LOADER = 0xff;

    private static final int ALIGNMENT = 0x100_0000;
    private static final int E820 = 0x2d0;
    private static final int E820_ENTRY = 20;

    private LinuxStart() {}

    /**
     * Writes it, and what 64-bit code needs.
     *
     * @return its address, for RSI
     * @throws IllegalArgumentException the command line is longer than 2047 bytes
     */
    public static long write(GuestMemory memory, String commandLine, long initramfs, long initramfsSize)
            throws GuestFault {
        LongMode.write(memory);
        int lineSize = CommandLine.write(memory, commandLine);
        long page = Layout.BOOT_PARAMS;
        memory.zero(page, SIZE);
        memory.putLong(page + 0x70, Layout.RSDP);
        memory.putShort(page + 0x1fe, BOOT_FLAG);
        memory.putInt(page + 0x202, HEADER);
        memory.putByte(page + 0x210, LOADER);
        memory.putInt(page + 0x218, (int) initramfs);
        memory.putInt(page + 0x21c, (int) initramfsSize);
        memory.putInt(page + 0x228, (int) Layout.COMMAND_LINE);
        memory.putInt(page + 0x230, ALIGNMENT);
        memory.putInt(page + 0x238, lineSize);
        List<MemoryMap.Entry> map = MemoryMap.of(memory.regions());
        memory.putByte(page + 0x1e8, map.size());
        long at = page + E820;
        for (MemoryMap.Entry entry : map) {
            memory.putLong(at, entry.address());
            memory.putLong(at + 8, entry.size());
            memory.putInt(at + 16, entry.type());
            at += E820_ENTRY;
        }
        return page;
    }
}
