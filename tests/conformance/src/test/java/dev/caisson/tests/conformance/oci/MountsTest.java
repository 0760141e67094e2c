package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Programs {@code mounts} and {@code linux_rootfs_propagation}. */
class MountsTest extends OciSuite {
    private static String mount(String type, String source, String destination, String options) {
        String quoted = options.isEmpty() ? "" : "\"" + options.replace(",", "\", \"") + "\"";
        return "{\"type\": \"" + type + "\", \"source\": \"" + source + "\", \"destination\": \"" + destination
                + "\", \"options\": [" + quoted + "]}";
    }

    private static Box tmpfs(Box box, String destination, String options) {
        return box.add("/mounts", mount("tmpfs", "tmpfs", destination, options));
    }

    private static Box bind(Box box, Path source, String destination, String options) {
        return box.add("/mounts", mount("bind", source.toString(), destination, options));
    }

    private Inside inside(Box box) {
        return new Inside(box.run().ok().out());
    }

    /** Every option that this kernel shows in mountinfo, one mount each, then together. */
    @Test
    void optionsOfANewFileSystem() {
        Box box = box(Inside.SCRIPT);
        List<String> alone = List.of("ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime");
        for (String option : alone) {
            tmpfs(box, "/m/" + option, option);
        }
        tmpfs(box, "/m/plain", "rw,suid,dev,exec,norelatime,strictatime");
        tmpfs(box, "/m/all", "ro,nosuid,nodev,noexec,noatime,nodiratime");
        tmpfs(box, "/m/data", "size=64k,mode=1700,uid=7,gid=9");
        tmpfs(box, "/m/sync", "sync,dirsync");
        tmpfs(box, "/m/none", "");
        Inside inside = inside(box);

        for (String option : alone) {
            assertThat(inside.mount("/m/" + option).options()).as(option).contains(option);
        }
        assertThat(inside.mount("/m/plain").options()).containsExactly("rw");
        assertThat(inside.mount("/m/all").options())
                .contains("ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime");
        assertThat(inside.mount("/m/data").superOptions()).contains("size=64k", "mode=1700", "uid=7", "gid=9");
        assertThat(inside.mount("/m/sync").superOptions()).contains("sync", "dirsync");
        assertThat(inside.mount("/m/none").type()).isEqualTo("tmpfs");
    }

    @Test
    void theLastOfContraryOptionsCounts() {
        deviates(Kind.CRUN, "contrary options of a mount", "1.8.1 adds up all flags");
        Box box = box(Inside.SCRIPT);
        tmpfs(box, "/m", "ro,rw,nosuid,suid,nodev,dev,noexec,exec");

        assertThat(inside(box).mount("/m").options()).contains("rw").doesNotContain("ro", "nosuid", "nodev", "noexec");
    }

    @Test
    void defaultsMeansNothing() {
        deviates(Kind.RUNC, "the option defaults of a new file system", "1.1.5 gives it to the kernel");
        Box box = box(Inside.SCRIPT);
        tmpfs(box, "/m", "defaults");

        assertThat(inside(box).mount("/m").options()).contains("rw").doesNotContain("nosuid", "nodev", "noexec");
    }

    @Test
    void optionsOfABind() throws IOException {
        Path source = Files.createDirectories(dir.resolve("source"));
        Files.writeString(source.resolve("file"), "text\n");
        Box box = box(Inside.SCRIPT + """
                for d in ro rw all; do echo x > /b/$d/new-$d && echo $d written; done 2>/dev/null
                cat /b/one
                """);
        bind(box, source, "/b/ro", "bind,ro");
        bind(box, source, "/b/rw", "bind,rw");
        bind(box, source, "/b/all", "rbind,ro,nosuid,nodev,noexec,noatime");
        bind(box, source.resolve("file"), "/b/one", "bind,ro");
        Inside inside = inside(box);

        assertThat(inside.rest()).containsExactly("rw written", "text");
        assertThat(inside.mount("/b/all").options()).contains("ro", "nosuid", "nodev", "noexec", "noatime");
        assertThat(inside.mount("/b/one").has("ro")).isTrue();
        assertThat(source.resolve("new-rw")).hasContent("x");
        assertThat(source.resolve("new-ro")).doesNotExist();
    }

    /** {@code bind} takes one mount, {@code rbind} the tree; {@code ro} is for the uppermost, {@code rro} for all. */
    @Test
    void bindsOfATree() throws IOException {
        Path source = Files.createDirectories(dir.resolve("source"));
        Files.createDirectories(source.resolve("sub"));
        Box box = box(Inside.SCRIPT + """
                for d in one tree ro rro; do
                    [ -e /b/$d/sub/marker ] && echo $d marker
                    echo x 2>/dev/null > /b/$d/sub/new && echo $d written
                done 2>/dev/null; :
                """);
        bind(box, source, "/b/one", "bind,ro");
        bind(box, source, "/b/tree", "rbind");
        bind(box, source, "/b/ro", "rbind,ro");
        if (!runtime.is(Kind.CRUN)) {
            bind(box, source, "/b/rro", "rbind,rro");
        }
        // A mount of the caller's: what the runtime binds is what its caller sees.
        box.under(
                "unshare",
                "-m",
                "sh",
                "-ec",
                "mount -t tmpfs sub \"$0\"; touch \"$0/marker\"; exec \"$@\"",
                source + "/sub");
        List<String> rest = inside(box).rest();

        assertThat(rest).startsWith("tree marker", "tree written", "ro marker", "ro written");
        if (!runtime.is(Kind.CRUN)) { // 1.8.1 has the same under another name
            assertThat(rest).endsWith("rro marker").hasSize(5);
        }
    }

