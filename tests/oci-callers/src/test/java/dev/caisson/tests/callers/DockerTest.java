package dev.caisson.tests.callers;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.OciRuntime;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Docker's engine, which calls the runtime through containerd's runc shim. */
class DockerTest extends CallerSuite {
    @SuppressWarnings("NullAway.Init") // opened before the first test
    private static Docker docker;

    @BeforeParameterizedClassInvocation
    static void open(OciRuntime runtime) {
        need("Docker", "dockerd", "docker", "containerd");
        docker = new Docker(runtime);
    }

    @AfterEach
    void clear() {
        docker.clear();
    }

    @AfterParameterizedClassInvocation
    static void close() {
        if (docker != null) {
            docker.close();
        }
    }

    private void detached(String name, String... command) {
        String[] all = new String[command.length + 5];
        System.arraycopy(new String[] {"run", "--detach", "--name", name, Caller.IMAGE}, 0, all, 0, 5);
        System.arraycopy(command, 0, all, 5, command.length);
        docker.run(all).ok();
    }

    private String inspect(String name, String format) {
        return docker.run("inspect", "--format", format, name).ok().out().strip();
    }

    @Test
    void runHasOutputInputAndExitCode() {
        Command.Result result = docker.command(
                        "run", "--rm", "--interactive", Caller.IMAGE, "sh", "-c", "cat; echo err >&2; exit 3")
                .stdin("text\n".getBytes(StandardCharsets.UTF_8))
                .run();

        assertThat(result.exit()).as("%s", result).isEqualTo(3);
        assertThat(result.out()).isEqualTo("text\n");
        assertThat(result.err()).isEqualTo("err\n");
    }

    /** Docker's own codes, by the words of the runtime's error in log.json. */
    @ParameterizedTest
    @CsvSource({"/no/such/program, 127", "nosuchname, 127", "/etc, 126", "/etc/passwd, 126"})
    void whatCannotBeRunHasItsExitCode(String program, int code) {
        Command.Result result = docker.run("run", "--rm", Caller.IMAGE, program);

        assertThat(result.exit()).as("%s", result).isEqualTo(code);
        assertThat(result.err()).contains("OCI runtime create failed").contains(program);
    }

