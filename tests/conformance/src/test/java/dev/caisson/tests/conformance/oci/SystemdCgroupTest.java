package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Lab;
import dev.caisson.tests.support.RuntimeUnderTest;
import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import dev.caisson.tests.support.Skip;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** {@code --systemd-cgroup} from the command line, as root and as a user with a service manager of its own: the lab with systemd. */
class SystemdCgroupTest extends OciSuite {
    private static final String USER = "1000";
    /** To move a process its writer needs the right to the group above both: so it starts in a scope of the user's. */
    private static final String[] INSIDE = {"systemd-run", "--user", "--scope", "-q", "-p", "Delegate=yes"};

    private static final String RUNTIME_DIR = "/run/user/" + USER;

    @BeforeEach
    void needSystemd() {
        Lab.require("systemd's cgroups from the command line");
        Skip.unless(
                Files.isDirectory(Path.of("/run/systemd/system")),
                "systemd's cgroups from the command line",
                "systemd as process 1 (./dev lab --systemd)");
    }

    private Box unitBox() {
        Box box = box("exec sleep 1000");
        box.linux().put("cgroupsPath", "caisson-test.slice:oci:" + tag());
        box.spec().resource("memory", "{\"limit\": 67108864}");
        box.spec().resource("pids", "{\"limit\": 50}");
        return box;
    }

    private String unit() {
        return "oci-" + tag() + ".scope";
    }

    private static String property(String unit, String name) {
        return Command.of("systemctl", "show", "--value", "-p", name, unit)
                .run()
                .ok()
                .out()
                .strip();
    }

    /** The runtime with flags in front of its verb. */
    private Command with(Box box, String flag, String... arguments) {
        List<String> argv = new ArrayList<>(box.command(arguments).argv());
        argv.add(1, flag);
        return Command.of(argv).env(runtime.environment());
    }

    private void livesInAUnit(String flag) {
        Box box = unitBox().write();
        with(box, flag, "create", "--bundle", box.bundle.toString(), box.id)
                .into(box.bundle.resolve("created"))
                .run()
                .ok();

        // crun puts the container into a group below its unit's.
        assertThat(new CgroupFiles(box.pid()).path(""))
                .isEqualTo("/caisson.slice/caisson-test.slice/" + unit() + (runtime.is(Kind.CRUN) ? "/container" : ""));
        assertThat(property(unit(), "ActiveState")).isEqualTo("active");
        if (!runtime.is(Kind.CRUN)) { // 1.8.1 limits that group only
            assertThat(property(unit(), "MemoryMax")).isEqualTo("67108864");
            assertThat(property(unit(), "TasksMax")).isEqualTo("50");
        }
        box.start();
        assertThat(box.command("exec", box.id, "true").run().exit()).isZero();

        // CRI-O says the flag at create only.
        box.command("update", "--memory", "83886080", box.id).run().ok();
        if (!runtime.is(Kind.CRUN)) {
            assertThat(property(unit(), "MemoryMax")).isEqualTo("83886080");
        }

        box.delete("--force").ok();
        assertThat(property(unit(), "LoadState")).isEqualTo("not-found");
    }

    @Test
    void theFlagMakesAUnit() {
        livesInAUnit("--systemd-cgroup");
    }

    @Test
    void crunsFlagMakesOneToo() {
        deviates(Kind.RUNC, "--cgroup-manager", "it is crun's flag");
        livesInAUnit("--cgroup-manager=systemd");
    }

    @Test
    void aPathIsNoUnit() {
        deviates(Kind.CRUN, "refusal of a path that names no unit", "1.8.1 takes the path's last part for a name");
        Box box = unitBox();
        box.linux().put("cgroupsPath", "/" + tag() + "/plain");
        box.write();

        Command.Result refused = with(box, "--systemd-cgroup", "create", "--bundle", box.bundle.toString(), box.id)
                .run();

        assertThat(refused.exit()).isNotZero();
        assertThat(refused.err()).contains("slice:prefix:name");
        assertThat(box.tryState().exit()).isNotZero();
    }

    private Command asUser(String... words) {
        List<String> argv = new ArrayList<>(List.of(
                "setpriv",
                "--reuid=" + USER,
                "--regid=" + USER,
                "--clear-groups",
                "env",
                "-i",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                "XDG_RUNTIME_DIR=" + RUNTIME_DIR,
                "DBUS_SESSION_BUS_ADDRESS=unix:path=" + RUNTIME_DIR + "/bus",
                "CAISSON_STATE_DIR=" + RUNTIME_DIR + "/caisson"));
        argv.addAll(List.of(words));
        return Command.of(argv);
    }

    /** A service manager of the user's, to which systemd has given a group, and its bus. */
    private void logIn() {
        if (Command.of("getent", "passwd", USER).run().exit() != 0) {
            Command.of("useradd", "--uid", USER, "--home-dir", "/tmp", "tester")
                    .run()
                    .ok();
        }
        Command.of("systemctl", "start", "user@" + USER + ".service").run().ok();
        Await.until("the user's bus", SOON, () -> Files.exists(Path.of(RUNTIME_DIR, "bus")));
    }

    private Path binary() {
        if (!runtime.isSubject()) {
            return runtime.binary();
        }
        Path copy = dir.resolve("prefix");
        Command.of("cp", "-r", RuntimeUnderTest.installation().orElseThrow().toString(), copy.toString())
                .run()
                .ok();
        Command.of("chmod", "-R", "go+rX", copy.toString()).run().ok();
        return copy.resolve("bin/caisson");
    }