    @Test
    void propagationOfAMount() throws IOException {
        deviates(Kind.CRUN, "propagation of a mount", "1.8.1 makes all of them private when it enters the root");
        Path source = Files.createDirectories(dir.resolve("source"));
        Box box = box(Inside.SCRIPT);
        for (String kind : List.of("shared", "private", "unbindable", "rshared", "rprivate", "runbindable")) {
            bind(box, source, "/p/" + kind, "rbind," + kind);
        }
        Inside inside = inside(box);

        for (Inside.Mount mount : inside.mounts()) {
            switch (mount.point().replaceFirst("^/p/r?", "")) {
                case "shared" ->
                    assertThat(mount.tags()).singleElement().asString().startsWith("shared:");
                case "private" -> assertThat(mount.tags()).isEmpty();
                case "unbindable" -> assertThat(mount.tags()).containsExactly("unbindable");
                default -> {}
            }
        }
        assertThat(inside.mounts())
                .filteredOn(mount -> mount.point().startsWith("/p/"))
                .hasSize(6);
    }

    @Test
    void missingTargetsAreMade() throws IOException {
        Path file = Files.writeString(dir.resolve("file"), "text\n");
        Box box = box("cat /deep/er/file; ls -d /deep/er/directory; stat -c %a /deep");
        bind(box, file, "/deep/er/file", "bind");
        tmpfs(box, "/deep/er/directory", "");

        assertThat(box.run().ok().out()).isEqualTo("text\n/deep/er/directory\n755\n");
    }

    @Test
    void sourcesAreRelativeToTheBundle() throws IOException {
        Box box = box("cat /file");
        Files.writeString(box.bundle.resolve("near"), "text\n");
        bind(box, Path.of("near"), "/file", "bind");

        assertThat(box.run().ok().out()).isEqualTo("text\n");
    }

    @Test
    void aLaterMountLiesOverAnEarlierOne() {
        Box box = box("ls /o; ls /o/sub");
        tmpfs(box, "/o", "mode=755");
        tmpfs(box, "/o/sub", "mode=755");
        tmpfs(box, "/o/sub/one", "mode=755");

        assertThat(box.run().ok().out()).isEqualTo("sub\none\n");
    }

    /** Links of the root file system never lead out of it. */
    @ParameterizedTest
    @ValueSource(strings = {"/etc", "../../../../../../etc"})
    void linksInAPathStayInside(String target) throws IOException {
        Box box = box("ls -d /etc/mounted && grep -c ' /etc/mounted ' /proc/self/mountinfo");
        Files.createSymbolicLink(box.file("/link"), Path.of(target));
        tmpfs(box, "/link/mounted", "");

        assertThat(box.run().ok().out()).isEqualTo("/etc/mounted\n1\n");
        assertThat(Path.of("/etc/mounted")).doesNotExist();
    }

    @Test
    void whatTheFileSystemDoesNotKnowIsAnError() {
        assertThat(tmpfs(box("data", "true"), "/m", "nonsense=1").tryCreate().exit())
                .isNotZero();
        assertThat(box("type", "true")
                        .add("/mounts", mount("nosuchfs", "none", "/m", ""))
                        .tryCreate()
                        .exit())
                .isNotZero();
        assertThat(bind(box("source", "true"), dir.resolve("absent"), "/m", "bind")
                        .tryCreate()
                        .exit())
                .isNotZero();
    }

    /** runtimetest's way to see it: does a mount that is made later appear in an earlier recursive bind of the root? */
    @ParameterizedTest
    @CsvSource({"shared, seen", "slave, unseen", "private, unseen", "unbindable, refused"})
    void propagationOfTheRoot(String kind, String expected) {
        if (runtime.is(Kind.RUNC) && (kind.equals("shared") || kind.equals("unbindable"))) {
            deviates(Kind.RUNC, "a root that is " + kind, "1.1.5 makes it private when it has entered it");
        }
        Box box = box("""
                mkdir /target /mounted /test; touch /mounted/file
                mount -o rbind / /target 2>/dev/null || { echo refused; exit; }
                mount -o bind /mounted /test
                if [ -e /target/test/file ]; then echo seen; else echo unseen; fi
                """).capable("CAP_SYS_ADMIN").set("/linux/rootfsPropagation", "\"" + kind + "\"");

        assertThat(box.run().ok().out().strip()).isEqualTo(expected);
    }

    /** For a root on the initial ramfs, which pivot_root(2) refuses. */
    @Test
    void theRootIsTheContainersWithoutPivotRootToo() throws IOException {
        Files.writeString(dir.resolve("secret"), "the host's");
        Box box = box("ls -d / /bin; cat /proc/self/mountinfo | cut -d' ' -f5; cat " + dir.resolve("secret"));
        box.create("--no-pivot").start().await("stopped");

        List<String> lines = box.output().lines().toList();
        assertThat(lines).startsWith("/", "/bin", "/").contains("/proc", "/dev").doesNotContain("the host's");
        assertThat(lines).noneMatch(line -> line.startsWith(dir.toString()));
    }

    @Test
    void aPrivateRootNeedsPivotRoot() {
        deviates(Kind.CRUN, "refusal of a private root without pivot_root", "1.8.1 does not look at it");
        Box box = box("true").set("/linux/rootfsPropagation", "\"private\"");
        var refused = box.tryCreate("--no-pivot");
        assertThat(refused.exit()).isNotZero();
        assertThat(refused.err()).contains("rivate").contains("pivot_root");
    }

    @Test
    void anUnknownPropagationIsRefused() {
        deviates(Kind.CRUN, "refusal of an unknown propagation", "1.8.1 ignores it");
        assertThat(box("true")
                        .set("/linux/rootfsPropagation", "\"sideways\"")
                        .tryCreate()
                        .exit())
                .isNotZero();
    }
}
