package dev.caisson.tests.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Debian's crun made usable as a peer: 1.8.1 refuses a host with both cgroup versions and an ociVersion above 1.0, so a
 * static wrapper hides the one, lowers the other and executes crun. It costs a fraction of a millisecond.
 */
public final class CrunPeer {
    private static final String WRAPPER_C = """
            #define _GNU_SOURCE
            #include <fcntl.h>
            #include <sched.h>
            #include <stdio.h>
            #include <string.h>
            #include <sys/mount.h>
            #include <unistd.h>

            static void lower_version(const char *bundle)
            {
                char path[4096], text[262144];
                snprintf(path, sizeof path, "%s/config.json", bundle);
                int fd = open(path, O_RDWR | O_CLOEXEC);
                if (fd < 0)
                    return;
                ssize_t n = read(fd, text, sizeof text - 1);
                if (n > 0) {
                    text[n] = 0;
                    char *key = strstr(text, "\\"ociVersion\\":\\"1.");
                    if (key && key[16] != '0' && pwrite(fd, "1.0.2", 5, key - text + 14) != 5)
                        _exit(125);
                }
                close(fd);
            }

            int main(int argc, char **argv)
            {
                for (int i = 1; i + 1 < argc; i++)
                    if (!strcmp(argv[i], "--bundle"))
                        lower_version(argv[i + 1]);
                if (access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) == 0) {
                    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL)
                        || umount2("/sys/fs/cgroup/unified", MNT_DETACH)) {
                        perror("crun wrapper");
                        return 125;
                    }
                }
                execv("%CRUN%", argv);
                perror("%CRUN%");
                return 127;
            }
            """;

    private CrunPeer() {}

    /** The wrapper, compiled once into {@link Cache}; empty when this machine has no crun. */
    public static Optional<Path> wrapper() {
        Optional<Path> crun = Command.find("crun");
        if (crun.isEmpty()) {
            Skip.note("comparison with crun", "the package crun");
            return Optional.empty();
        }
        Path dir = Cache.dir("peers");
        Path source = dir.resolve("crun-wrapper.c");
        Path binary = dir.resolve("crun-wrapper");
        String text = WRAPPER_C.replace("%CRUN%", crun.get().toString());
        try {
            if (!Files.exists(source) || !Files.readString(source).equals(text) || !Files.exists(binary)) {
                Files.writeString(source, text);
                Command.of("gcc", "-O2", "-static", "-Wall", "-o", binary.toString(), source.toString())
                        .run()
                        .ok();
            }
        } catch (IOException e) {
            throw new UncheckedIOException("write " + source, e);
        }
        return Optional.of(binary);
    }
}
