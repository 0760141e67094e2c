package dev.caisson.kvm.x86;

/** Physical addresses, ports and interrupt lines of a machine of ours. */
public final class Layout {
    // spotless:off
    /** Below 640 KiB: what a boot needs until the kernel has its own. */
    static final long DESCRIPTORS   = 0x500;
    static final long STACK         = 0x8ff0;
    static final long PAGE_TABLES   = 0x9000;
    static final long BOOT_PARAMS   = 0x7000;
    static final long START_INFO    = 0x6000;
    static final long MODULES       = 0x6040;
    static final long MEMORY_MAP    = 0x7000;
    static final long COMMAND_LINE  = 0x2_0000;
    static final int  COMMAND_LINE_LIMIT = 2048;
    static final long LOW_END       = 0x9_fc00;

    /** Where firmware's tables are looked for; not memory to the kernel. */
    static final long RSDP          = 0xe_0000;
    static final long ACPI_TABLES   = 0xe_1000;
    static final long ACPI_END      = 0x10_0000;

    public static final long KERNEL = 0x10_0000;

    /** One page for each virtio device. */
    public static final long VIRTIO       = 0xd000_0000L;
    public static final int  VIRTIO_PAGE  = 0x1000;
    public static final int  VIRTIO_LIMIT = 19;
    /** Lines 5 to 23 of the IOAPIC. */
    public static final int  VIRTIO_LINE  = 5;

    /** The host's clock, behind the pages of virtio devices; see {@code dev.caisson.agent.MachineClock}. */
    public static final long TIME         = 0xd001_4000L;
    public static final int  TIME_SIZE    = 0x1000;

    static final int IOAPIC         = 0xfec0_0000;
    static final int LOCAL_APIC     = 0xfee0_0000;

    public static final int SERIAL_PORT   = 0x3f8;
    public static final int SERIAL_PORTS  = 8;
    public static final int SERIAL_LINE   = 4;
    /** The keyboard controller's command port; of it we have the reset line. */
    public static final int RESET_PORT    = 0x64;
    /** ACPI sleep control and status of a hardware-reduced machine. */
    public static final int SLEEP_PORT    = 0x600;
    public static final int SLEEP_PORTS   = 2;
    // spotless:on

    private Layout() {}
}
