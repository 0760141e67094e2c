package dev.caisson.kvm.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.memory.GuestMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class AcpiTablesTest {
    private static ByteBuffer table(GuestMemory memory, long address, String signature) throws Exception {
        int length = memory.getInt(address + 4);
        byte[] bytes = new byte[length];
        memory.read(address, bytes, 0, length);
        assertThat(new String(bytes, 0, 4, StandardCharsets.US_ASCII)).isEqualTo(signature);
        assertThat(sum(bytes)).as("checksum of " + signature).isZero();
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static byte sum(byte[] bytes) {
        byte sum = 0;
        for (byte each : bytes) {
            sum += each;
        }
        return sum;
    }

    @Test
    void tablesLeadToEachOther() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(2 << 20)) {
            AcpiTables.write(memory, 2, 3);
            byte[] rsdp = new byte[36];
            memory.read(0xe0000, rsdp, 0, 36);
            assertThat(new String(rsdp, 0, 8, StandardCharsets.US_ASCII)).isEqualTo("RSD PTR ");
            assertThat(sum(rsdp)).isZero();
            assertThat(sum(java.util.Arrays.copyOf(rsdp, 20))).isZero();
            ByteBuffer xsdt = table(memory, memory.getLong(0xe0000 + 24), "XSDT");
            ByteBuffer fadt = table(memory, xsdt.getLong(36), "FACP");
            ByteBuffer madt = table(memory, xsdt.getLong(44), "APIC");
            ByteBuffer dsdt = table(memory, fadt.getLong(140), "DSDT");

            assertThat(fadt.capacity()).isEqualTo(276);
            assertThat(fadt.getInt(112) & 1 << 20).as("hardware-reduced").isNotZero();
            assertThat(madt.getInt(36)).isEqualTo(0xfee0_0000);
            assertThat(madt.capacity()).isEqualTo(44 + 12 + 2 * 8);
            assertThat(madt.get(56 + 8 + 3))
                    .as("APIC id of the second processor")
                    .isEqualTo((byte) 1);
            String text = StandardCharsets.ISO_8859_1.decode(dsdt).toString();
            assertThat(text).contains("V000", "V001", "V002", "COM1").doesNotContain("V003");
        }
    }

    /** Put together by hand from ACPI 6.4, chapters 6.4 and 20.2. */
    @Test
    void devicesAreEncodedAsTheSpecificationSays() {
        assertThat(HexFormat.of().formatHex(AcpiTables.devices(2).bytes()))
                .contains(
                        // Device V001: _HID "LNRO0005", _UID 1, _CRS memory at 0xd0001000 and interrupt 6.
                        "5b823a56303031" + "085f4849440d4c4e524f3030303500" + "085f55494401" + "085f435253111a0a17"
                                + "860900010010" + "00d000100000" + "890600030106000000" + "7900",
                        // Device COM1: PNP0501, ports 0x3f8 to 0x3ff, interrupt 4.
                        "5b8231434f4d31" + "085f4849440c41d00501" + "085f55494400" + "085f43525311160a13"
                                + "4701f803f8030108" + "890600030104000000" + "7900")
                // Name _S5_, a package of 5, outside of the scope.
                .endsWith("085f53355f1204010a05");
    }
}
