package dev.caisson.backend.state;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Records (maps of strings) as JSON files below one directory. Each name is written by one thread at a time, and read by nobody
 * meanwhile: what is left by a daemon is read by the next one, which waits for its end.
 *
 * <p>A record of up to a page is filled up to a page and written in place by one write(2). A process that is killed has then either
 * written all of it or nothing, since the kernel looks for a fatal signal between pages only (generic_perform_write). A temporary file
 * and a rename would cost several times as much: ext4 begins to write the data out at each rename over another file. Nothing is
 * synced, because no record outlives a boot.
 */
public final class RecordStore {
    /** Of every record; a reader refuses a newer one. */
    public static final String VERSION = "1";

    private static final JsonFactory JSON = new JsonFactory();
    private static final String SUFFIX = ".json";
    /** A configuration with its annotations, which is the most that is in one, has at most 2 MiB. */
    private static final int LIMIT = 16 << 20;

    private static final int PAGE = 4096;

    private final Path root;

    public RecordStore(Path root) {
        this.root = root;
    }

    public Path root() {
        return root;
    }

    /** Replaces a record as a whole. {@code name} is a relative path without suffix; its directory is made. */
    public void write(String name, Map<String, String> record) throws IOException {
        try {
            byte[] json = json(record);
            if (json.length <= PAGE) {
                writeInPlace(name, json);
            } else {
                replace(name, json);
            }
        } catch (IOException e) {
            Files.deleteIfExists(root.resolve(name + ".new"));
            throw new IOException("write record " + root.resolve(name) + ": " + Errno.describe(e), e);
        }
    }

    private static byte[] json(Map<String, String> record) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(PAGE);
        try (JsonGenerator out = JSON.createGenerator(bytes)) {
            out.useDefaultPrettyPrinter();
            out.writeStartObject();
            out.writeStringField("version", VERSION);
            for (Map.Entry<String, String> e : record.entrySet()) {
                out.writeStringField(e.getKey(), e.getValue());
            }
            out.writeEndObject();
        }
        return bytes.toByteArray();
    }

    private void writeInPlace(String name, byte[] json) throws IOException {
        byte[] page = Arrays.copyOf(json, PAGE);
        Arrays.fill(page, json.length, PAGE - 1, (byte) ' ');
        if (json.length < PAGE) {
            page[PAGE - 1] = '\n';
        }
        Path path = root.resolve(name + SUFFIX);
        try (RandomAccessFile file = open(path)) {
            boolean isNew = file.length() == 0;
            try {
                file.write(page);
                if (file.length() > PAGE) {
                    file.setLength(PAGE);
                }
            } catch (IOException e) {
                if (isNew) {
                    Files.deleteIfExists(path);
                }
                throw e;
            }
        }
    }

    private static RandomAccessFile open(Path path) throws IOException {
        try {
            return new RandomAccessFile(path.toString(), "rw");
        } catch (FileNotFoundException e) {
            Path directory = path.getParent();
            if (directory == null || Files.exists(directory)) {
                throw e;
            }
            Files.createDirectories(directory);
            return new RandomAccessFile(path.toString(), "rw");
        }
    }

    private void replace(String name, byte[] json) throws IOException {
        Path file = root.resolve(name + SUFFIX);
        Path fresh = root.resolve(name + ".new");
        try {
            Files.write(fresh, json);
        } catch (NoSuchFileException e) {
            Files.createDirectories(fresh.getParent());
            Files.write(fresh, json);
        }
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
    }

    /** Makes a directory that is probably new, at the price of one system call instead of a failed write. */
    public void makeDirectory(String directory) throws IOException {
        try {
            Files.createDirectory(root.resolve(directory));
        } catch (FileAlreadyExistsException | NoSuchFileException e) {
            Files.createDirectories(root.resolve(directory));
        }
    }

    /** The record, or null when there is none. */
    public @Nullable Map<String, String> read(String name) throws IOException {
        Path file = root.resolve(name + SUFFIX);
        byte[] json = HostFiles.readIfPresent(file.toString(), LIMIT);
        if (json == null || json.length == 0) {
            return null; // whoever made the file was killed before it could write
        }
        Map<String, String> record = new LinkedHashMap<>();
        try (JsonParser in = JSON.createParser(json)) {
            in.nextToken();
            while (in.nextToken() == JsonToken.FIELD_NAME) {
                String key = in.currentName();
                in.nextToken();
                record.put(key, in.getText());
            }
        }
        if (!VERSION.equals(record.remove("version"))) {
            throw new IOException("record " + file + " was written by a newer version");
        }
        return record;
    }

    /** Removes a record; one that is not there is no error. */
    public void delete(String name) throws IOException {
        Files.deleteIfExists(root.resolve(name + SUFFIX));
    }

    /** Names of the records directly in a directory. */
    public List<String> list(String directory) throws IOException {
        List<String> names = new ArrayList<>();
        Path dir = root.resolve(directory);
        if (!Files.isDirectory(dir)) {
            return names;
        }
        try (DirectoryStream<Path> files = Files.newDirectoryStream(dir)) {
            for (Path f : files) {
                String name = f.getFileName().toString();
                if (name.endsWith(SUFFIX)) {
                    names.add(name.substring(0, name.length() - SUFFIX.length()));
                }
            }
        }
        return names;
    }

    /** Removes a directory with all that is in it. */
    public void deleteTree(String directory) throws IOException {
        removeTree(root.resolve(directory).toString());
    }

    /** By the kernel's calls: a container's directory is removed while a command waits, and Files asks what each name is, twice. */
    private static void removeTree(String directory) throws IOException {
        List<HostFiles.Entry> entries = HostFiles.listIfPresent(directory);
        if (entries == null) {
            return; // somebody else removes it too
        }
        for (HostFiles.Entry entry : entries) {
            String path = directory + "/" + entry.name();
            Errno errno = entry.directory() ? Errno.EISDIR : HostFiles.tryUnlink(path);
            if (errno == Errno.EISDIR) { // not every file system's directory says what its names are
                removeTree(path);
            } else {
                require(errno, "unlink", path);
            }
        }
        require(HostFiles.tryRmdir(directory), "rmdir", directory);
    }

    private static void require(Errno errno, String call, String path) throws ErrnoException {
        if (errno != Errno.SUCCESS && errno != Errno.ENOENT) {
            throw new ErrnoException(errno, call, path);
        }
    }
}
