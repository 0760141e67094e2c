package dev.caisson.tests.callers;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.BusyboxRoot;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.LeakCheck;
import dev.caisson.tests.support.OciRuntime;
import dev.caisson.tests.support.Proc;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The directory in which one caller works with one runtime: configuration, storage, sockets, and the runtime as a script that sets what it
 * needs, since callers hand down no environment. {@link #close} fails if anything is left.
 */
final class Caller implements AutoCloseable {
    /** The image of every test. */
    static final String IMAGE = "caisson.test/busybox:1";

    final OciRuntime runtime;
    final Path dir;
    private final Set<Path> cgroups;
    private final Pattern groups;

    /**
     * @param groups what the paths of containers' cgroups end with, as a pattern; a caller's own, such as a pod's, are not the runtime's
     */
    Caller(OciRuntime runtime, String groups) {
        this.runtime = runtime;
        this.groups = Pattern.compile(groups + "$");
        try {
            // Short, since sockets lie below it: sun_path has 108 bytes.
            this.dir = Files.createTempDirectory(Path.of("/tmp"), "oc");
            dir.toFile().setExecutable(true, false);
            Files.createDirectory(dir.resolve("bin"));
            StringBuilder script = new StringBuilder("#!/bin/sh\n");
            runtime.environment()
                    .forEach((name, value) -> script.append("export ")
                            .append(name)
                            .append("='")
                            .append(value)
                            .append("'\n"));
            write("bin/" + runtime, script + "exec '" + runtime.binary() + "' \"$@\"\n");
            binary().toFile().setExecutable(true, false);
        } catch (IOException e) {
            throw new UncheckedIOException("prepare a directory in /tmp", e);
        }
        cgroups = containers();
    }

    /** What callers are told to execute. */
    Path binary() {
        return dir.resolve("bin").resolve(runtime.toString());
    }

    String tag() {
        return String.valueOf(dir.getFileName());
    }

    Path write(String name, String text) {
        try {
            return Files.writeString(dir.resolve(name), text);
        } catch (IOException e) {
            throw new UncheckedIOException("write " + dir.resolve(name), e);
        }
    }

    /** A tar file that is imported as {@link #IMAGE}. */
    Path archive() {
        return BusyboxRoot.archive(dir.resolve("rootfs.tar"));
    }

    Command command(Map<String, String> environment, String... argv) {
        return Command.of(argv).env(environment).env(Map.of("CALLER_TEST", tag()));
    }

    @Override
    public void close() {
        long deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos();
        Set<String> left = left();
        while (!left.isEmpty() && System.nanoTime() < deadline) {
            Await.sleep(Duration.ofMillis(50));
            left = left();
        }
        for (long pid : HostSnapshot.processesOf(tag())) {
            if (!LeakCheck.standing().test(Proc.read(pid, "cmdline"))) {
                ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
            }
        }
        for (String mount : HostSnapshot.mountsOf(tag()).reversed()) {
            Command.of("umount", "-l", mount).run();
        }
        Command.of("rm", "-rf", "--one-file-system", dir.toString()).run();
        assertThat(left).as("left behind by a caller of %s", runtime).isEmpty();
    }

    private Set<String> left() {
        Set<String> left = new TreeSet<>();
        for (long pid : HostSnapshot.processesOf(tag())) {
            String line = pid + " " + Proc.read(pid, "cmdline").strip();
            if (!LeakCheck.standing().test(line)) {
                left.add("process " + line);
            }
        }
        HostSnapshot.mountsOf(tag()).forEach(point -> left.add("mount " + point));
        for (Path cgroup : containers()) {
            if (!cgroups.contains(cgroup)) {
                left.add("cgroup " + cgroup);
            }
        }
        return left;
    }

    private Set<Path> containers() {
        return HostSnapshot.cgroupsOf("").stream()
                .filter(path -> groups.matcher(path.toString()).find())
                .collect(Collectors.toSet());
    }
}