    @Test
    void optionsArriveInside() {
        Command.Result result = docker.run(
                "run",
                "--rm",
                "--user=65534:65534",
                "--workdir=/tmp",
                "--env=ONE=1",
                "--hostname=named",
                "--read-only",
                "--tmpfs=/t:size=64k",
                "--ulimit=nofile=100:200",
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
                        + " grep CapBnd /proc/self/status; grep NoNewPrivs /proc/self/status; ls -d /t /dev/fuse;"
                        + " grep ^Seccomp: /proc/self/status; cat /sys/fs/cgroup/memory/memory.limit_in_bytes");

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
                        "Seccomp:\t2",
                        "67108864");
    }

    @Test
    void execLogsAndTop() {
        detached("web", "sh", "-c", "echo started; exec sleep 1000");

        assertThat(docker.run("exec", "web", "cat", "/proc/1/cmdline")
                        .ok()
                        .out()
                        .replace('\0', ' '))
                .isEqualTo("sleep 1000 ");
        assertThat(docker.run(
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
        assertThat(docker.run("exec", "web", "sh", "-c", "exit 7").exit()).isEqualTo(7);
        // 20.10 maps what it does not know at exec to 126.
        assertThat(docker.run("exec", "web", "/no/such/program").exit()).isEqualTo(126);
        assertThat(docker.run("logs", "web").ok().out()).isEqualTo("started\n");
        assertThat(docker.run("top", "web").ok().out()).contains("sleep 1000");
    }

    @Test
    void aTerminalIsOne() {
        detached("tty", "sleep", "1000");
        docker.run(
                        "run",
                        "--detach",
                        "--tty",
                        "--name",
                        "own",
                        Caller.IMAGE,
                        "sh",
                        "-c",
                        "test -t 0 && test -t 1 && echo terminal")
                .ok();

        Await.until("output", SOON, () -> docker.run("logs", "own").out().equals("terminal\r\n"));
    }

    @Test
    void pauseStatsUpdateAndStop() {
        detached("web", "sh", "-c", "trap 'echo stopping; exit 5' TERM; while :; do sleep 0.05; done");

        docker.run("pause", "web").ok();
        assertThat(inspect("web", "{{.State.Status}}")).isEqualTo("paused");
        docker.run("unpause", "web").ok();
        assertThat(inspect("web", "{{.State.Status}}")).isEqualTo("running");
        assertThat(docker.run("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", "web")
                        .ok()
                        .out())
                .matches("web [12]\n");
        docker.run("update", "--memory", "100m", "--memory-swap", "200m", "--cpu-shares", "512", "web")
                .ok();
        assertThat(docker.run(
                                "exec",
                                "web",
                                "cat",
                                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                                "/sys/fs/cgroup/cpu/cpu.shares")
                        .ok()
                        .out())
                .isEqualTo("104857600\n512\n");
        docker.run("stop", "web").ok();
        assertThat(inspect("web", "{{.State.ExitCode}}")).isEqualTo("5");
        docker.run("start", "web").ok();
        docker.run("kill", "web").ok();
        Await.until("exited", SOON, () -> inspect("web", "{{.State.Status}}").equals("exited"));
        assertThat(inspect("web", "{{.State.ExitCode}}")).isEqualTo("137");
    }

    @Test
    void restartPolicy() {
        docker.run(
                        "run",
                        "--detach",
                        "--name",
                        "again",
                        "--restart",
                        "on-failure:2",
                        Caller.IMAGE,
                        "sh",
                        "-c",
                        "echo run; exit 3")
                .ok();

        Await.until(
                "the last try",
                SOON,
                () -> inspect("again", "{{.RestartCount}} {{.State.Status}}").equals("2 exited"));
        assertThat(inspect("again", "{{.State.ExitCode}}")).isEqualTo("3");
        assertThat(docker.run("logs", "again").ok().out()).isEqualTo("run\n".repeat(3));
    }

    @Test
    void healthChecksRunInside() {
        docker.run(
                        "run",
                        "--detach",
                        "--name",
                        "web",
                        "--health-cmd=test -e /tmp/healthy",
                        "--health-interval=200ms",
                        "--health-retries=2",
                        Caller.IMAGE,
                        "sleep",
                        "1000")
                .ok();

        Await.until(
                "unhealthy",
                SOON,
                () -> inspect("web", "{{.State.Health.Status}}").equals("unhealthy"));
        docker.run("exec", "web", "touch", "/tmp/healthy").ok();
        Await.until(
                "healthy",
                SOON,
                () -> inspect("web", "{{.State.Health.Status}}").equals("healthy"));
    }

    /** What compose makes of two services: one speaks with the other through namespaces and a volume that both have. */
    @Test
    void twoContainersShareNamespacesAndAVolume() {
        docker.run("volume", "create", "shared").ok();
        docker.run(
                        "run",
                        "--detach",
                        "--name",
                        "server",
                        "--ipc",
                        "shareable",
                        "--volume",
                        "shared:/data",
                        Caller.IMAGE,
                        "sh",
                        "-c",
                        "hostname > /data/name; exec sleep 1000")
                .ok();
        docker.run(
                        "run",
                        "--detach",
                        "--name",
                        "client",
                        "--network=container:server",
                        "--pid=container:server",
                        "--ipc=container:server",
                        "--volume",
                        "shared:/data:ro",
                        Caller.IMAGE,
                        "sleep",
                        "2000")
                .ok();

        String links = "for n in net ipc pid; do readlink /proc/self/ns/$n; done; cat /data/name";
        assertThat(docker.run("exec", "client", "sh", "-c", links).ok().out())
                .isEqualTo(docker.run("exec", "server", "sh", "-c", links).ok().out());
        assertThat(docker.run("exec", "client", "ps").ok().out())
                .contains("sleep 1000")
                .contains("sleep 2000");
        assertThat(docker.run("exec", "client", "touch", "/data/x").exit()).isNotZero();
    }

    @Test
    void memoryThatIsOutIsSaid() {
        Command.Result result = docker.run(
                "run",
                "--name",
                "big",
                "--memory",
                "8m",
                "--memory-swap",
                "8m",
                Caller.IMAGE,
                "sh",
                "-c",
                "exec tail /dev/zero");

        assertThat(result.exit()).isEqualTo(137);
        assertThat(inspect("big", "{{.State.OOMKilled}}")).isEqualTo("true");
    }

    @Test
    void copiesAndCommits() {
        detached("web", "sh", "-c", "echo text > /made; exec sleep 1000");
        Await.until(
                "the file",
                SOON,
                () -> docker.run("exec", "web", "cat", "/made").out().equals("text\n"));

        docker.run("commit", "web", "caisson.test/made:1").ok();

        assertThat(docker.run("run", "--rm", "caisson.test/made:1", "cat", "/made")
                        .ok()
                        .out())
                .isEqualTo("text\n");
    }
}
