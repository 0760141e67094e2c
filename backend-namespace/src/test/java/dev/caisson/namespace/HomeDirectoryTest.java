package dev.caisson.namespace;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.namespace.plan.KnownHome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class HomeDirectoryTest {
    private static final String PASSWD =
            "root:x:0:0:root:/root:/bin/sh\nodd:x:7:7::/a\u0001b:/bin/sh\nu:x:8:8::/home/u:/bin/sh\n";

    @TempDir
    @SuppressWarnings("NullAway.Init") // injected by JUnit
    Path dir;

    private Path passwd() throws IOException {
        return Files.writeString(dir.resolve("passwd"), PASSWD);
    }

    private static Instant later() {
        return Instant.now().plus(Duration.ofSeconds(10));
    }

    @Test
    void theSixthFieldOfTheUsersLine() throws IOException {
        Path file = passwd();
        assertThat(HomeDirectory.read(file, 8, later()).path()).isEqualTo("/home/u");
        assertThat(HomeDirectory.read(file, 0, later()).path()).isEqualTo("/root");
        assertThat(HomeDirectory.read(file, 7, later()).path())
                .as("a control character")
                .isEqualTo("/");
        assertThat(HomeDirectory.read(file, 9, later()).path())
                .as("a user that is not there")
                .isEqualTo("/");
        assertThat(HomeDirectory.read(dir, 0, later())).as("no file").isEqualTo(new HomeDirectory("/root", null));
    }

    @Test
    void itIsKnownByTheFilesIdentity() throws Exception {
        Path file = passwd();
        KnownHome known = requireNonNull(HomeDirectory.read(file, 8, later()).known());
        assertThat(known.directory()).isEqualTo("/home/u");
        assertThat(known.inode()).isEqualTo(Files.getAttribute(file, "unix:ino"));
        assertThat(HomeDirectory.read(file, 8, later()).known()).as("unchanged").isEqualTo(known);

        // The same size, the same times as far as a user can set them: as an editor of images does it.
        Thread.sleep(30); // the next tick
        var times = Files.getLastModifiedTime(file);
        Files.writeString(file, PASSWD.replace("/home/u", "/home/v"));
        Files.setLastModifiedTime(file, times);

        KnownHome changed = requireNonNull(HomeDirectory.read(file, 8, later()).known());
        assertThat(changed).isNotEqualTo(known);
        assertThat(changed.inode()).isEqualTo(known.inode());
    }

    /** The next change may come within the same tick of the kernel's clock. */
    @Test
    void whatHasJustChangedIsNotRelied() throws IOException {
        Path file = passwd();
        assertThat(HomeDirectory.read(file, 8, Instant.now()).known()).isNull();
    }
}
