package dev.caisson.tests.callers;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The CRI's command line client with one engine behind it, and what it is asked for in every engine.
 *
 * @param program the client
 * @param socket the engine's
 * @param dir where pods' and containers' configurations are written, and logs
 * @param image a busybox that the engine knows
 * @param linux the fields of {@code linux} that the engine needs for pods and containers, as JSON; maybe none
 */
record Crictl(Path program, Path socket, Path dir, String image, String linux) {
    Command.Result run(String... arguments) {
        List<String> argv = new ArrayList<>(List.of(
                program.toString(),
                "--runtime-endpoint=unix://" + socket,
                "--image-endpoint=unix://" + socket,
                "--timeout=60s"));
        argv.addAll(List.of(arguments));
        return Command.of(argv).run();
    }

    /** Removes every pod. */
    void clear() {
        run("rmp", "--all", "--force");
    }

    private Path write(String name, String text) {
        try {
            return Files.writeString(dir.resolve(name), text);
        } catch (IOException e) {
            throw new UncheckedIOException("write " + name, e);
        }
    }

    private Path pod(String name) {
        return write(name + ".json", """
                {"metadata": {"name": "%1$s", "namespace": "default", "uid": "%1$s-1", "attempt": 1}, "log_directory": "%2$s", "linux": {%3$s}}
                """.formatted(name, dir, linux));
    }

    private String say(String... arguments) {
        return run(arguments).ok().out().strip();
    }

    /** From its making to its removal: exec, log, statistics, a changed limit. */
    void podsLife() {
        Path pod = pod("pod");
        Path container = write("container.json", """
                {"metadata": {"name": "one"}, "image": {"image": "%s"}, "command": ["sh", "-c", "echo started; exec sleep 1000"],
                 "envs": [{"key": "A", "value": "b"}], "log_path": "one.log",
                 "linux": {"resources": {"memory_limit_in_bytes": 67108864, "cpu_shares": 512}%s}}
                """.formatted(image, linux.isEmpty() ? "" : ", " + linux));
        String sandbox = say("runp", pod.toString());
        String id = say("create", sandbox, container.toString(), pod.toString());
        run("start", id).ok();

        assertThat(say("ps", "--quiet")).isEqualTo(id);
        assertThat(say("exec", "--sync", id, "sh", "-c", "echo $A; ps | grep -c '[s]leep 1000'"))
                .isEqualTo("b\n1");
        assertThat(run("exec", "--sync", id, "sh", "-c", "exit 7").exit()).isNotZero();
        Await.until("the log", CallerSuite.SOON, () -> run("logs", id).out().equals("started\n"));
        assertThat(run("stats", "--output", "json", id).ok().out()).contains("\"workingSetBytes\"");
        assertThat(status(id, "state")).contains("CONTAINER_RUNNING");
        run("update", "--memory", "134217728", id).ok();
        assertThat(say("exec", "--sync", id, "cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes"))
                .isEqualTo("134217728");
        run("stop", "--timeout", "0", id).ok();
        assertThat(status(id, "exitCode")).isEqualTo("137");
        run("rm", id).ok();
        run("stopp", sandbox).ok();
        run("rmp", sandbox).ok();
        assertThat(run("pods", "--quiet").ok().out()).isEmpty();
    }

    private String status(String id, String field) {
        return say("inspect", "--output", "go-template", "--template", "{{.status." + field + "}}", id);
    }

    /** A container without its program: the error says which and why, and everything can be removed. */
    void missingProgram() {
        Path pod = pod("bad");
        Path container = write("missing.json", """
                {"metadata": {"name": "none"}, "image": {"image": "%s"}, "command": ["/no/such/program"], "log_path": "none.log",
                 "linux": {%s}}
                """.formatted(image, linux));
        String sandbox = say("runp", pod.toString());
        Command.Result made = run("create", sandbox, container.toString(), pod.toString());
        String id = made.out().strip();

        Command.Result failed = made.exit() == 0 ? run("start", id) : made;

        assertThat(failed.exit()).isNotZero();
        assertThat(failed.err()).contains("/no/such/program").containsIgnoringCase("no such file or directory");
        if (made.exit() == 0) {
            run("rm", "--force", id).ok();
        }
        run("rmp", "--force", sandbox).ok();
    }
}
