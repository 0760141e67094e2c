package dev.caisson.namespace;

import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.PidFds;
import dev.caisson.namespace.plan.KnownHome;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A user's home directory from the container's own /etc/passwd (passwd(5)). The file was opened inside by the launch plan; its
 * bytes are the image's, so they are bounded and parsed as data.
 *
 * @param known for those who find the same file again; null when there is none, or when it may yet change without showing it
 */
record HomeDirectory(String path, @Nullable KnownHome known) {
    private static final int MAX_BYTES = 1 << 20;
    private static final int MAX_PATH = 2048;

    /**
     * Two changes within one tick of the kernel's clock (at most 10 ms) give a file the same time: one that is this old had its last change
     * before it was looked at.
     */
    private static final Duration SETTLED = Duration.ofSeconds(1);

    /** Reads descriptor {@code number} of process {@code pid}; a file that is missing, strange or without the user gives a default. */
    static HomeDirectory of(int pid, int number, long uid) {
        HomeDirectory none = new HomeDirectory(KnownHome.fallback(uid), null);
        if (number < 0) {
            return none;
        }
        try (Fd pidfd = PidFds.open(pid)) {
            if (pidfd == null) {
                return none;
            }
            try (Fd fd = PidFds.getFd(pidfd, number)) {
                return read(Path.of(fd.procPath()), uid, Instant.now());
            }
        } catch (IOException e) {
            return none;
        }
    }

    /** What can be known before a plan opens the file inside; null where there is none, or something strange. */
    static @Nullable KnownHome ahead(Path rootfs, long uid) {
        try (Fd root = HostFiles.open(rootfs.toString(), HostFiles.O_PATH | HostFiles.O_DIRECTORY, 0);
                Fd file = HostFiles.openInRoot(
                        root, "/etc/passwd", HostFiles.O_RDONLY | HostFiles.O_NONBLOCK | HostFiles.O_NOCTTY, 0)) {
            return read(Path.of(file.procPath()), uid, Instant.now()).known();
        } catch (IOException e) {
            return null;
        }
    }

    /** @param now the time before the file is looked at */
    static HomeDirectory read(Path file, long uid, Instant now) throws IOException {
        String fallback = KnownHome.fallback(uid);
        if (!Files.isRegularFile(file)) {
            return new HomeDirectory(fallback, null);
        }
        // In this order: what changes the file behind the first line is another file to whoever looks next.
        Map<String, Object> identity = Files.readAttributes(file, "unix:dev,ino,ctime");
        String home;
        try (InputStream in = Files.newInputStream(file)) {
            home = find(new String(in.readNBytes(MAX_BYTES), StandardCharsets.ISO_8859_1), uid, fallback);
        }
        return new HomeDirectory(home, known(home, identity, now));
    }

    private static @Nullable KnownHome known(String home, Map<String, Object> identity, Instant now) {
        if (!(identity.get("dev") instanceof Long device)
                || !(identity.get("ino") instanceof Long inode)
                || !(identity.get("ctime") instanceof FileTime changed)) {
            return null;
        }
        Instant time = changed.toInstant();
        return time.isBefore(now.minus(SETTLED))
                ? new KnownHome(home, device, inode, time.getEpochSecond(), time.getNano())
                : null;
    }

    /** The sixth field of the first line whose third is the uid. */
    static String find(String passwd, long uid, String fallback) {
        String wanted = Long.toString(uid);
        for (String line : passwd.split("\n", -1)) {
            String[] fields = line.split(":", -1);
            if (fields.length >= 7 && fields[2].equals(wanted)) {
                return isPlain(fields[5]) ? fields[5] : fallback;
            }
        }
        return fallback;
    }

    private static boolean isPlain(String home) {
        if (!home.startsWith("/") || home.length() > MAX_PATH) {
            return false;
        }
        for (int i = 0; i < home.length(); i++) {
            if (home.charAt(i) < 0x20 || home.charAt(i) == 0x7f) {
                return false;
            }
        }
        return true;
    }
}
