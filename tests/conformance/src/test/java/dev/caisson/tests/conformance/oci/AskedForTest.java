package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import dev.caisson.tests.support.Skip;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;

/** What users have asked runtimes for, from the command line: changes of a running container, reasons of a failed start, Landlock. */
class AskedForTest extends OciSuite {
    private void onlyTheSubject(String what) {
        deviates(Kind.RUNC, what, "it has no such command");
        deviates(Kind.CRUN, what, "1.8.1 has no such command");
    }

    private Command.Result change(Box box, String what, String how, String json) {
        return box.command(what, how, box.id, "-")
                .stdin(json.getBytes(java.nio.charset.StandardCharsets.UTF_8))
                .run();
    }

    private static Command.Result exec(Box box, String script) {
        return box.command("exec", box.id, "sh", "-c", script).run();
    }

    @Test
    void mountsComeAndGo() throws IOException {
        onlyTheSubject("mounts add");
        Path data = Files.createDirectory(dir.resolve("data"));
        Files.writeString(data.resolve("note"), "from the host\n");
        Box box = box("exec sleep 1000").create().start();
        String mount = "[{\"destination\": \"/mnt/data\", \"source\": \"" + data
                + "\", \"type\": \"bind\", \"options\": [\"rbind\", \"ro\"]}]";

        change(box, "mounts", "add", mount).ok();
        assertThat(exec(box, "cat /mnt/data/note").ok().out()).isEqualTo("from the host\n");
        assertThat(exec(box, "echo x > /mnt/data/note").err()).contains("Read-only");

        change(box, "mounts", "remove", mount).ok();
        assertThat(exec(box, "ls /mnt/data").ok().out()).isEmpty();
        assertThat(change(box, "mounts", "remove", mount).err()).contains("/mnt/data");
        assertThat(change(box, "mounts", "turn", mount).err()).contains("neither add nor remove");
    }

    @Test
    void devicesComeAndGo() {
        onlyTheSubject("devices add");
        Box box = box("exec sleep 1000").capable("CAP_MKNOD").create().start();
        String kmsg = "[{\"path\": \"/dev/kmsg\", \"type\": \"c\", \"major\": 1, \"minor\": 11}]";
        String open = "[ -c /dev/kmsg ] && exec 3> /dev/kmsg";
        assertThat(exec(box, open).exit()).isNotZero();

        change(box, "devices", "add", kmsg).ok();
        exec(box, open).ok();

        change(box, "devices", "remove", kmsg).ok();
        assertThat(exec(box, "ls /dev/kmsg").exit()).isNotZero();
        // Not only is the node gone: one that the container makes itself does not open.
        assertThat(exec(box, "mknod /tmp/k c 1 11 || exit 9; (exec 3> /tmp/k) && exit 0; exit 7")
                        .exit())
                .isEqualTo(7);
    }

    private Box script(String firstLine) throws IOException {
        Box box = box("").set("/process/args", "[\"/tool\"]");
        Files.writeString(box.file("/tool"), firstLine + "\n");
        Files.setPosixFilePermissions(box.file("/tool"), PosixFilePermissions.fromString("rwxr-xr-x"));
        return box;
    }

    /** The words that Podman and Docker make 127 of, and what is missing. */
    @Test
    void aMissingInterpreterIsNamed() throws IOException {
        Command.Result run = script("#!/opt/python9").run();

        assertThat(run.exit()).isNotZero();
        assertThat(run.err()).containsIgnoringCase("no such file or directory");
        if (runtime.isSubject()) {
            assertThat(run.err()).contains("its interpreter /opt/python9 cannot be found");
        }
    }

    @Test
    void aMissingInterpreterIsNamedByStartAndExecToo() throws IOException {
        Box box = script("#!/opt/python9");
        box.create();
        Command.Result start = box.tryStart();
        if (runtime.isSubject()) { // the peers let the container end and say nothing
            assertThat(start.exit()).isNotZero();
        }
        Box other = box("c2", "exec sleep 1000");
        Files.copy(box.file("/tool"), other.file("/tool"), java.nio.file.StandardCopyOption.COPY_ATTRIBUTES);
        other.create().start();
        Command.Result exec = other.command("exec", other.id, "/tool").run();

        assertThat(exec.exit()).isNotZero();
        assertThat(exec.err()).containsIgnoringCase("no such file or directory");
        if (runtime.isSubject()) {
            assertThat(start.err()).contains("its interpreter /opt/python9 cannot be found");
            assertThat(exec.err()).contains("its interpreter /opt/python9 cannot be found");
        }
    }

    @Test
    void landlockComesFromAnAnnotation() {
        onlyTheSubject("Landlock");
        Box box = box("exec sleep 1000");
        box.set(
                "/annotations",
                "{\"dev.caisson.landlock\": \"path-beneath:read,execute:/; path-beneath:write,read,refer:/tmp; path-beneath:write-file:/dev/null\"}");
        box.create().start();

        assertThat(exec(box, "echo x > /tmp/f && cat /tmp/f").ok().out()).isEqualTo("x\n");
        assertThat(exec(box, "echo x > /etc/f").err()).containsIgnoringCase("permission denied");
    }

    /** A process that cannot die, since a group above its own is frozen: the message names it, and a later delete works. */
    @Test
    void whatBlocksADeleteIsNamed() throws IOException {
        deviates(Kind.RUNC, "the name of what blocks a delete", "it names the directory");
        deviates(Kind.CRUN, "the name of what blocks a delete", "1.8.1 waits for it");
        Path freezer = Path.of("/sys/fs/cgroup/freezer");
        Skip.unless(Files.exists(freezer.resolve("tasks")), "a frozen group", "a freezer of cgroup v1");
        Path above = Files.createDirectory(freezer.resolve(String.valueOf(dir.getFileName())));
        Box box = box("exec sleep 1000");
        box.linux().put("cgroupsPath", "/" + above.getFileName() + "/below");
        box.create().start();
        Await.until("the program", SOON, () -> Proc.read(box.pid(), "comm").equals("sleep\n"));
        Path state = above.resolve("freezer.state");
        try {
            Files.writeString(state, "FROZEN");
            Await.until("the group's standstill", SOON, () -> Box.text(state).equals("FROZEN\n"));

            Command.Result blocked = box.delete("--force");

            assertThat(blocked.exit()).isNotZero();
            assertThat(blocked.err()).contains(Long.toString(box.pid())).contains("sleep");
        } finally {
            Files.writeString(state, "THAWED");
        }
        box.delete("--force").ok();
        assertThat(box.tryState().err()).contains("does not exist");
    }
}
