package dev.caisson.namespace;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PidFds;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A user's home directory from the container's own /etc/passwd (passwd(5)). The file was opened inside by the launch plan; its
 * bytes are the image's, so they are bounded and parsed as data.
 */
final class HomeDirectory {
    private static final int MAX_BYTES = 1 << 20;
    private static final int MAX_PATH = 2048;

    private HomeDirectory() {}

    /** Reads descriptor {@code number} of process {@code pid}; a file that is missing, strange or without the user gives a default. */
    static String of(int pid, int number, long uid) {
        String fallback = uid == 0 ? "/root" : "/";
        if (number < 0) {
            return fallback;
        }
        try (Fd pidfd = PidFds.open(pid)) {
            if (pidfd == null) {
                return fallback;
            }
            try (Fd fd = PidFds.getFd(pidfd, number)) {
                Path file = Path.of(fd.procPath());
                if (!Files.isRegularFile(file)) {
                    return fallback;
                }
                try (InputStream in = Files.newInputStream(file)) {
                    return find(new String(in.readNBytes(MAX_BYTES), StandardCharsets.ISO_8859_1), uid, fallback);
                }
            }
        } catch (ErrnoException e) {
            return fallback;
        } catch (IOException e) {
            return fallback;
        }
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
