package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.OciRuntime;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.RuntimeUnderTest;
import dev.caisson.tests.support.Skip;
import dev.caisson.tests.support.Watchdog;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A user's own containers: daemon, command and all are that user's, who has no group, no name and no ranges of ids, or, in one test, a
 * range.
 */
@ParameterizedClass(name = "{0}", allowZeroInvocations = true)
@MethodSource("dev.caisson.tests.support.OciRuntime#available")
@ExtendWith(Watchdog.class)
class RootlessTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration SOON = Duration.ofSeconds(20);
    private static final List<String> APPLETS = List.of("sh", "cat", "id", "echo", "sleep", "touch", "mkdir");

    /** Nobody's: above the ids that distributions give to people and services. */
    private static final int BARE = 61234;

    private static final int NAMED = 61235;
    private static final int FIRST = 2_000_000;

    private static @Nullable Path copy;

    @Parameter
    @SuppressWarnings("NullAway.Init") // injected by JUnit before any test method
    OciRuntime runtime;

    @SuppressWarnings("NullAway.Init") // made before each test
    private Path dir;

    private int user = BARE;

    @BeforeEach
    void makeBundle() throws IOException {
        Skip.unless(
                runtime.isSubject() || runtime.toString().contains("runc"),
                "a user's containers with " + runtime,
                "a runtime that finds its cgroups on this host");
        dir = Files.createTempDirectory(Path.of("/tmp"), "rootless-");
        dir.toFile().setExecutable(true, false);
        Path bin = Files.createDirectories(dir.resolve("b/rootfs/bin"));
        Files.copy(Path.of("/bin/busybox"), bin.resolve("busybox"), StandardCopyOption.COPY_ATTRIBUTES);
        for (String applet : APPLETS) {
            Files.createSymbolicLink(bin.resolve(applet), Path.of("busybox"));
        }
        Files.createDirectories(dir.resolve("run"));
        own();
    }

    private void own() {
        Command.of("chown", "-R", user + ":" + user, dir.toString()).run().ok();
    }

    @AfterEach
    void endTheDaemon() throws IOException {
        if (dir == null) {
            return;
        }
        if (runtime.isSubject()) {
            as("daemon", "leave").run();
        }
        List<Long> left = processes();
        Instant end = Instant.now().plus(SOON);
        while (!left.isEmpty() && Instant.now().isBefore(end)) {
            Await.sleep(Duration.ofMillis(20));
            left = processes();
        }
        // What a failed test has left must not fail the next one: nobody else has this user id.
        left.forEach(pid -> Command.of("kill", "-KILL", Long.toString(pid)).run());
        Command.of("rm", "-rf", dir.toString()).run().ok();
        assertThat(left).as("processes of the user's").isEmpty();
    }

    /** Those that have ended but for being reaped are process 1's business, which takes its time on some machines. */
    private List<Long> processes() {
        List<Long> all =
                new ArrayList<>(HostSnapshot.processesOf(String.valueOf(dir.getFileName()))); // a daemon of root's
        Command.of("ps", "-o", "pid=", "-u", BARE + "," + NAMED)
                .run()
                .out()
                .lines()
                .map(line -> Long.parseLong(line.strip()))
                .filter(pid -> Proc.lives(pid) && !all.contains(pid))
                .forEach(all::add);
        return all;
    }

    /** The installation where the user can go: copied once, with its times, by which the archive of classes knows its class path. */
    private static synchronized Path installation() throws IOException {
        Path there = copy;
        if (there == null) {
            there = Files.createTempDirectory(Path.of("/tmp"), "rootless-prefix-");
            copy = there;
            Path prefix = RuntimeUnderTest.installation().orElseThrow();
            Command.of("cp", "-a", prefix + "/.", there.toString()).run().ok();
            Command.of("chmod", "-R", "go+rX", there.toString()).run().ok();
        }
        return there;
    }

    @AfterAll
    static void removeTheCopy() {
        Path there = copy;
        if (there != null) {
            Command.of("rm", "-rf", there.toString()).run().ok();
            copy = null;
        }
    }

    private Path binary() {
        try {
            return runtime.isSubject() ? installation().resolve("bin/caisson") : runtime.binary();
        } catch (IOException e) {
            throw new UncheckedIOException("make a directory in /tmp", e);
        }
    }

    private Command as(String... arguments) {
        List<String> argv = new ArrayList<>(List.of(
                "setpriv",
                "--reuid=" + user,
                "--regid=" + user,
                "--clear-groups",
                "env",
                "-i",
                "-C",
                dir.resolve("b").toString(),
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                "XDG_RUNTIME_DIR=" + dir.resolve("run"),
                "CAISSON_STATE_DIR=" + dir.resolve("run/caisson"),
                binary().toString()));
        argv.addAll(Arrays.asList(arguments));
        return Command.of(argv);
    }

    private void configure(Consumer<ObjectNode> change, String... args) throws IOException {
        Path file = dir.resolve("b/config.json");
        if (!Files.exists(file)) {
            as("spec", "--rootless").run().ok();
        }
        ObjectNode config = (ObjectNode) JSON.readTree(file.toFile());
        ObjectNode process = (ObjectNode) config.get("process");
        process.put("terminal", false);
        ArrayNode list = process.putArray("args");
        Arrays.asList(args).forEach(list::add);
        ((ObjectNode) config.get("root")).put("readonly", false);
        change.accept(config);
        Files.writeString(file, JSON.writeValueAsString(config));
    }

    @Test
    void theUserIsRootInside() throws IOException {
        configure(
                c -> {},
                "sh",
                "-c",
                "id -u; cat /proc/self/uid_map; cat /proc/self/setgroups; echo x > /made; touch /dev/shm/a; exit 7");

        Command.Result run = as("run", "c1").run();

        assertThat(run.exit()).as(run.toString()).isEqualTo(7);
        assertThat(run.out().lines().map(l -> l.strip().replaceAll(" +", " ")))
                .containsExactly("0", "0 " + BARE + " 1", "deny");
        assertThat(Files.getAttribute(dir.resolve("b/rootfs/made"), "unix:uid")).isEqualTo(BARE);
    }

    @Test
    void aLifeOfSeveralCommands() throws IOException {
        configure(c -> {}, "sh", "-c", "sleep 1000 & sleep 1000");
        as("create", "--pid-file", dir.resolve("run/pid").toString(), "c1")
                .into(dir.resolve("log"))
                .run()
                .ok();
        as("start", "c1").run().ok();
        assertThat(as("state", "c1").run().ok().out()).contains("\"running\"");
        assertThat(as("exec", "c1", "id", "-u").run().ok().out()).isEqualTo("0\n");
        if (runtime.isSubject()) {
            // Without a group runc knows no processes at all.
            String pids = as("ps", "--format", "json", "c1").run().ok().out();
            assertThat(JSON.readTree(pids)).hasSize(2);
            assertThat(as("pause", "c1").run().err()).contains("no cgroup").contains("delegated");
        }
        as("kill", "c1", "KILL").run().ok();
        Await.until("stopped", SOON, () -> as("state", "c1").run().out().contains("\"stopped\""));
        as("delete", "c1").run().ok();
        assertThat(as("state", "c1").run().err()).contains("does not exist");
    }

    @Test
    void deleteWithForceTakesEveryProcessAlong() throws IOException {
        configure(c -> {}, "sh", "-c", "sleep 1000 & sleep 1000 & sleep 1000");
        as("create", "c1").into(dir.resolve("log")).run().ok();
        as("start", "c1").run().ok();
        as("delete", "--force", "c1").run().ok();
        Await.until(
                "init and its children end",
                SOON,
                () -> !Command.of("ps", "-o", "args=", "-u", "" + user)
                        .run()
                        .out()
                        .contains("sleep 1000"));
    }

    @Test
    void limitsThatNobodyDelegatedAreNotPromised() throws IOException {
        configure(
                c -> ((ObjectNode) c.get("linux"))
                        .putObject("resources")
                        .putObject("memory")
                        .put("limit", 67108864),
                "true");

        Command.Result run = as("run", "c1").run();

        assertThat(run.exit()).isNotZero();
        if (runtime.isSubject()) {
            assertThat(run.err()).contains("no cgroup is delegated to user " + BARE);
        }
    }

    @Test
    void otherIdsNeedARange() throws IOException {
        configure(
                c -> {
                    for (String map : List.of("uidMappings", "gidMappings")) {
                        ((ArrayNode) c.at("/linux/" + map))
                                .addObject()
                                .put("containerID", 1)
                                .put("hostID", FIRST)
                                .put("size", 65536);
                    }
                },
                "true");

        Command.Result run = as("run", "c1").run();

        assertThat(run.exit()).isNotZero();
        if (runtime.isSubject()) {
            assertThat(run.err()).contains("/etc/subgid");
        }
    }

    @Test
    void withoutAUserNamespaceItIsRefused() throws IOException {
        Skip.unless(runtime.isSubject(), "a refusal of what a user cannot do", "the subject: runc's words differ");
        configure(
                c -> {
                    ((ObjectNode) c.get("linux")).remove(List.of("uidMappings", "gidMappings"));
                    ((ArrayNode) c.at("/linux/namespaces"))
                            .removeIf(ns -> ns.get("type").asText().equals("user"));
                },
                "true");

        assertThat(as("run", "c1").run().err()).contains("needs a user namespace");
    }

    /** {@code true} is what {@code auto} finds out here; {@code false} wants a cgroup, and none is this user's. */
    @Test
    void theFlagDecidesWhetherACgroupIsNeeded() throws IOException {
        configure(c -> {}, "echo", "ran");

        assertThat(as("--rootless", "true", "run", "c1").run().ok().out()).isEqualTo("ran\n");
        assertThat(as("--rootless=auto", "run", "c1").run().ok().out()).isEqualTo("ran\n");
        Command.Result refused = as("--rootless=false", "run", "c1").run();
        assertThat(refused.exit()).isNotZero();
        assertThat(refused.err()).containsPattern("permission denied|EACCES");
        assertThat(as("--rootless", "perhaps", "run", "c1").run().err()).contains("perhaps");
    }

    /** Root may do without a cgroup as well, where it is told to and none can be made: here in a read-only hierarchy. */
    @Test
    void rootDoesWithoutACgroupWhenTold() throws IOException {
        user = 0;
        own();
        String[] namespaces = {"unshare", "--mount", "sh", "-c"};
        String readOnly = "for m in $(sed -n 's#^[^ ]* \\(/sys/fs/cgroup[^ ]*\\) .*#\\1#p' /proc/mounts); do"
                + " mount -o remount,bind,ro $m; done; ";
        configure(c -> ((ObjectNode) c.get("linux")).remove(List.of("cgroupsPath", "resources")), "echo", "ran");
        if (runtime.isSubject()) {
            as("daemon", "leave").run(); // the next one is to see the groups as the command does
        }
        String command = String.join(" ", as("run", "c1").argv());

        for (String flag : List.of("", "--rootless=false")) {
            Command.Result refused = inside(namespaces, readOnly + command.replace("run c1", flag + " run c1"));
            assertThat(refused.exit()).as(flag).isNotZero();
            assertThat(refused.err()).as(flag).containsPattern("read-only file system|EROFS");
        }
        Command.Result run = inside(namespaces, readOnly + command.replace("run c1", "--rootless=true run c1"));
        assertThat(run.out()).as(run.toString()).isEqualTo("ran\n");
    }

    private static Command.Result inside(String[] words, String script) {
        List<String> argv = new ArrayList<>(Arrays.asList(words));
        argv.add(script);
        return Command.of(argv).run();
    }

    @Test
    void aRangeFromSubuid() throws IOException {
        Skip.unless(Command.find("newuidmap").isPresent(), "ranges of ids", "the package uidmap");
        String name = "caisson" + ProcessHandle.current().pid();
        Command.of("groupadd", "--gid", "" + NAMED, name).run().ok();
        Command.of("useradd", "--no-create-home", "--uid", "" + NAMED, "--gid", "" + NAMED, name)
                .run()
                .ok();
        try {
            Command.of(
                            "usermod",
                            "--add-subuids",
                            FIRST + "-" + (FIRST + 65535),
                            "--add-subgids",
                            FIRST + "-" + (FIRST + 65535),
                            name)
                    .run()
                    .ok();
            user = NAMED;
            own();
            configure(
                    c -> {
                        for (String map : List.of("uidMappings", "gidMappings")) {
                            ((ArrayNode) c.at("/linux/" + map))
                                    .addObject()
                                    .put("containerID", 1)
                                    .put("hostID", FIRST)
                                    .put("size", 65536);
                        }
                        ObjectNode identity = ((ObjectNode) c.get("process")).putObject("user");
                        identity.put("uid", 33).put("gid", 33);
                        if (runtime.isSubject()) { // runc refuses any without root
                            identity.putArray("additionalGids").add(44);
                        }
                    },
                    "sh",
                    "-c",
                    "id; touch /dev/shm/mine");

            Command.Result run = as("run", "c1").run();

            assertThat(run.exit()).as(run.toString()).isZero();
            assertThat(run.out()).startsWith("uid=33 gid=33");
            if (runtime.isSubject()) {
                assertThat(run.out()).containsPattern("groups=(33,)?44\n");
            }
        } finally {
            if (runtime.isSubject()) {
                as("daemon", "leave").run();
            }
            Await.until("the user's processes end", SOON, () -> processes().isEmpty());
            Command.of("userdel", "--force", name).run().ok(); // a zombie counts as a login
        }
    }
}
