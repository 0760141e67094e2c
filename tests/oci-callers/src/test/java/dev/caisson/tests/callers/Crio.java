package dev.caisson.tests.callers;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.CrioBuild;
import dev.caisson.tests.support.OciRuntime;
import dev.caisson.tests.support.PodmanFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** CRI-O with storage, sockets, network and configuration of its own; Podman imports its image. */
final class Crio implements AutoCloseable {
    private static final Duration START = Duration.ofSeconds(60);

    /**
     * A pod without a pid namespace of its own needs no infra container. CRI-O gives that one an oom_score_adj of -998, which takes
     * CAP_SYS_RESOURCE, for every runtime.
     */
    private static final String OWN_PIDS = "\"security_context\": {\"namespace_options\": {\"pid\": 1}}";

    private final Caller caller;
    private final Process daemon;
    private final Crictl client;

    Crio(OciRuntime runtime, CrioBuild build, Path crictl) {
        caller = new Caller(runtime, "/crio-[0-9a-f]{64}");
        Path dir = caller.dir;
        Path socket = dir.resolve("crio.sock");
        client = new Crictl(crictl, socket, dir, Caller.IMAGE, OWN_PIDS);
        try {
            Map<String, String> environment = PodmanFiles.write(dir, "", "");
            caller.command(
                            environment,
                            "podman",
                            "import",
                            "--quiet",
                            caller.archive().toString(),
                            Caller.IMAGE)
                    .run()
                    .ok();
            caller.write("policy.json", "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}");
            Files.createDirectory(dir.resolve("cni"));
            caller.write("cni/10-test.conflist", """
                    {"cniVersion": "0.4.0", "name": "%2$s", "plugins": [{"type": "ptp",
                     "ipam": {"type": "host-local", "dataDir": "%1$s/ipam", "ranges": [[{"subnet": "10.203.0.0/24"}]]}}]}
                    """.formatted(dir, caller.tag()));
            Path configuration = caller.write("crio.conf", configuration(dir, build));
            daemon = caller.command(environment, build.crio().toString(), "--config=" + configuration, "--config-dir=")
                    .into(dir.resolve("crio"))
                    .start();
        } catch (IOException e) {
            throw new UncheckedIOException("configure CRI-O in " + dir, e);
        }
        try {
            Await.until(
                    () -> "CRI-O answers: " + log(),
                    START,
                    () -> client.run("version").exit() == 0);
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    private String configuration(Path dir, CrioBuild build) {
        return """
                [crio]
                root = "%1$s/graph"
                runroot = "%1$s/run"
                storage_driver = "vfs"
                log_dir = "%1$s/log"
                version_file = "%1$s/version"
                version_file_persist = "%1$s/version-persist"
                clean_shutdown_file = "%1$s/clean"
                [crio.api]
                listen = "%1$s/crio.sock"
                stream_address = "127.0.0.1"
                stream_port = "0"
                [crio.runtime]
                default_runtime = "subject"
                conmon_cgroup = "pod"
                cgroup_manager = "cgroupfs"
                pinns_path = "%2$s"
                container_exits_dir = "%1$s/exits"
                container_attach_socket_dir = "%1$s/attach"
                namespaces_dir = "%1$s/ns"
                hooks_dir = []
                [crio.runtime.runtimes.subject]
                runtime_path = "%3$s"
                runtime_type = "oci"
                runtime_root = "%1$s/state"
                monitor_path = "/usr/bin/conmon"
                [crio.image]
                pause_image = "%4$s"
                signature_policy = "%1$s/policy.json"
                signature_policy_dir = "%1$s/policies"
                [crio.network]
                network_dir = "%1$s/cni/"
                plugin_dirs = ["/usr/lib/cni"]
                [crio.nri]
                enable_nri = false
                """.formatted(dir, build.pinns(), caller.binary(), Caller.IMAGE);
    }

    private String log() {
        try {
            return Files.readString(caller.dir.resolve("crio.err"));
        } catch (IOException e) {
            return e.toString();
        }
    }

    Crictl client() {
        return client;
    }

    @Override
    public void close() {
        try {
            client.clear();
            daemon.destroy();
            if (!daemon.waitFor(10, TimeUnit.SECONDS)) {
                daemon.destroyForcibly();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            caller.close();
        }
    }
}