    private ObjectNode rootless(Path bundle, String binary) throws IOException {
        asUser("env", "-C", bundle.toString(), binary, "spec", "--rootless")
                .run()
                .ok();
        ObjectNode config =
                (ObjectNode) Box.JSON.readTree(bundle.resolve("config.json").toFile());
        ((ObjectNode) config.get("process"))
                .put("terminal", false)
                .putArray("args")
                .add("sleep")
                .add("1000");
        ObjectNode linux = (ObjectNode) config.get("linux");
        linux.set("resources", Box.parse("{\"memory\": {\"limit\": 67108864}, \"pids\": {\"limit\": 50}}"));
        return config;
    }

    private Path userBundle() {
        Path bundle = dir.resolve("user");
        dev.caisson.tests.support.BusyboxRoot.layOut(bundle.resolve("rootfs"));
        Command.of("chown", "-R", USER + ":" + USER, bundle.toString()).run().ok();
        return bundle;
    }

    /** A user's unit on the user's own bus. */
    @Test
    void aUsersUnit() throws IOException {
        deviates(Kind.CRUN, "a user's unit", "the wrapper of these tests gives it a state directory of root's");
        logIn();
        Path bundle = userBundle();
        String binary = binary().toString();
        ObjectNode config = rootless(bundle, binary);
        ((ObjectNode) config.get("linux")).put("cgroupsPath", "user.slice:oci:" + tag());
        Files.writeString(bundle.resolve("config.json"), Box.JSON.writeValueAsString(config));
        try {
            asUser(
                            binary,
                            "--systemd-cgroup",
                            "create",
                            "--bundle",
                            bundle.toString(),
                            "--pid-file",
                            bundle.resolve("pid").toString(),
                            "u1")
                    .into(bundle.resolve("out"))
                    .run()
                    .ok();
            long pid = Long.parseLong(Box.text(bundle.resolve("pid")));
            CgroupFiles files = new CgroupFiles(pid);
            assertThat(files.path("")).isEqualTo("/user.slice/user-1000.slice/user@1000.service/user.slice/" + unit());
            assertThat(files.read("", "memory.max")).isEqualTo("67108864");
            assertThat(files.read("", "pids.max")).isEqualTo("50");
            asUser(binary, "start", "u1").run().ok();
            // From inside of what is the user's.
            List<String> exec = new ArrayList<>(List.of(INSIDE));
            exec.addAll(List.of(binary, "exec", "u1", "cat", "/proc/self/cgroup"));
            Command.Result inside = asUser(exec.toArray(String[]::new)).run().ok();
            if (runtime.isSubject()) { // 1.1.5 leaves a user's exec where its caller is
                assertThat(inside.out()).isEqualTo("0::/\n"); // the root of its cgroup namespace
            }
            // From a session, which is not below the manager's group: the manager moves it.
            if (runtime.isSubject()) {
                Command.Result outside =
                        asUser(binary, "exec", "u1", "cat", "/proc/self/cgroup").run();
                assertThat(outside.out()).as(outside.toString()).isEqualTo("0::/\n");
            }
            asUser(binary, "delete", "--force", "u1").run().ok();
            assertThat(asUser("systemctl", "--user", "show", "--value", "-p", "LoadState", unit())
                            .run()
                            .ok()
                            .out()
                            .strip())
                    .isEqualTo("not-found");
        } finally {
            asUser(binary, "delete", "--force", "u1").run();
            if (runtime.isSubject()) {
                asUser(binary, "daemon", "leave").run();
            }
        }
    }

    /** Without the driver: a group below the one that the user's service manager was given and gave on (Delegate=yes). */
    @Test
    void aUsersDelegatedGroup() throws IOException {
        deviates(
                Kind.CRUN,
                "a user's delegated group",
                "the wrapper of these tests gives it a state directory of root's");
        logIn();
        Path bundle = userBundle();
        String binary = binary().toString();
        ObjectNode config = rootless(bundle, binary);
        String group = "/user.slice/user-1000.slice/user@1000.service/" + tag();
        ((ObjectNode) config.get("linux")).put("cgroupsPath", group + "/u2");
        Files.writeString(bundle.resolve("config.json"), Box.JSON.writeValueAsString(config));
        try {
            List<String> create = new ArrayList<>(List.of(INSIDE));
            create.addAll(List.of(
                    binary,
                    "create",
                    "--bundle",
                    bundle.toString(),
                    "--pid-file",
                    bundle.resolve("pid").toString(),
                    "u2"));
            asUser(create.toArray(String[]::new))
                    .into(bundle.resolve("out"))
                    .run()
                    .ok();
            long pid = Long.parseLong(Box.text(bundle.resolve("pid")));
            CgroupFiles files = new CgroupFiles(pid);
            assertThat(files.path("")).isEqualTo(group + "/u2");
            assertThat(files.read("", "memory.max")).isEqualTo("67108864");
            asUser(binary, "delete", "--force", "u2").run().ok();
            assertThat(Path.of("/sys/fs/cgroup" + group + "/u2")).doesNotExist();
        } finally {
            asUser(binary, "delete", "--force", "u2").run();
            if (runtime.isSubject()) {
                asUser(binary, "daemon", "leave").run();
            }
        }
    }
}
