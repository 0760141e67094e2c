package dev.caisson.kvm.x86;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * The tables by which a kernel finds processors, interrupt controllers and devices (ACPI 6.4, 5.2): a hardware-reduced machine, without the
 * fixed hardware of a PC. Debian's kernels read virtio-mmio devices from nowhere else.
 */
public final class AcpiTables {
    /** IAPC_BOOT_ARCH: no VGA, no CMOS clock; bit 1, a keyboard controller, is not set. */
    private static final int BOOT_ARCH = 1 << 2 | 1 << 5;
    /** FADT flags: no fixed power button, no fixed sleep button, hardware-reduced. */
    private static final int FADT_FLAGS = 1 << 4 | 1 << 5 | 1 << 20;

    private static final int FADT_SIZE = 276;
    private static final int HEADER = 36;
    /** SLP_TYP that {@code \_S5} tells the kernel to write for power-off. */
    public static final int SLEEP_OFF = 5;

    private AcpiTables() {}

    /**
     * Writes them.
     *
     * @param virtioDevices how many of the pages from {@link Layout#VIRTIO} on have a device
     */
    public static void write(GuestMemory memory, int processors, int virtioDevices) throws GuestFault {
        long at = Layout.ACPI_TABLES;
        byte[] dsdt = Aml.table("DSDT", 2, devices(virtioDevices).bytes());
        memory.write(at, dsdt);
        byte[] fadt = Aml.table("FACP", 6, fadt(at));
        at = aligned(at + dsdt.length);
        long fadtAt = at;
        memory.write(at, fadt);
        byte[] madt = Aml.table("APIC", 5, madt(processors));
        at = aligned(at + fadt.length);
        long madtAt = at;
        memory.write(at, madt);
        byte[] xsdt = Aml.table(
                "XSDT",
                1,
                ByteBuffer.allocate(16)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(fadtAt)
                        .putLong(madtAt)
                        .array());
        at = aligned(at + madt.length);
        memory.write(at, xsdt);
        if (at + xsdt.length > Layout.ACPI_END) {
            throw new IllegalArgumentException("tables for " + processors + " processors are too long");
        }
        memory.write(Layout.RSDP, rsdp(at));
    }

    private static long aligned(long address) {
        return address + 15 & ~15L;
    }

    static byte[] rsdp(long xsdt) {
        ByteBuffer rsdp = ByteBuffer.allocate(36).order(ByteOrder.LITTLE_ENDIAN);
        rsdp.put("RSD PTR ".getBytes(StandardCharsets.US_ASCII)).put((byte) 0);
        rsdp.put("CAISSN".getBytes(StandardCharsets.US_ASCII)).put((byte) 2);
        rsdp.putInt(0).putInt(36).putLong(xsdt);
        byte[] bytes = rsdp.array();
        bytes[8] = Aml.checksum(bytes, 0, 20);
        bytes[32] = Aml.checksum(bytes, 0, 36);
        return bytes;
    }

    private static byte[] fadt(long dsdt) {
        ByteBuffer fadt = ByteBuffer.allocate(FADT_SIZE).order(ByteOrder.LITTLE_ENDIAN);
        fadt.putInt(40, (int) dsdt);
        fadt.putShort(109, (short) BOOT_ARCH);
        fadt.putInt(112, FADT_FLAGS);
        fadt.put(131, (byte) 5);
        fadt.putLong(140, dsdt);
        sleepRegister(fadt, 244, Layout.SLEEP_PORT);
        sleepRegister(fadt, 256, Layout.SLEEP_PORT + 1);
        byte[] content = new byte[FADT_SIZE - HEADER];
        fadt.get(HEADER, content);
        return content;
    }

    /** A generic address (5.2.3.2): a byte in I/O space. */
    private static void sleepRegister(ByteBuffer fadt, int at, int port) {
        fadt.put(at, (byte) 1).put(at + 1, (byte) 8).put(at + 3, (byte) 1);
        fadt.putLong(at + 4, port);
    }

    static byte[] madt(int processors) {
        ByteBuffer madt = ByteBuffer.allocate(8 + 12 + 8 * processors).order(ByteOrder.LITTLE_ENDIAN);
        madt.putInt(Layout.LOCAL_APIC).putInt(0);
        madt.put((byte) 1).put((byte) 12).put((byte) 0).put((byte) 0);
        madt.putInt(Layout.IOAPIC).putInt(0);
        for (int i = 0; i < processors; i++) {
            madt.put((byte) 0).put((byte) 8).put((byte) i).put((byte) i).putInt(1);
        }
        return madt.array();
    }

    static Aml devices(int virtioDevices) {
        Aml bus = new Aml();
        for (int i = 0; i < virtioDevices; i++) {
            bus.device(
                    "V" + (char) ('0' + i / 100) + (char) ('0' + i / 10 % 10) + (char) ('0' + i % 10),
                    new Aml()
                            .name("_HID", "LNRO0005")
                            .name("_UID", i)
                            .nameResources(new Aml()
                                    .memory((int) Layout.VIRTIO + i * Layout.VIRTIO_PAGE, Layout.VIRTIO_PAGE)
                                    .interrupt(Layout.VIRTIO_LINE + i)));
        }
        bus.device(
                "COM1",
                new Aml()
                        .nameEisa("_HID", "PNP0501")
                        .name("_UID", 0)
                        .nameResources(new Aml()
                                .ports(Layout.SERIAL_PORT, Layout.SERIAL_PORTS)
                                .interrupt(Layout.SERIAL_LINE)));
        return new Aml().scope("\\_SB_", bus).namePackage("_S5_", SLEEP_OFF);
    }
}
