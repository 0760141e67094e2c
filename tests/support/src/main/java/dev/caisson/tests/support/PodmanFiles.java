package dev.caisson.tests.support;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** Podman's and Buildah's configuration below a directory of a test's own, so that nothing of the machine's is touched. */
public final class PodmanFiles {
    private PodmanFiles() {}

    /**
     * Writes it.
     *
     * @param engine further lines of the section {@code engine}
     * @param runtimes the lines of {@code engine.runtimes}
     * @return the variables that make Podman read it
     */
    public static Map<String, String> write(Path dir, String engine, String runtimes) throws IOException {
        Path storage = Files.writeString(dir.resolve("storage.conf"), """
                [storage]
                driver = "vfs"
                graphroot = "%1$s/graph"
                runroot = "%1$s/run"
                """.formatted(dir));
        // Without CAP_SYS_RESOURCE the limits that Podman asks for by default cannot be had; kube play exchanges soft
        // and hard.
        Path containers = Files.writeString(dir.resolve("containers.conf"), """
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
                %2$s
                [engine.runtimes]
                %3$s
                """.formatted(dir, engine, runtimes));
        return Map.of("CONTAINERS_STORAGE_CONF", storage.toString(), "CONTAINERS_CONF", containers.toString());
    }
}
