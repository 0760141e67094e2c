package dev.caisson.linux;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * What execve(2) would look at in a file: whether it is a program, for which machine, and which other program it needs. The file is
 * untrusted; every offset and length in it is bounded.
 *
 * @param kind what it is
 * @param interpreter path of the loader (elf(5), PT_INTERP) or of the script's interpreter (execve(2), "#!"); null for none
 * @param machine e_machine of an ELF file, 0 otherwise
 */
public record ProgramFile(Kind kind, @Nullable String interpreter, int machine) {
    /** Kinds of files. */
    public enum Kind {
        ELF,
        SCRIPT,
        /** Shorter than any program. */
        EMPTY,
        OTHER
    }

    /** e_machine of this architecture, and of the 32-bit one that it runs. */
    public static final int EM_X86_64 = 62;

    public static final int EM_386 = 3;

    /** The kernel's BINPRM_BUF_SIZE: longer first lines are cut. */
    private static final int LINE = 256;

    private static final int PT_INTERP = 3;
    private static final int PATH_MAX = 4096;
    private static final int MOST_HEADERS = 512;

    /** Reads from a position; fewer bytes only at the end of the file. */
    public interface Source {
        ByteBuffer read(long position, int length) throws IOException;
    }

    /** @throws IOException only if the source does */
    public static ProgramFile read(Source file) throws IOException {
        ByteBuffer head = file.read(0, LINE).order(ByteOrder.LITTLE_ENDIAN);
        if (head.remaining() == 0) {
            return new ProgramFile(Kind.EMPTY, null, 0);
        }
        if (head.remaining() >= 2 && head.get(0) == '#' && head.get(1) == '!') {
            return new ProgramFile(Kind.SCRIPT, interpreter(head), 0);
        }
        boolean elf = head.remaining() >= 52
                && head.get(0) == 0x7f
                && head.get(1) == 'E'
                && head.get(2) == 'L'
                && head.get(3) == 'F';
        return elf ? elf(file, head) : new ProgramFile(Kind.OTHER, null, 0);
    }

    private static @Nullable String interpreter(ByteBuffer head) {
        StringBuilder path = new StringBuilder();
        for (int i = 2; i < head.limit(); i++) {
            char c = (char) (head.get(i) & 0xff);
            if (c == '\n' || c == '\0' || ((c == ' ' || c == '\t') && !path.isEmpty())) {
                break;
            }
            if (c != ' ' && c != '\t') {
                path.append(c);
            }
        }
        return path.isEmpty() ? null : path.toString();
    }

    private static ProgramFile elf(Source file, ByteBuffer head) throws IOException {
        boolean wide = head.get(4) == 2;
        if (head.get(5) != 1 || (wide && head.remaining() < 64)) {
            return new ProgramFile(Kind.ELF, null, 0); // of a big-endian machine
        }
        int machine = head.getShort(18) & 0xffff;
        long at = wide ? head.getLong(32) : head.getInt(28) & 0xffff_ffffL;
        int size = head.getShort(wide ? 54 : 42) & 0xffff;
        int count = Math.min(head.getShort(wide ? 56 : 44) & 0xffff, MOST_HEADERS);
        if (size < (wide ? 56 : 32) || at < 0) {
            return new ProgramFile(Kind.ELF, null, machine);
        }
        for (int i = 0; i < count; i++) {
            ByteBuffer header = file.read(at + (long) i * size, wide ? 56 : 32).order(ByteOrder.LITTLE_ENDIAN);
            if (header.remaining() < (wide ? 56 : 32)) {
                break;
            }
            if (header.getInt(0) == PT_INTERP) {
                long offset = wide ? header.getLong(8) : header.getInt(4) & 0xffff_ffffL;
                long length = wide ? header.getLong(32) : header.getInt(16) & 0xffff_ffffL;
                return new ProgramFile(Kind.ELF, path(file, offset, length), machine);
            }
        }
        return new ProgramFile(Kind.ELF, null, machine);
    }

    private static @Nullable String path(Source file, long offset, long length) throws IOException {
        if (offset < 0 || length < 2 || length > PATH_MAX) {
            return null;
        }
        ByteBuffer bytes = file.read(offset, (int) length);
        byte[] text = new byte[bytes.remaining()];
        bytes.get(bytes.position(), text);
        int end = 0;
        while (end < text.length && text[end] != 0) {
            end++;
        }
        return end == 0 ? null : new String(text, 0, end, StandardCharsets.ISO_8859_1);
    }
}
