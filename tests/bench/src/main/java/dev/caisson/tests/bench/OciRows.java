package dev.caisson.tests.bench;

import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.OciRuntime;
import dev.caisson.tests.support.RunDirectory;
import dev.caisson.tests.support.Spec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/**
 * The rows of the OCI command line, without containerd: each verb as a caller waits for it, timed around vfork(2) and wait4(2); on a machine
 * at {@link Rest}, and one upon the other.
 */
final class OciRows {
    static final String NAME = "oci";

    private final Path dir;
    private final Stopwatch stopwatch;
    private final OciRuntime runtime;
    private final String tag;
    private int next;

    private OciRows(Path dir, Stopwatch stopwatch, OciRuntime runtime) {
        this.dir = dir;
        this.stopwatch = stopwatch;
        this.runtime = runtime;
        this.tag = String.valueOf(dir.getFileName());
    }

    static void measure(Options options, Samples samples) {
        Path dir;
        Stopwatch stopwatch = Stopwatch.build();
        List<OciRows> subjects = new ArrayList<>();
        try {
            dir = Files.createTempDirectory(Path.of("/tmp"), "oci-bench-");
            for (OciRuntime runtime : OciRuntime.available()) {
                if (options.peers().contains(runtime.toString())) {
                    subjects.add(new OciRows(dir, stopwatch, runtime));
                }
            }
            for (OciRows subject : subjects) {
                subject.layOut("true", "/bin/true");
                subject.layOut("sleep", "/bin/sleep", "10000");
            }
        } catch (IOException e) {
            throw new UncheckedIOException("lay out bundles in /tmp", e);
        }
        try {
            rounds(options, subjects, samples);
        } finally {
            subjects.forEach(s -> s.runtime
                    .command(s.root(), "delete", "--force", s.id("long"))
                    .run());
            Command.of("rm", "-rf", "--one-file-system", dir.toString()).run();
            subjects.forEach(
                    s -> Command.of("rm", "-rf", "--one-file-system", s.root().toString())
                            .run());
        }
    }

    private static void rounds(Options options, List<OciRows> subjects, Samples samples) {
        for (OciRows subject : subjects) {
            // Detached, so that it must not keep this process's pipes.
            subject.runtime
                    .command(subject.root(), "run", "-d", "--bundle", subject.bundle("sleep"), subject.id("long"))
                    .into(dir(subject, "long"))
                    .run()
                    .ok();
        }
        // A young caissond rehearses, for two seconds, a second after its start.
        LockSupport.parkNanos(Duration.ofSeconds(5).toNanos());
        round(options, subjects, samples, Rest::await, "");
        round(options, subjects, samples, () -> {}, ", in a rush");
    }

    /** @param before what is waited for before each command */
    private static void round(
            Options options, List<OciRows> subjects, Samples samples, Runnable before, String suffix) {
        for (int round = -2; round < options.rounds(); round++) {
            for (OciRows subject : subjects) {
                Map<String, Double> times = subject.sample(before, suffix);
                if (round >= 0) {
                    times.forEach((row, ms) -> samples.add("oci " + row + ", ms", subject.runtime + "/cli", ms));
                }
            }
        }
    }

    private static Path dir(OciRows subject, String name) {
        return subject.dir.resolve(subject.runtime + "-" + name);
    }

    private Map<String, Double> sample(Runnable before, String suffix) {
        Map<String, Double> times = new LinkedHashMap<>();
        String id = id(Integer.toString(next++));
        times.put("run" + suffix, time(before, "run", "--bundle", bundle("true"), id));
        double create = time(before, "create", "--bundle", bundle("true"), id);
        double start = time(before, "start", id);
        double delete = time(before, "delete", "--force", id);
        times.put("create + start + delete" + suffix, create + start + delete);
        times.put("create" + suffix, create);
        times.put("start" + suffix, start);
        times.put("delete" + suffix, delete);
        times.put("exec" + suffix, time(before, "exec", id("long"), "/bin/true"));
        times.put("state" + suffix, time(before, "state", id("long")));
        return times;
    }

    private double time(Runnable before, String... arguments) {
        before.run();
        return stopwatch.time(runtime.command(root(), arguments).env(runtime.environment()));
    }

    private Path root() {
        return RunDirectory.path().resolve(tag + "-" + runtime);
    }

    private String bundle(String program) {
        return dir(this, program).toString();
    }

    private String id(String name) {
        return tag + "-" + runtime + "-" + name;
    }

    private void layOut(String name, String... argv) throws IOException {
        layOut(Path.of(bundle(name)), tag, name, argv);
    }

    /** A bundle with a root file system of busybox, true and sleep. */
    static void layOut(Path bundle, String tag, String name, String... argv) throws IOException {
        Path rootfs = bundle.resolve("rootfs");
        for (String directory : List.of("bin", "dev", "etc", "proc", "sys", "tmp")) {
            Files.createDirectories(rootfs.resolve(directory));
        }
        Files.copy(Path.of("/bin/busybox"), rootfs.resolve("bin/busybox"));
        Files.createSymbolicLink(rootfs.resolve("bin/true"), Path.of("busybox"));
        Files.createSymbolicLink(rootfs.resolve("bin/sleep"), Path.of("busybox"));
        var config = Spec.of(tag, name, argv).tree();
        ((com.fasterxml.jackson.databind.node.ObjectNode) config.get("linux")).remove("cgroupsPath"); // each its own
        Files.writeString(bundle.resolve("config.json"), config.toString());
    }
}
