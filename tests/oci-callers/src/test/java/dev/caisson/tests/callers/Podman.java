package dev.caisson.tests.callers;

import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.OciRuntime;
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
        Path dir = caller.dir;
        caller.write("storage.conf", """
                [storage]
                driver = "vfs"
                graphroot = "%1$s/graph"
                runroot = "%1$s/run"
                """.formatted(dir));
        // Without CAP_SYS_RESOURCE the limits that Podman asks for by default cannot be had; kube play exchanges soft
        // and hard.
        // What runc gets for its name, the subject gets too: errors as JSON, and --cgroup-manager is not its flag.
        caller.write("containers.conf", """
                [containers]
                log_driver = "k8s-file"
                netns = "none"
                default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
                [network]
                network_config_dir = "%1$s/net"
                [engine]
                cgroup_manager = "cgroupfs"
                events_logger = "file"
                tmp_dir = "%1$s/tmp"
                runtime = "%2$s"
                runtime_supports_json = ["%2$s"]
                [engine.runtimes]
                %2$s = ["%3$s"]
                """.formatted(dir, runtime, caller.binary()));
        environment = Map.of(
                "CONTAINERS_STORAGE_CONF", dir.resolve("storage.conf").toString(),
                "CONTAINERS_CONF", dir.resolve("containers.conf").toString());
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
