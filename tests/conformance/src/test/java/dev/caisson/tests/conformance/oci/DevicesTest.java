package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Programs {@code linux_devices}, {@code linux_masked_paths}, {@code linux_readonly_paths}. */
class DevicesTest extends OciSuite {
    private Inside inside(Box box) {
        return new Inside(box.run().ok().out());
    }

    @Test
    void nodesHaveTypeNumbersModeAndOwner() {
        Inside inside = inside(box(Inside.SCRIPT).set("/linux/devices", """
                [{"path": "/dev/test-c", "type": "c", "major": 10, "minor": 666, "fileMode": 432, "uid": 7, "gid": 9},
                 {"path": "/dev/test-u", "type": "u", "major": 11, "minor": 13, "fileMode": 384},
                 {"path": "/dev/test-b", "type": "b", "major": 8, "minor": 20, "fileMode": 416, "uid": 0, "gid": 0},
                 {"path": "/dev/test-p", "type": "p", "fileMode": 292},
                 {"path": "/dev/deep/er/node", "type": "c", "major": 1, "minor": 3}]"""));

        assertThat(inside.device("/dev/test-c")).isEqualTo("character special file|660|7|9|a|29a");
        assertThat(inside.device("/dev/test-u")).isEqualTo("character special file|600|0|0|b|d");
        assertThat(inside.device("/dev/test-b")).isEqualTo("block special file|640|0|0|8|14");
        assertThat(inside.device("/dev/test-p")).startsWith("fifo|444|0|0|");
        assertThat(inside.device("/dev/deep/er/node"))
                .startsWith("character special file|")
                .endsWith("|1|3");
    }

    /** A default device may be named, with the same numbers. */
    @Test
    void aDefaultDeviceMayBeNamed() {
        Inside inside = inside(box(Inside.SCRIPT)
                .set(
                        "/linux/devices",
                        "[{\"path\": \"/dev/null\", \"type\": \"c\", \"major\": 1, \"minor\": 3, \"fileMode\": 438, \"uid\": 0, \"gid\": 0}]")
                // runc 1.1.5 allows the use of those only that are not named.
                .add(
                        "/linux/resources/devices",
                        "{\"allow\": true, \"type\": \"c\", \"major\": 1, \"minor\": 3, \"access\": \"rwm\"}"));

        assertThat(inside.device("/dev/null")).isEqualTo("character special file|666|0|0|1|3");
    }

    @Test
    void anUnknownTypeIsRefused() {
        deviates(Kind.CRUN, "refusal of an unknown type of device", "1.8.1 makes some other node");
        assertThat(box("true")
                        .set("/linux/devices", "[{\"path\": \"/dev/x\", \"type\": \"z\", \"major\": 1, \"minor\": 3}]")
                        .tryCreate()
                        .exit())
                .isNotZero();
    }

    /** A file of the root file system at a device's path is not the device. */
    @Test
    void aFileInTheWayIsNotTakenForTheDevice() throws IOException {
        deviates(Kind.CRUN, "a file in a device's place", "1.8.1 leaves it there");
        deviates(Kind.RUNC, "a file in a device's place", "1.1.5 leaves it there");
        Box box = box("true")
                .set("/linux/devices", "[{\"path\": \"/etc/node\", \"type\": \"c\", \"major\": 1, \"minor\": 3}]");
        Files.writeString(box.file("/etc/node"), "text");

        assertThat(box.tryCreate().exit()).isNotZero();
    }

    private Box withFiles(String script) throws IOException {
        Box box = box(script);
        for (String path : new String[] {"/p/file", "/p/dir/file", "/p/dir/sub/file"}) {
            Files.createDirectories(box.file(path).getParent());
            Files.writeString(box.file(path), "secret\n");
        }
        return box;
    }

    @Test
    void maskedFilesAndDirectoriesAreEmpty() throws IOException {
        Box box = withFiles("cat /p/file; ls -A /p/dir; echo new 2>/dev/null > /p/dir/new; echo end")
                .set("/linux/maskedPaths", "[\"/p/file\", \"/p/dir\"]");

        assertThat(box.run().ok().out()).isEqualTo("end\n");
        assertThat(box.file("/p/dir/new")).doesNotExist();
    }

    @Test
    void maskedPathsMayBeDeep() throws IOException {
        Box box = withFiles("cat /p/dir/file; cat /p/dir/sub/file; ls -A /p/dir")
                .set("/linux/maskedPaths", "[\"/p/dir/sub/file\"]");

        assertThat(box.run().ok().out()).isEqualTo("secret\nfile\nsub\n");
    }

    @Test
    void readonlyFilesAndDirectoriesAreNotWritten() throws IOException {
        Box box = withFiles("""
                for f in /p/file /p/dir/new /p/dir/sub/file; do echo x 2>/dev/null > $f && echo $f; done 2>/dev/null
                cat /p/file; echo x > /p/other && echo other
                """).set("/linux/readonlyPaths", "[\"/p/file\", \"/p/dir\"]");

        assertThat(box.run().ok().out()).isEqualTo("secret\nother\n");
    }

    @Test
    void readonlyPathsMayBeDeep() throws IOException {
        Box box = withFiles(
                        "echo x 2>/dev/null > /p/dir/sub/file; echo y > /p/dir/file; cat /p/dir/sub/file /p/dir/file")
                .set("/linux/readonlyPaths", "[\"/p/dir/sub\"]");

        assertThat(box.run().out()).isEqualTo("secret\ny\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"maskedPaths", "readonlyPaths"})
    void anAbsentPathIsSkipped(String list) {
        Box box = box("echo fine").set("/linux/" + list, "[\"/no/such/path\"]");

        assertThat(box.run().ok().out()).isEqualTo("fine\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"maskedPaths", "readonlyPaths"})
    void aRelativePathIsRefused(String list) throws IOException {
        deviates(Kind.CRUN, "refusal of a relative path in " + list, "1.8.1 takes it below the root");
        deviates(Kind.RUNC, "refusal of a relative path in " + list, "1.1.5 takes it below the root");
        Box box = withFiles("true").set("/linux/" + list, "[\"p/file\"]");

        assertThat(box.tryCreate().exit()).isNotZero();
    }

    /** What masks must not be a node that the image brought. */
    @Test
    void aMaskIsTheHostsNullDevice() throws IOException {
        Box box = withFiles("cat /p/file; stat -c %t,%T /p/file").set("/linux/maskedPaths", "[\"/p/file\"]");
        // Without a /dev of its own the container would have this one.
        Files.writeString(box.file("/dev/null"), "fake\n");

        assertThat(box.run().ok().out()).isEqualTo("1,3\n");
    }
}
