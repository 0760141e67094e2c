package dev.caisson.tests.callers;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.OciRuntime;
import dev.caisson.tests.support.RuntimeUnderTest;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Podman as root, which calls the runtime through conmon and directly. */
class PodmanTest extends CallerSuite {
    @SuppressWarnings("NullAway.Init") // opened before the first test
    private static Podman podman;

    @SuppressWarnings("NullAway.Init")
    private static OciRuntime runtime;

    @BeforeParameterizedClassInvocation
    static void open(OciRuntime asked) {
        runtime = asked;
        need("Podman", "podman", "conmon");
        podman = new Podman(asked);
    }

    @AfterEach
    void clear() {
        podman.clear();
    }

    @AfterParameterizedClassInvocation
    static void close() {
        if (podman != null) {
            podman.close();
        }
    }

    private Command.Result run(String... arguments) {
        String[] all = new String[arguments.length + 2];
        all[0] = "run";
        all[1] = "--rm";
        System.arraycopy(arguments, 0, all, 2, arguments.length);
        return podman.podman(all);
    }

    private void detached(String name, String... command) {
        String[] all = new String[command.length + 5];
        System.arraycopy(new String[] {"run", "--detach", "--name", name, Caller.IMAGE}, 0, all, 0, 5);
        System.arraycopy(command, 0, all, 5, command.length);
        podman.podman(all).ok();
    }

    private String inspect(String name, String format) {
        return podman.podman("inspect", "--format", format, name).ok().out().strip();
    }

    @Test
    void runHasOutputInputAndExitCode() {
        Command.Result result = podman.command(
                        "run", "--rm", "--interactive", Caller.IMAGE, "sh", "-c", "cat; echo err >&2; exit 3")
                .stdin("text\n".getBytes(StandardCharsets.UTF_8))
                .run();

        assertThat(result.exit()).as("%s", result).isEqualTo(3);
        assertThat(result.out()).isEqualTo("text\n");
        assertThat(result.err()).isEqualTo("err\n");
    }

    /** Podman's own codes, by the words of the runtime's error. */
    @ParameterizedTest
    @CsvSource({"/no/such/program, 127", "nosuchname, 127", "/etc, 126", "/etc/passwd, 126"})
    void whatCannotBeRunHasItsExitCode(String program, int code) {
        Command.Result result = run(Caller.IMAGE, program);

        assertThat(result.exit()).as("%s", result).isEqualTo(code);
    }

    @Test
    void optionsArriveInside() {
        Path volume = podman.dir().resolve("volume");
        assertThat(volume.toFile().mkdir()).isTrue();
        Command.Result result = run(
                "--user=65534:65534",
                "--workdir=/tmp",
                "--env=ONE=1",
                "--hostname=named",
                "--read-only",
                "--volume=" + volume + ":/v:ro",
                "--tmpfs=/t:size=64k",
                "--ulimit=nofile=100:200",
                "--ulimit=nproc=100:200",
                "--cap-drop=all",
                "--cap-add=net_raw",
                "--security-opt=no-new-privileges",
                "--sysctl=net.ipv4.ip_forward=1",
                "--memory=64m",
                "--pids-limit=50",
                "--device=/dev/fuse",
                "--init",
                Caller.IMAGE,
                "sh",
                "-c",
                "id -u; pwd; echo $ONE; hostname; touch /x 2>&1 | tail -c 22; ulimit -n; cat /proc/sys/net/ipv4/ip_forward;"
                        + " grep CapBnd /proc/self/status; grep NoNewPrivs /proc/self/status; ls -d /v /t /dev/fuse; head -c 30 /proc/1/cmdline"
                        + " | tr '\\0' ' '");

        assertThat(result.ok().out().lines())
                .containsExactly(
                        "65534",
                        "/tmp",
                        "1",
                        "named",
                        "Read-only file system",
                        "100",
                        "1",
                        "CapBnd:\t0000000000002000",
                        "NoNewPrivs:\t1",
                        "/dev/fuse",
                        "/t",
                        "/v",
                        result.out().lines().toList().getLast());
        assertThat(result.out()).contains("/run/podman-init -- sh -c");
    }

    @Test
    void aTerminalIsOne() {
        Command.Result result = run("--tty", Caller.IMAGE, "sh", "-c", "test -t 0 && test -t 1 && echo terminal");

        assertThat(result.ok().out()).isEqualTo("terminal\r\n");
    }

