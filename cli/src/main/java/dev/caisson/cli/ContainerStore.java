package dev.caisson.cli;

import dev.caisson.backend.state.RecordStore;
import dev.caisson.cli.ContainerRecord.ProcessId;
import dev.caisson.linux.Errno;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The containers of one root: a directory each. Making that directory is what claims an id. */
final class ContainerStore {
    private static final String RECORD = "container";
    private static final String CREATOR = "creator";
    /** No id begins so. */
    private static final String FRESH = "~";

    private static final int NAME_MAX = 255;
    private static final FileAttribute<Set<PosixFilePermission>> PRIVATE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx--x--x"));

    private final Path root;
    private final RecordStore records;

    ContainerStore(Path root) {
        this.root = root;
        this.records = new RecordStore(root);
    }

    /** An id that may be the name of a directory. */
    static String requireId(String id) throws Failure {
        boolean good = !id.isEmpty() && id.length() <= NAME_MAX && !id.equals(".") && !id.equals("..");
        for (int i = 0; good && i < id.length(); i++) {
            char c = id.charAt(i);
            good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || "_+-.".indexOf(c) >= 0;
        }
        if (!good) {
            throw new Failure("invalid container ID format: " + id);
        }
        return id;
    }

    Path directory(String id) {
        return root.resolve(id);
    }

    /**
     * Claims an id for a command, which is named in the directory from its first moment on: whoever finds it half made can tell whether
     * somebody is at it.
     *
     * @return false when the id is taken
     */
    boolean claim(String id, ProcessId creator) throws IOException {
        Path fresh = root.resolve(FRESH + creator.pid());
        try {
            Files.createDirectory(fresh, PRIVATE);
        } catch (FileAlreadyExistsException e) {
            records.deleteTree(FRESH + creator.pid()); // of an earlier process with that pid
            Files.createDirectory(fresh, PRIVATE);
        } catch (NoSuchFileException e) {
            Files.createDirectories(root, PRIVATE);
            Files.createDirectory(fresh, PRIVATE);
        }
        Files.writeString(fresh.resolve(CREATOR), creator.text());
        try {
            Files.move(
                    fresh,
                    directory(id),
                    StandardCopyOption.ATOMIC_MOVE); // takes no directory that has something in it
            return true;
        } catch (FileSystemException e) {
            records.deleteTree(FRESH + creator.pid());
            if (exists(id)) {
                return false;
            }
            throw e;
        }
    }

    /** Who claimed an id; {@link ProcessId#NONE} if that cannot be told. */
    ProcessId creator(String id) {
        try {
            return ProcessId.parse(Files.readString(directory(id).resolve(CREATOR)));
        } catch (IOException e) {
            return ProcessId.NONE;
        }
    }

    boolean exists(String id) {
        return Files.isDirectory(directory(id));
    }

    void write(String id, ContainerRecord record) throws IOException {
        records.write(id + "/" + RECORD, record.toMap());
    }

    /** Null when there is no such container, or its creation has not come far enough to tell anything. */
    @Nullable
    ContainerRecord read(String id) throws IOException {
        Map<String, String> record = records.read(id + "/" + RECORD);
        return record == null ? null : ContainerRecord.of(record);
    }

    ContainerRecord require(String id) throws Failure {
        requireId(id);
        try {
            ContainerRecord record = read(id);
            if (record != null) {
                return record;
            }
        } catch (IOException e) {
            throw new Failure("read state of container " + id + ": " + Errno.describe(e), e);
        }
        throw new Failure("container does not exist: " + id);
    }

    /** What a container that nothing was added to has in its directory; the record last. */
    List<Path> files(String id) {
        Path directory = directory(id);
        return List.of(
                directory.resolve(Containers.CONFIG), directory.resolve(CREATOR), directory.resolve(RECORD + ".json"));
    }

    void remove(String id) throws IOException {
        records.deleteTree(id);
    }

    List<String> ids() throws IOException {
        List<String> ids = new ArrayList<>();
        try (DirectoryStream<Path> directories = Files.newDirectoryStream(root)) {
            for (Path d : directories) {
                if (Files.exists(d.resolve(RECORD + ".json"))) {
                    ids.add(d.getFileName().toString());
                }
            }
        } catch (NoSuchFileException | NotDirectoryException e) {
            return ids;
        }
        Collections.sort(ids);
        return ids;
    }
}
