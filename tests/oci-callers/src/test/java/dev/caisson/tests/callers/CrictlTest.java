package dev.caisson.tests.callers;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.ContainerdBuild;
import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.LeakCheck;
import dev.caisson.tests.support.OciRuntime;
import dev.caisson.tests.support.PrivateContainerd;
import dev.caisson.tests.support.RuntimeUnderTest;
import dev.caisson.tests.support.Skip;
import dev.caisson.tests.support.TestImages;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;

/** crictl over Debian's containerd, whose runc shim is told to execute the runtime ({@code BinaryName}). */
class CrictlTest extends CallerSuite {
    @SuppressWarnings("NullAway.Init") // opened before the first test
    private static PrivateContainerd containerd;

    @SuppressWarnings("NullAway.Init") // opened before the first test
    private static Path crictl;

    @SuppressWarnings("NullAway.Init") // opened before the first test
    private static HostSnapshot before;

    @BeforeParameterizedClassInvocation
    static void open(OciRuntime runtime) {
        need("crictl", "containerd", "containerd-shim-runc-v2");
        Optional<Path> client = ContainerdBuild.crictl();
        Skip.unless(client.isPresent(), "crictl", "Go >= 1.26 and a reachable Go module proxy");
        crictl = client.orElseThrow();
        ContainerdBuild build = ContainerdBuild.available().stream()
                .filter(each -> each.line().equals("1.6"))
                .findFirst()
                .orElseThrow(() -> Skip.because("crictl", "Debian's containerd"));
        containerd = PrivateContainerd.start(
                PrivateContainerd.Settings.of(build, RuntimeUnderTest.runcShim(build, runtime.binary())));
        before = HostSnapshot.take(containerd, LeakCheck.standing());
    }

    @AfterEach
    void clear() {
        crictl("rmp", "--all", "--force");
    }

    @AfterParameterizedClassInvocation
    static void close() {
        if (containerd != null) {
            try {
                LeakCheck.check(containerd, before);
            } finally {
                containerd.close();
            }
        }
    }

    private static Command.Result crictl(String... arguments) {
        List<String> argv = new ArrayList<>(List.of(
                crictl.toString(),
                "--runtime-endpoint=unix://" + containerd.socket(),
                "--image-endpoint=unix://" + containerd.socket(),
                "--timeout=60s"));
        argv.addAll(List.of(arguments));
        return Command.of(argv).run();
    }

    private static Path write(String name, String text) {
        try {
            return Files.writeString(containerd.dir().resolve(name), text);
        } catch (IOException e) {
            throw new UncheckedIOException("write " + name, e);
        }
    }

    @Test
    void aPodsLife() {
        Path pod = write("pod.json", """
                {"metadata": {"name": "pod", "namespace": "default", "uid": "u1", "attempt": 1}, "log_directory": "%s", "linux": {}}
                """.formatted(containerd.dir()));
        Path container = write("container.json", """
                {"metadata": {"name": "one"}, "image": {"image": "%s"}, "command": ["sh", "-c", "echo started; exec sleep 1000"],
                 "envs": [{"key": "A", "value": "b"}], "log_path": "one.log",
                 "linux": {"resources": {"memory_limit_in_bytes": 67108864, "cpu_shares": 512}}}
                """.formatted(TestImages.BUSYBOX));
        String sandbox = crictl("runp", pod.toString()).ok().out().strip();
        String id = crictl("create", sandbox, container.toString(), pod.toString())
                .ok()
                .out()
                .strip();
        crictl("start", id).ok();

        assertThat(crictl("ps", "--quiet").ok().out().strip()).isEqualTo(id);
        assertThat(crictl("exec", "--sync", id, "sh", "-c", "echo $A; ps | grep -c '[s]leep 1000'")
                        .ok()
                        .out()
                        .strip())
                .isEqualTo("b\n1");
        assertThat(crictl("exec", "--sync", id, "sh", "-c", "exit 7").exit()).isNotZero();
        Await.until("the log", SOON, () -> crictl("logs", id).out().equals("started\n"));
        assertThat(crictl("stats", "--output", "json", id).ok().out()).contains("\"workingSetBytes\"");
        assertThat(crictl("inspect", "--output", "go-template", "--template", "{{.status.state}}", id)
                        .ok()
                        .out())
                .contains("CONTAINER_RUNNING");
        crictl("update", "--memory", "134217728", id).ok();
        assertThat(crictl("exec", "--sync", id, "cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
                        .ok()
                        .out()
                        .strip())
                .isEqualTo("134217728");
        crictl("stop", "--timeout", "0", id).ok();
        assertThat(crictl("inspect", "--output", "go-template", "--template", "{{.status.exitCode}}", id)
                        .ok()
                        .out()
                        .strip())
                .isEqualTo("137");
        crictl("rm", id).ok();
        crictl("stopp", sandbox).ok();
        crictl("rmp", sandbox).ok();
        assertThat(crictl("pods", "--quiet").ok().out()).isEmpty();
    }

    @Test
    void aProgramThatIsMissingIsNamed() {
        Path pod = write("bad.json", """
                {"metadata": {"name": "bad", "namespace": "default", "uid": "u2", "attempt": 1}, "log_directory": "%s", "linux": {}}
                """.formatted(containerd.dir()));
        Path container = write("missing.json", """
                {"metadata": {"name": "none"}, "image": {"image": "%s"}, "command": ["/no/such/program"], "log_path": "none.log", "linux": {}}
                """.formatted(TestImages.BUSYBOX));
        String sandbox = crictl("runp", pod.toString()).ok().out().strip();
        String id = crictl("create", sandbox, container.toString(), pod.toString())
                .ok()
                .out()
                .strip();

        Command.Result started = crictl("start", id);

        assertThat(started.exit()).isNotZero();
        assertThat(started.err()).contains("/no/such/program").containsIgnoringCase("no such file or directory");
        crictl("rm", "--force", id).ok();
        crictl("rmp", "--force", sandbox).ok();
    }
}