    @Test
    void execSeesTheContainer() {
        detached("web", "sh", "-c", "echo started; exec sleep 1000");

        assertThat(podman.podman("exec", "web", "cat", "/proc/1/cmdline")
                        .ok()
                        .out()
                        .replace('\0', ' '))
                .isEqualTo("sleep 1000 ");
        assertThat(podman.podman(
                                "exec",
                                "--user",
                                "65534",
                                "--env",
                                "A=b",
                                "--workdir",
                                "/tmp",
                                "web",
                                "sh",
                                "-c",
                                "id -u; echo $A; pwd")
                        .ok()
                        .out())
                .isEqualTo("65534\nb\n/tmp\n");
        assertThat(podman.podman("exec", "web", "sh", "-c", "exit 7").exit()).isEqualTo(7);
        assertThat(podman.podman("exec", "--tty", "web", "sh", "-c", "test -t 1 && echo terminal")
                        .ok()
                        .out())
                .isEqualTo("terminal\r\n");
        assertThat(podman.podman("exec", "web", "/no/such/program").exit()).isEqualTo(127);
        assertThat(podman.podman("logs", "web").ok().out()).isEqualTo("started\n");
        assertThat(podman.podman("top", "web", "pid", "args").ok().out()).contains("sleep 1000");
    }

    @Test
    void pauseStatsUpdateAndStop() {
        detached("web", "sh", "-c", "trap 'echo stopping; exit 5' TERM; while :; do sleep 0.05; done");

        Command.Result paused = podman.podman("pause", "web");
        for (int i = 0; i < 5 && paused.err().contains("unable to freeze"); i++) {
            // runc 1.1.5 gives up on cgroup v1 when a process forks again and again while it is being frozen.
            assertThat(runtime.is(RuntimeUnderTest.Kind.RUNC)).as("%s", paused).isTrue();
            paused = podman.podman("pause", "web");
        }
        paused.ok();
        assertThat(inspect("web", "{{.State.Status}}")).isEqualTo("paused");
        assertThat(podman.podman("exec", "web", "true").exit()).isNotZero();
        podman.podman("unpause", "web").ok();
        assertThat(inspect("web", "{{.State.Status}}")).isEqualTo("running");
        assertThat(podman.podman("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", "web")
                        .ok()
                        .out())
                .matches("web [12]\n");
        podman.podman("update", "--memory", "100m", "--cpu-shares", "512", "web")
                .ok();
        assertThat(podman.podman("exec", "web", "sh", "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes")
                        .ok()
                        .out())
                .isEqualTo("104857600\n");
        podman.podman("stop", "web").ok();
        assertThat(inspect("web", "{{.State.ExitCode}}")).isEqualTo("5");
        assertThat(podman.podman("logs", "web").ok().out()).isEqualTo("stopping\n");
        podman.podman("start", "web").ok();
        assertThat(inspect("web", "{{.State.Status}}")).isEqualTo("running");
        podman.podman("kill", "--signal", "KILL", "web").ok();
        Await.until("exited", SOON, () -> inspect("web", "{{.State.Status}}").equals("exited"));
        assertThat(inspect("web", "{{.State.ExitCode}}")).isEqualTo("137");
    }

