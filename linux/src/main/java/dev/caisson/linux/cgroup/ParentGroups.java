package dev.caisson.linux.cgroup;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The groups above containers' own that were made here because they were missing. No container owns them: they are shared, and stay for
 * a moment after the last container below them has gone, since the next one often comes at once and a dozen directories are a tenth of
 * what a short container costs. Each is written down in a file before it is made, so that whoever uses the file next removes what a
 * killed process left.
 *
 * <p>One object per file. Thread-safe.
 */
public final class ParentGroups implements AutoCloseable {
    private static final int FILE_LIMIT = 4 << 20;
    private static final int MODE = 0600;

    private final Path file;
    private final long stayNanos;
    /** All that are in the file; read when first needed. */
    private @Nullable Set<String> owned;
    /** Those below which a group was removed, and since when (System.nanoTime). */
    private final Map<String, Long> maybeEmpty = new HashMap<>();

    private boolean sweeping;
    private boolean closed;

    /**
     * @param file where they are written down; need not exist
     * @param stay how long an empty one stays
     */
    public ParentGroups(Path file, Duration stay) {
        this.file = file;
        this.stayNanos = stay.toNanos();
    }

    /** Makes a parent: EEXIST if somebody else has made it, whose it stays. */
    synchronized Errno make(String directory) throws ErrnoException {
        boolean known = owned().contains(directory);
        if (!known && directory.indexOf('\n') < 0) { // of such a name the kernel makes none
            try (Fd fd = HostFiles.open(
                    file.toString(), HostFiles.O_WRONLY | HostFiles.O_CREAT | HostFiles.O_APPEND, MODE)) {
                HostFiles.writeAll(fd, (directory + "\n").getBytes(StandardCharsets.UTF_8));
            }
        }
        Errno errno = HostFiles.tryMkdir(directory, 0755);
        if (errno.ok()) {
            owned().add(directory);
            maybeEmpty.remove(directory);
        } else if (!known) {
            store();
        }
        return errno;
    }

    /** Called when a group is there: its parents are not empty for now. */
    synchronized void used(String directory) throws ErrnoException {
        for (String at = CgroupHierarchy.parentOf(directory); owned().contains(at); at = CgroupHierarchy.parentOf(at)) {
            maybeEmpty.remove(at);
        }
    }

    /** Called when groups have been removed. */
    synchronized void released(List<String> directories) throws ErrnoException {
        long now = System.nanoTime();
        for (String directory : directories) {
            for (String at = CgroupHierarchy.parentOf(directory);
                    owned().contains(at);
                    at = CgroupHierarchy.parentOf(at)) {
                maybeEmpty.put(at, now);
            }
        }
        if (closed) {
            removeEmpty(Long.MAX_VALUE);
        } else if (!maybeEmpty.isEmpty() && !sweeping) {
            sweeping = true;
            Thread.ofVirtual().name("parent-groups").start(this::sweep);
        }
    }

    /** Looks after what an earlier process has left; called when nothing else is urgent. */
    public synchronized void adopt() throws ErrnoException {
        for (String directory : owned()) {
            maybeEmpty.putIfAbsent(directory, System.nanoTime());
        }
        released(List.of());
    }

    private void sweep() {
        try {
            while (true) {
                Thread.sleep(Duration.ofNanos(stayNanos));
                synchronized (this) {
                    removeEmpty(stayNanos);
                    if (maybeEmpty.isEmpty()) {
                        sweeping = false;
                        return;
                    }
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ErrnoException e) {
            synchronized (this) {
                sweeping = false;
            }
            System.getLogger(ParentGroups.class.getName())
                    .log(System.Logger.Level.WARNING, "remove empty parents of cgroups: " + e.getMessage());
        }
    }

    /** @param age how long ago, at least, the last group below was removed; the largest value for any time */
    private void removeEmpty(long age) throws ErrnoException {
        long now = System.nanoTime();
        List<String> due = new ArrayList<>();
        maybeEmpty.forEach((directory, since) -> {
            if (age == Long.MAX_VALUE || now - since >= age) {
                due.add(directory);
            }
        });
        due.sort(Comparator.reverseOrder()); // children before their parents
        boolean removed = false;
        for (String directory : due) {
            maybeEmpty.remove(directory);
            Errno errno = HostFiles.tryRmdir(directory);
            // EBUSY: in use again, which ends with a removal.
            if (errno.ok() || errno == Errno.ENOENT) {
                removed |= owned().remove(directory);
            }
        }
        if (removed) {
            store();
        }
    }

    private Set<String> owned() throws ErrnoException {
        Set<String> all = owned;
        if (all == null) {
            all = new TreeSet<>();
            byte[] text = HostFiles.readIfPresent(file.toString(), FILE_LIMIT);
            if (text != null) {
                String lines = new String(text, StandardCharsets.UTF_8);
                // What has no end names nothing that was made: its writer was killed.
                for (String line : CgroupLayout.lines(lines.substring(0, lines.lastIndexOf('\n') + 1))) {
                    if (line.startsWith("/") && !line.contains("/../")) {
                        all.add(line);
                    }
                }
            }
            owned = all;
        }
        return all;
    }

    private void store() throws ErrnoException {
        Path fresh = file.resolveSibling(file.getFileName() + ".new");
        try {
            if (owned().isEmpty()) {
                Files.deleteIfExists(file);
                return;
            }
            Files.writeString(fresh, String.join("\n", owned()) + "\n");
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            // What is listed and is not there any more does no harm.
            System.getLogger(ParentGroups.class.getName())
                    .log(System.Logger.Level.WARNING, "write " + file + ": " + Errno.describe(e));
        }
    }

    /** Removes what is empty at once, now and from now on. */
    @Override
    public synchronized void close() {
        closed = true;
        try {
            removeEmpty(Long.MAX_VALUE);
        } catch (ErrnoException e) {
            System.getLogger(ParentGroups.class.getName())
                    .log(System.Logger.Level.WARNING, "remove empty parents of cgroups: " + e.getMessage());
        }
    }
}
