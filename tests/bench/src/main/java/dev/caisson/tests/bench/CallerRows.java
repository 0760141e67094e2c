package dev.caisson.tests.bench;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.BusyboxRoot;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.OciRuntime;
import dev.caisson.tests.support.PodmanFiles;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.RuntimeUnderTest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** What the OCI command line costs beside its verbs' own time: without a daemon, in the container's memory, and under Podman. */
final class CallerRows {
    static final String FIRST = "oci-first";
    static final String MEMORY = "oci-memory";
    static final String PODMAN = "podman";
    static final List<String> NAMES = List.of(FIRST, MEMORY, PODMAN);

    private static final String IMAGE = "caisson.bench/busybox:1";
    private static final Duration SOON = Duration.ofSeconds(30);

    private final Options options;
    private final Samples samples;
    private final Stopwatch stopwatch = Stopwatch.build();
    private final List<OciRuntime> runtimes;

    private CallerRows(Options options, Samples samples) {
        this.options = options;
        this.samples = samples;
        this.runtimes = OciRuntime.available().stream()
                .filter(r -> options.peers().contains(r.toString()))
                .toList();
    }

    static void measure(Options options, Samples samples) {
        Path dir;
        try {
            dir = Files.createTempDirectory(Path.of("/tmp"), "ocb");
        } catch (IOException e) {
            throw new UncheckedIOException("create a directory in /tmp", e);
        }
        CallerRows rows = new CallerRows(options, samples);
        try {
            if (options.wants(FIRST)) {
                rows.first();
            }
            if (options.wants(MEMORY)) {
                rows.memory(dir);
            }
            if (options.wants(PODMAN) && Command.find("podman").isPresent()) {
                rows.podman(dir);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("lay out a bundle below " + dir, e);
        } finally {
            Command.of("rm", "-rf", "--one-file-system", dir.toString()).run();
        }
    }

    /** A command that has to start its daemon, and a virtual machine that does nothing, from the same archive. */
    private void first() {
        OciRuntime subject =
                runtimes.stream().filter(OciRuntime::isSubject).findFirst().orElse(null);
        if (subject == null) {
            return;
        }
        Path lib = RuntimeUnderTest.installation().orElseThrow().resolve("lib");
        Command bare = Command.of(
                lib.resolve("runtime/bin/java").toString(),
                "@" + lib.resolve("caissond.options"),
                "-XX:AOTCache=" + lib.resolve("caissond.aot"),
                "-version");
        Path state = Path.of(subject.environment().get("CAISSON_STATE_DIR"));
        for (int round = -2; round < options.rounds(); round++) {
            String daemon = pid(state);
            Command.of(subject.binary().toString(), "daemon", "leave")
                    .env(subject.environment())
                    .run()
                    .ok();
            Await.until("the daemon's end", SOON, () -> daemon.isEmpty() || !Proc.lives(Long.parseLong(daemon)));
            double first = stopwatch.time(subject.command(state.resolve("none"), "list", "-q"));
            double machine = stopwatch.time(bare);
            if (round >= 0) {
                samples.add("oci first command, ms", "caisson/cli", first);
                samples.add("oci first command, ms", "java/cli", machine);
            }
        }
    }

    private static String pid(Path state) {
        try {
            return Files.readString(state.resolve("caissond.pid")).strip();
        } catch (IOException none) {
            return "";
        }
    }

    /** The most that was ever charged to the group of a container that sleeps. */
    private void memory(Path dir) throws IOException {
        for (OciRuntime runtime : runtimes) {
            OciRows.layOut(
                    dir.resolve("sleep-" + runtime), dir.getFileName().toString(), "sleep", "/bin/sleep", "1000");
        }
        for (int round = -2; round < options.rounds(); round++) {
            for (OciRuntime runtime : runtimes) {
                Path root = dir.resolve("root-" + runtime);
                String id = dir.getFileName() + "-" + runtime;
                runtime.command(
                                root,
                                "create",
                                "--bundle",
                                dir.resolve("sleep-" + runtime).toString(),
                                id)
                        .into(dir.resolve("out"))
                        .run()
                        .ok();
                double created = peakKib(runtime, root, id);
                runtime.command(root, "start", id).run().ok();
                double started = peakKib(runtime, root, id);
                runtime.command(root, "delete", "--force", id).run().ok();
                if (round >= 0) {
                    samples.add("peak memory of the group after create, KiB", runtime + "/cli", created);
                    samples.add("peak memory of the group after start, KiB", runtime + "/cli", started);
                }
            }
        }
    }

    private static double peakKib(OciRuntime runtime, Path root, String id) throws IOException {
        String state = runtime.command(root, "state", id).run().ok().out();
        long pid = Long.parseLong(state.replaceFirst("(?s).*\"pid\": *([0-9]+).*", "$1"));
        for (String line : Proc.read(pid, "cgroup").lines().toList()) {
            String[] words = line.split(":", 3);
            Path v1 = Path.of("/sys/fs/cgroup/memory" + words[2], "memory.max_usage_in_bytes");
            Path v2 = Path.of("/sys/fs/cgroup" + words[2], "memory.peak");
            if (words[1].equals("memory") && Files.exists(v1)) {
                return Long.parseLong(Files.readString(v1).strip()) / 1024.0;
            }
            if (words[1].isEmpty() && Files.exists(v2)) {
                return Long.parseLong(Files.readString(v2).strip()) / 1024.0;
            }
        }
        throw new AssertionError("process " + pid + " has no memory group");
    }

    private void podman(Path dir) throws IOException {
        StringBuilder engines = new StringBuilder();
        for (OciRuntime runtime : runtimes) {
            Path script = dir.resolve(runtime.toString());
            StringBuilder text = new StringBuilder("#!/bin/sh\n");
            runtime.environment().forEach((k, v) -> text.append("export " + k + "='" + v + "'\n"));
            Files.writeString(script, text + "exec '" + runtime.binary() + "' \"$@\"\n");
            script.toFile().setExecutable(true, false);
            engines.append(runtime + " = [\"" + script + "\"]\n");
        }
        Map<String, String> environment = PodmanFiles.write(dir, "", engines.toString());
        String podman = Command.find("podman").orElseThrow().toString(); // the stopwatch takes a path
        Path archive = BusyboxRoot.archive(dir.resolve("busybox.tar"));
        Command.of("podman", "import", "--quiet", archive.toString(), IMAGE)
                .env(environment)
                .run()
                .ok();
        try {
            for (int round = -2; round < options.rounds(); round++) {
                for (OciRuntime runtime : runtimes) {
                    double took = stopwatch.time(Command.of(
                                    podman,
                                    "--runtime",
                                    dir.resolve(runtime.toString()).toString(),
                                    "run",
                                    "--rm",
                                    IMAGE,
                                    "true")
                            .env(environment));
                    if (round >= 0) {
                        samples.add("podman run --rm true, ms", runtime + "/cli", took);
                    }
                }
            }
        } finally {
            Command.of("podman", "rm", "--all", "--force", "--time", "0")
                    .env(environment)
                    .run();
        }
    }
}
