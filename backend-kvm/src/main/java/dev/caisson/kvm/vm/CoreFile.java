package dev.caisson.kvm.vm;

import dev.caisson.kvm.memory.GuestMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The head of an ELF core file (elf(5)) of a machine: a segment for each part of its memory, by physical addresses, and a note with each processor's
 * registers (NT_PRSTATUS, struct elf_prstatus of x86-64), as crash(8) and gdb(1) read them. Pure.
 */
final class CoreFile {
    private static final int PAGE = 4096;
    private static final int FILE_HEADER = 64;
    private static final int PROGRAM_HEADER = 56;
    private static final int NOTE_HEADER = 12;
    private static final int STATUS = 336;
    private static final int STATUS_PID = 32;
    private static final int STATUS_REGISTERS = 112;

    private static final short ET_CORE = 4;
    private static final short EM_X86_64 = 62;
    private static final int PT_LOAD = 1;
    private static final int PT_NOTE = 4;
    private static final int NT_PRSTATUS = 1;
    private static final int READ_WRITE_EXECUTE = 7;

    private CoreFile() {}

    /**
     * What comes before the memory, which follows in the order of its regions without gaps.
     *
     * @param processors of each the registers in the order of struct user_regs_struct
     * @return whole pages
     */
    static byte[] head(List<GuestMemory.Region> regions, List<long[]> processors) {
        byte[] name = "CORE\0\0\0\0".getBytes(StandardCharsets.US_ASCII);
        int notes = processors.size() * (NOTE_HEADER + name.length + STATUS);
        int notesAt = FILE_HEADER + PROGRAM_HEADER * (1 + regions.size());
        int size = (notesAt + notes + PAGE - 1) / PAGE * PAGE;
        ByteBuffer b = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        // 64 bits, little-endian, version 1.
        b.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0});
        b.putShort(ET_CORE).putShort(EM_X86_64).putInt(1);
        b.putLong(0).putLong(FILE_HEADER).putLong(0).putInt(0);
        b.putShort((short) FILE_HEADER).putShort((short) PROGRAM_HEADER).putShort((short) (1 + regions.size()));
        b.putShort((short) 0).putShort((short) 0).putShort((short) 0);
        segment(b, PT_NOTE, 0, notesAt, 0, notes, 4);
        long at = size;
        for (GuestMemory.Region each : regions) {
            segment(b, PT_LOAD, READ_WRITE_EXECUTE, at, each.guestAddress(), each.size(), PAGE);
            at += each.size();
        }
        for (int i = 0; i < processors.size(); i++) {
            b.putInt(5).putInt(STATUS).putInt(NT_PRSTATUS).put(name);
            int status = b.position();
            b.putInt(status + STATUS_PID, i + 1);
            for (int r = 0; r < processors.get(i).length; r++) {
                b.putLong(status + STATUS_REGISTERS + Long.BYTES * r, processors.get(i)[r]);
            }
            b.position(status + STATUS);
        }
        return b.array();
    }

    private static void segment(ByteBuffer b, int type, int flags, long at, long address, long size, int alignment) {
        b.putInt(type).putInt(flags).putLong(at).putLong(address).putLong(address);
        b.putLong(size).putLong(size).putLong(alignment);
    }
}
