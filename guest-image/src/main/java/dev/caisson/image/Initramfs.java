package dev.caisson.image;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Map;
import java.util.TreeMap;
import org.apache.commons.compress.archivers.cpio.CpioArchiveEntry;
import org.apache.commons.compress.archivers.cpio.CpioArchiveOutputStream;
import org.apache.commons.compress.archivers.cpio.CpioConstants;

/** A cpio archive as the kernel unpacks it (Linux Documentation/driver-api/early-userspace/buffer-format.rst); all times are 0, all owners root. */
final class Initramfs {
    private static final int DIRECTORY = 0040755;
    private static final int PROGRAM = 0100755;
    private static final int DATA = 0100644;

    private record Entry(int mode, byte[] content) {}

    private final Map<String, Entry> entries = new TreeMap<>();

    /** Adds an empty directory, and those above it. */
    void directory(String path) {
        int slash = path.lastIndexOf('/');
        if (slash > 0) {
            directory(path.substring(0, slash));
        }
        entries.putIfAbsent(path, new Entry(DIRECTORY, new byte[0]));
    }

    void program(String path, byte[] content) {
        add(path, PROGRAM, content);
    }

    void file(String path, byte[] content) {
        add(path, DATA, content);
    }

    private void add(String path, int mode, byte[] content) {
        int slash = path.lastIndexOf('/');
        if (slash > 0) {
            directory(path.substring(0, slash));
        }
        entries.put(path, new Entry(mode, content));
    }

    byte[] bytes() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (CpioArchiveOutputStream cpio = new CpioArchiveOutputStream(bytes, CpioConstants.FORMAT_NEW)) {
            int inode = 1;
            for (Map.Entry<String, Entry> each : entries.entrySet()) {
                CpioArchiveEntry entry = new CpioArchiveEntry(CpioConstants.FORMAT_NEW, each.getKey());
                entry.setMode(each.getValue().mode());
                entry.setInode(inode++);
                entry.setNumberOfLinks(each.getValue().mode() == DIRECTORY ? 2 : 1);
                entry.setSize(each.getValue().content().length);
                entry.setTime(0);
                cpio.putArchiveEntry(entry);
                cpio.write(each.getValue().content());
                cpio.closeArchiveEntry();
            }
        }
        return bytes.toByteArray();
    }
}
