package dev.caisson.tests.callers;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Skip;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Podman as a user who is known in a mount namespace only. The runtime is root in Podman's user namespace and nobody outside: no device
 * nodes, no cgroup of its own on version 1.
 */
class PodmanRootlessTest extends CallerSuite {
    private static final String ID = "54321";

    @SuppressWarnings("NullAway.Init") // opened before each test
    private Caller caller;

    @BeforeEach
    void open() throws IOException {
        need("rootless Podman", "podman", "conmon", "newuidmap");
        Path clone = Path.of("/proc/sys/kernel/unprivileged_userns_clone");
        Skip.unless(
                !Files.exists(clone) || Files.readString(clone).strip().equals("1"),
                "rootless Podman",
                "user namespaces for users");
        caller = new Caller(runtime, "/libpod-[0-9a-f]{64}");
        Path dir = caller.dir;
        caller.write(
                "passwd",
                Files.readString(Path.of("/etc/passwd")) + "caller:x:" + ID + ":" + ID + "::" + dir
                        + "/home:/bin/sh\n");
        caller.write("group", Files.readString(Path.of("/etc/group")) + "caller:x:" + ID + ":\n");
        caller.write("subuid", "caller:400000:65536\n");
        caller.write("storage.conf", "[storage]\ndriver = \"vfs\"\n");
        // The machine's caissond is root's; a user has one of his own, below XDG_RUNTIME_DIR.
        caller.write("containers.conf", """
                [containers]
                log_driver = "k8s-file"
                netns = "none"
                default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
                [engine]
                cgroup_manager = "cgroupfs"
                events_logger = "file"
                runtime = "%1$s"
                runtime_supports_json = ["%1$s"]
                [engine.runtimes]
                %1$s = ["%2$s"]
                """.formatted(runtime, script(dir)));
        for (String name : List.of("home", "run")) {
            Files.createDirectory(dir.resolve(name));
            Command.of("chown", ID + ":" + ID, dir.resolve(name).toString())
                    .run()
                    .ok();
        }
        user("podman", "import", "--quiet", caller.archive().toString(), Caller.IMAGE)
                .ok();
    }

    /** The runtime with the environment of a user, in a place that he can reach. */
    private Path script(Path dir) throws IOException {
        Path script = dir.resolve("bin/user-" + runtime);
        Files.writeString(
                script,
                "#!/bin/sh\n"
                        + (runtime.isSubject() ? "export CAISSON_STATE_DIR=" + dir + "/run/caisson\n" : "")
                        + "exec '" + runtime.binary() + "' \"$@\"\n");
        script.toFile().setExecutable(true, false);
        return script;
    }

    private Command.Result user(String... words) {
        Path dir = caller.dir;
        List<String> argv = new ArrayList<>(List.of(
                "unshare",
                "--mount",
                "sh",
                "-ec",
                "dir=$0; for f in passwd group subuid; do mount --bind $dir/$f /etc/$f; done; mount --bind $dir/subuid /etc/subgid;"
                        + " cd $dir/home; exec setpriv --reuid " + ID + " --regid " + ID
                        + " --init-groups env HOME=$dir/home XDG_RUNTIME_DIR=$dir/run CONTAINERS_CONF=$dir/containers.conf"
                        + " CONTAINERS_STORAGE_CONF=$dir/storage.conf \"$@\"",
                dir.toString()));
        argv.addAll(List.of(words));
        return caller.command(Map.of(), argv.toArray(String[]::new)).run();
    }

    @AfterEach
    void close() {
        if (caller == null) {
            return;
        }
        try {
            user("podman", "rm", "--all", "--force", "--time", "0");
            // Ends the process that keeps the user namespace.
            user("podman", "system", "migrate");
            leaveDaemon();
        } finally {
            caller.close();
        }
    }

    private void leaveDaemon() {
        Path state = caller.dir.resolve("run/caisson");
        if (Files.isDirectory(state)) {
            user("env", "CAISSON_STATE_DIR=" + state, runtime.binary().toString(), "daemon", "leave");
        }
    }

    @Test
    void aUsersContainer() {
        try {
            Files.writeString(
                    Files.createDirectory(caller.dir.resolve("volume")).resolve("file"), "text\n");
        } catch (IOException e) {
            throw new UncheckedIOException("write a volume", e);
        }
        Command.Result result = user(
                "podman",
                "run",
                "--rm",
                "--volume",
                caller.dir + "/volume:/v:ro",
                Caller.IMAGE,
                "sh",
                "-c",
                "id -u; tr -s ' ' < /proc/self/uid_map; cat /v/file; echo x > /dev/null && echo null; exit 3");

        assertThat(result.exit()).as("%s", result).isEqualTo(3);
        assertThat(result.out()).isEqualTo("0\n 0 54321 1\n 1 400000 65536\ntext\nnull\n");
    }

    @Test
    void aContainerInTheBackground() {
        user("podman", "run", "--detach", "--name", "web", Caller.IMAGE, "sh", "-c", "echo started; exec sleep 1000")
                .ok();

        assertThat(user("podman", "exec", "web", "cat", "/proc/1/cmdline")
                        .ok()
                        .out()
                        .replace('\0', ' '))
                .isEqualTo("sleep 1000 ");
        assertThat(user("podman", "exec", "--user", "1000", "web", "id", "-u")
                        .ok()
                        .out())
                .isEqualTo("1000\n");
        assertThat(user("podman", "logs", "web").ok().out()).isEqualTo("started\n");
        user("podman", "stop", "--time", "0", "web").ok();
        assertThat(user("podman", "inspect", "--format", "{{.State.ExitCode}}", "web")
                        .ok()
                        .out())
                .isEqualTo("137\n");
        user("podman", "start", "web").ok();
        assertThat(user("podman", "ps", "--format", "{{.Names}}").ok().out()).isEqualTo("web\n");
    }

    /** --userns=keep-id makes the runtime make one more user namespace. */
    @Test
    void idsAreKept() {
        Command.Result result = user("podman", "run", "--rm", "--userns=keep-id", Caller.IMAGE, "sh", "-c", "id -u");

        assertThat(result.ok().out()).isEqualTo(ID + "\n");
    }
}