    @Test
    void attachSpeaksWithTheContainer() throws IOException, InterruptedException {
        podman.podman(
                        "run",
                        "--detach",
                        "--interactive",
                        "--name",
                        "talk",
                        Caller.IMAGE,
                        "sh",
                        "-c",
                        "read a; echo got $a; read b; echo got $b")
                .ok();
        Process attached = podman.command("attach", "talk").start();
        try (OutputStream in = attached.getOutputStream()) {
            in.write("one\ntwo\n".getBytes(StandardCharsets.UTF_8));
        }
        assertThat(attached.waitFor(SOON.toSeconds(), TimeUnit.SECONDS)).isTrue();

        // Podman itself ends with one more newline.
        assertThat(new String(attached.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip())
                .isEqualTo("got one\ngot two");
        assertThat(attached.exitValue()).isZero();
    }

    @Test
    void healthChecksRunInside() {
        podman.podman(
                        "run",
                        "--detach",
                        "--name",
                        "web",
                        "--health-interval=disable",
                        "--health-cmd=test -e /tmp/healthy",
                        "--health-retries=1",
                        Caller.IMAGE,
                        "sleep",
                        "1000")
                .ok();

        assertThat(podman.podman("healthcheck", "run", "web").exit()).isEqualTo(1);
        podman.podman("exec", "web", "touch", "/tmp/healthy").ok();
        assertThat(podman.podman("healthcheck", "run", "web").exit()).isZero();
        assertThat(inspect("web", "{{.State.Health.Status}}")).isEqualTo("healthy");
    }

    @Test
    void commitAndDiff() {
        detached("web", "sh", "-c", "echo text > /made; exec sleep 1000");
        Await.until(
                "the file",
                SOON,
                () -> podman.podman("exec", "web", "cat", "/made").out().equals("text\n"));

        podman.podman("commit", "--quiet", "web", "caisson.test/made:1").ok();

        assertThat(run("caisson.test/made:1", "cat", "/made").ok().out()).isEqualTo("text\n");
        assertThat(podman.podman("diff", "web").ok().out()).contains("A /made");
    }

    @Test
    void containersOfAPodShareNamespaces() {
        podman.podman("pod", "create", "--name", "pod", "--share", "net,ipc,uts,pid", "--network", "none")
                .ok();
        podman.podman("run", "--detach", "--pod", "pod", "--name", "one", Caller.IMAGE, "sleep", "1000")
                .ok();
        podman.podman("run", "--detach", "--pod", "pod", "--name", "two", Caller.IMAGE, "sleep", "2000")
                .ok();

        String links = "for n in net ipc uts pid; do readlink /proc/self/ns/$n; done";
        assertThat(podman.podman("exec", "one", "sh", "-c", links).ok().out())
                .isEqualTo(podman.podman("exec", "two", "sh", "-c", links).ok().out());
        assertThat(podman.podman("exec", "two", "ps").ok().out())
                .contains("sleep 1000")
                .contains("sleep 2000");
        podman.podman("pod", "stop", "--time", "1", "pod").ok();
        assertThat(podman.podman("pod", "inspect", "--format", "{{.State}}", "pod")
                        .ok()
                        .out()
                        .strip())
                .isEqualTo("Exited");
    }

    @Test
    void kubePlay() {
        Path file = podman.write("pod.yaml", """
                apiVersion: v1
                kind: Pod
                metadata:
                  name: kube
                spec:
                  hostNetwork: true
                  containers:
                  - name: one
                    image: %s
                    command: ["/bin/sh", "-c", "echo from kube; exec /bin/sleep 1000"]
                    env:
                    - {name: A, value: b}
                    resources:
                      limits: {memory: 64Mi}
                """.formatted(Caller.IMAGE));

        podman.podman("kube", "play", file.toString()).ok();

        Await.until(
                "output", SOON, () -> podman.podman("logs", "kube-one").out().equals("from kube\n"));
        // By its path: kube play gives the container no PATH, and runc then looks for a name nowhere.
        assertThat(podman.podman("exec", "kube-one", "/bin/sh", "-c", "echo $A")
                        .ok()
                        .out())
                .isEqualTo("b\n");
        podman.podman("kube", "down", file.toString()).ok();
        assertThat(podman.podman("ps", "--all", "--quiet").ok().out()).isEmpty();
    }

    /** tmpfs mounts that keep what lies below, an own cgroup that can be written, and a stop signal of systemd's. */
    @Test
    void systemdMode() {
        podman.podman(
                        "run",
                        "--detach",
                        "--systemd=always",
                        "--name",
                        "sys",
                        Caller.IMAGE,
                        "sh",
                        "-c",
                        "trap 'echo stop signal; exit 0' 37; grep -E ' /(run|run/lock|tmp) ' /proc/self/mountinfo | cut -d' ' -f5;"
                                + " echo $container; while :; do sleep 0.05; done")
                .ok();

        Await.until("output", SOON, () -> podman.podman("logs", "sys").out().contains("podman"));
        assertThat(podman.podman("logs", "sys").out().lines()).contains("/run", "/run/lock", "/tmp", "podman");
        assertThat(podman.podman(
                                "exec",
                                "sys",
                                "sh",
                                "-c",
                                "cd /sys/fs/cgroup/systemd$(sed -n s/.*name=systemd://p /proc/self/cgroup) && mkdir new && rmdir new && echo writable")
                        .ok()
                        .out())
                .isEqualTo("writable\n");
        podman.podman("stop", "sys").ok();
        assertThat(podman.podman("logs", "sys").out()).endsWith("stop signal\n");
        assertThat(inspect("sys", "{{.State.ExitCode}}")).isEqualTo("0");
    }

    @Test
    void severalEndTogether() {
        for (int i = 0; i < 4; i++) {
            detached("m" + i, "sleep", "1000");
        }
        podman.podman("stop", "--all", "--time", "0").ok();
        podman.podman("rm", "--all").ok();

        assertThat(podman.podman("ps", "--all", "--quiet").ok().out()).isEmpty();
    }
}
