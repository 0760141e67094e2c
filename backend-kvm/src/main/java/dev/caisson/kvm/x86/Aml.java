package dev.caisson.kvm.x86;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Writes ACPI machine language (ACPI 6.4, 20.2): as much of it as describes devices that do not change. */
final class Aml {
    private static final int SCOPE = 0x10;
    private static final int EXTENDED = 0x5b;
    private static final int DEVICE = 0x82;
    private static final int NAME = 0x08;
    private static final int BYTE = 0x0a;
    private static final int WORD = 0x0b;
    private static final int DWORD = 0x0c;
    private static final int STRING = 0x0d;
    private static final int BUFFER = 0x11;
    private static final int PACKAGE = 0x12;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    byte[] bytes() {
        return out.toByteArray();
    }

    private Aml raw(int... values) {
        for (int value : values) {
            out.write(value);
        }
        return this;
    }

    private Aml little(long value, int bytes) {
        for (int i = 0; i < bytes; i++) {
            out.write((int) (value >> (8 * i)));
        }
        return this;
    }

    /** A length that counts itself (20.2.4). */
    private static byte[] packageLength(int content) {
        if (content + 1 < 1 << 6) {
            return new byte[] {(byte) (content + 1)};
        }
        if (content + 2 < 1 << 12) {
            int all = content + 2;
            return new byte[] {(byte) (1 << 6 | (all & 0xf)), (byte) (all >> 4)};
        }
        int all = content + 3;
        if (all >= 1 << 20) {
            throw new IllegalArgumentException("AML of " + content + " bytes");
        }
        return new byte[] {(byte) (2 << 6 | (all & 0xf)), (byte) (all >> 4), (byte) (all >> 12)};
    }

    private Aml sized(byte[] content) {
        out.writeBytes(packageLength(content.length));
        out.writeBytes(content);
        return this;
    }

    /** @param path as it stands in AML: four characters, with a backslash before them for the root */
    Aml scope(String path, Aml content) {
        return raw(SCOPE).sized(new Aml().characters(path).append(content).bytes());
    }

    Aml device(String name, Aml content) {
        return raw(EXTENDED, DEVICE)
                .sized(new Aml().characters(name).append(content).bytes());
    }

    private Aml characters(String text) {
        out.writeBytes(text.getBytes(StandardCharsets.US_ASCII));
        return this;
    }

    Aml append(Aml other) {
        out.writeBytes(other.bytes());
        return this;
    }

    Aml name(String name, String value) {
        return raw(NAME).characters(name).raw(STRING).characters(value).raw(0);
    }

    Aml name(String name, int value) {
        return raw(NAME).characters(name).integer(value);
    }

    private Aml integer(int value) {
        if (value == 0 || value == 1) {
            return raw(value);
        }
        if (value > 0 && value < 0x100) {
            return raw(BYTE, value);
        }
        return value > 0 && value < 0x10000
                ? raw(WORD).little(value, 2)
                : raw(DWORD).little(value, 4);
    }

    /** An identifier such as PNP0501, compressed (19.3.4). */
    Aml nameEisa(String name, String id) {
        int letters = (id.charAt(0) - '@') << 10 | (id.charAt(1) - '@') << 5 | (id.charAt(2) - '@');
        int value = letters << 16 | Integer.parseInt(id.substring(3), 16);
        return raw(NAME).characters(name).raw(DWORD).little(Integer.reverseBytes(value), 4);
    }

    /** A package of small integers. */
    Aml namePackage(String name, int... values) {
        Aml content = new Aml().raw(values.length);
        for (int value : values) {
            content.integer(value);
        }
        return raw(NAME).characters(name).raw(PACKAGE).sized(content.bytes());
    }

    /** Resources of a device (6.4), of {@link #memory}, {@link #ports} and {@link #interrupt}. */
    Aml nameResources(Aml resources) {
        Aml template = new Aml().append(resources).raw(0x79, 0);
        byte[] bytes = template.bytes();
        Aml content = new Aml().integer(bytes.length);
        content.out.writeBytes(bytes);
        return raw(NAME).characters("_CRS").raw(BUFFER).sized(content.bytes());
    }

    /** 32-bit fixed memory range, writable. */
    Aml memory(int address, int length) {
        return raw(0x86).little(9, 2).raw(1).little(address, 4).little(length, 4);
    }

    /** I/O ports, 16-bit decode. */
    Aml ports(int first, int count) {
        return raw(0x47, 1).little(first, 2).little(first, 2).raw(1, count);
    }

    /** An edge-triggered, active-high line of this device alone. */
    Aml interrupt(int line) {
        return raw(0x89).little(6, 2).raw(3, 1).little(line, 4);
    }

    /**
     * A whole table: header (5.2.6), content, checksum.
     *
     * @param signature four characters
     */
    static byte[] table(String signature, int revision, byte[] content) {
        ByteBuffer table = ByteBuffer.allocate(36 + content.length).order(ByteOrder.LITTLE_ENDIAN);
        table.put(signature.getBytes(StandardCharsets.US_ASCII));
        table.putInt(table.capacity());
        table.put((byte) revision).put((byte) 0);
        table.put("CAISSNMICROVM ".getBytes(StandardCharsets.US_ASCII));
        table.putInt(1);
        table.put("CAIS".getBytes(StandardCharsets.US_ASCII)).putInt(1);
        table.put(content);
        byte[] bytes = table.array();
        bytes[9] = checksum(bytes, 0, bytes.length);
        return bytes;
    }

    /** What makes the sum of all bytes zero. */
    static byte checksum(byte[] bytes, int from, int to) {
        int sum = 0;
        for (int i = from; i < to; i++) {
            sum += bytes[i];
        }
        return (byte) -sum;
    }
}
