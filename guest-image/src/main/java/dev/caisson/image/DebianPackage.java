package dev.caisson.image;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.apache.commons.compress.archivers.ArchiveEntry;
import org.apache.commons.compress.archivers.ar.ArArchiveEntry;
import org.apache.commons.compress.archivers.ar.ArArchiveInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.tukaani.xz.XZInputStream;

/** A Debian package (deb(5)) as a source of files. */
final class DebianPackage {
    private static final long FILE_LIMIT = 128 << 20;
    private static final int XZ_MEMORY_KIB = 200 << 10;

    private DebianPackage() {}

    /**
     * Reads the files whose path (without {@code ./}) is wanted.
     *
     * @throws ImageException it is no package, or one whose data is compressed in another way than by XZ
     */
    static Map<String, byte[]> read(Path file, Predicate<String> wanted) throws IOException {
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file));
                ArArchiveInputStream parts = new ArArchiveInputStream(in)) {
            for (ArArchiveEntry part = parts.getNextEntry(); part != null; part = parts.getNextEntry()) {
                if (part.getName().equals("data.tar.xz")) {
                    return files(new TarArchiveInputStream(new XZInputStream(parts, XZ_MEMORY_KIB)), wanted);
                }
            }
        } catch (ImageException e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            // The decoders' own complaints about damage, some of which are unchecked.
            throw new ImageException("read package " + file + ": " + e.getMessage());
        }
        throw new ImageException("read package " + file + ": there is no data.tar.xz in it");
    }

    private static Map<String, byte[]> files(TarArchiveInputStream tar, Predicate<String> wanted) throws IOException {
        Map<String, byte[]> found = new TreeMap<>();
        for (ArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
            String path = entry.getName().replaceFirst("^\\./", "");
            if (entry instanceof TarArchiveEntry file && file.isFile() && wanted.test(path)) {
                if (entry.getSize() > FILE_LIMIT) {
                    throw new ImageException("package with a file of " + entry.getSize() + " bytes: " + path);
                }
                found.put(path, tar.readAllBytes());
            }
        }
        return found;
    }
}
