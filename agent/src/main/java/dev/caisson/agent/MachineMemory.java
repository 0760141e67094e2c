package dev.caisson.agent;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/** The machine's memory as the kernel shows it: an ELF core (proc_kcore(5)) whose segments say where which of it is. Not thread-safe. */
final class MachineMemory implements AutoCloseable {
    static final Path FILE = Path.of("/proc/kcore");

    private static final int PAGE = 4096;
    private static final int PART = 16 * PAGE;
    private static final int HEADER = 64;
    private static final int E_PHOFF = 32;
    private static final int E_PHENTSIZE = 54;
    private static final int E_PHNUM = 56;
    private static final int PHDR = 56;
    private static final int P_OFFSET = 8;
    private static final int P_PADDR = 24;
    private static final int P_MEMSZ = 40;
    private static final int PT_LOAD = 1;

    private record Segment(long physical, long size, long offset) {}

    private final FileChannel file;
    private final List<Segment> segments = new ArrayList<>();
    private final ByteBuffer part = ByteBuffer.allocateDirect(PART);

    private MachineMemory(FileChannel file) {
        this.file = file;
    }

    static MachineMemory open(Path core) throws IOException {
        MachineMemory opened = new MachineMemory(FileChannel.open(core, StandardOpenOption.READ));
        try {
            opened.readSegments();
            return opened;
        } catch (IOException e) {
            opened.close();
            throw e;
        }
    }

    private void readSegments() throws IOException {
        ByteBuffer header = read(0, HEADER);
        long at = header.getLong(E_PHOFF);
        int size = Short.toUnsignedInt(header.getShort(E_PHENTSIZE));
        int count = Short.toUnsignedInt(header.getShort(E_PHNUM));
        if (size != PHDR) {
            throw new IOException("headers of " + size + " bytes");
        }
        ByteBuffer headers = read(at, count * PHDR);
        for (int i = 0; i < count; i++) {
            int one = i * PHDR;
            // What lies nowhere in the memory, such as vmalloc's, has -1.
            if (headers.getInt(one) == PT_LOAD && headers.getLong(one + P_PADDR) >= 0) {
                segments.add(new Segment(
                        headers.getLong(one + P_PADDR),
                        headers.getLong(one + P_MEMSZ),
                        headers.getLong(one + P_OFFSET)));
            }
        }
    }

    private ByteBuffer read(long at, int length) throws IOException {
        ByteBuffer read = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        while (read.hasRemaining()) {
            if (file.read(read, at + read.position()) <= 0) {
                throw new IOException("it ends in its headers");
            }
        }
        return read;
    }

    /**
     * Reads pages; what is no memory is left out.
     *
     * @return how many it has read
     */
    long touch(long firstFrame, long frames) throws IOException {
        long touched = 0;
        for (long frame = firstFrame; frame < firstFrame + frames; ) {
            long address = frame * PAGE;
            Segment in = segment(address);
            if (in == null) {
                frame++;
                continue;
            }
            long left = Math.min((firstFrame + frames) * PAGE, in.physical() + in.size()) - address;
            part.clear().limit((int) Math.min(PART, left));
            int got = file.read(part, in.offset() + address - in.physical());
            long pages = Math.max(1, got / PAGE);
            touched += got > 0 ? pages : 0;
            frame += pages;
        }
        return touched;
    }

    private @org.jspecify.annotations.Nullable Segment segment(long address) {
        for (Segment each : segments) {
            if (address >= each.physical() && address - each.physical() <= each.size() - PAGE) {
                return each;
            }
        }
        return null;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
