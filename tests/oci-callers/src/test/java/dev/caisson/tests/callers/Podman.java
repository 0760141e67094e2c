package dev.caisson.tests.callers;

import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.OciRuntime;
import dev.caisson.tests.support.PodmanFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Podman and Buildah with storage, networks and configuration of their own; nothing of the machine's is touched. */
final class Podman implements AutoCloseable {
    private final Caller caller;
    private final Map<String, String> environment;

    Podman(OciRuntime runtime) {
        caller = new Caller(runtime, "/libpod-[0-9a-f]{64}");
        try {
            // What runc gets for its name, the subject gets too: errors as JSON, and --cgroup-manager is not its flag.
            environment = PodmanFiles.write(
                    caller.dir,
                    "runtime = \"%1$s\"%nruntime_supports_json = [\"%1$s\"]".formatted(runtime),
                    "%s = [\"%s\"]".formatted(runtime, caller.binary()));
        } catch (IOException e) {
            throw new UncheckedIOException("write configuration in " + caller.dir, e);
        }
        podman("import", "--quiet", caller.archive().toString(), Caller.IMAGE).ok();
    }

    Path dir() {
        return caller.dir;
    }

    Path write(String name, String text) {
        return caller.write(name, text);
    }

    Command command(String... arguments) {
        List<String> argv = new ArrayList<>(List.of("podman"));
        argv.addAll(List.of(arguments));
        return caller.command(environment, argv.toArray(String[]::new));
    }

    Command.Result podman(String... arguments) {
        return command(arguments).run();
    }

    /** Buildah over the same storage. */
    Command.Result buildah(String... arguments) {
        List<String> argv = new ArrayList<>(List.of("buildah"));
        argv.addAll(List.of(arguments));
        return caller.command(environment, argv.toArray(String[]::new)).run();
    }

    /** The runtime's script, for Buildah, which takes a path. */
    String binary() {
        return caller.binary().toString();
    }

    /** Removes every container. */
    void clear() {
        podman("pod", "rm", "--all", "--force", "--time", "0").ok();
        podman("rm", "--all", "--force", "--time", "0").ok();
    }

    @Override
    public void close() {
        try {
            clear();
        } finally {
            caller.close();
        }
    }
}
