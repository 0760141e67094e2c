package dev.caisson.shim.sandbox;

import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Root;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The bundle of the process that holds a sandbox's namespaces: nothing but our own static binary as its init. */
final class SandboxBundle {
    /** Annotation of the sandbox's own process: the network namespace path that the caller gave, whether it could be joined or not. */
    static final String NETNS = "dev.caisson.sandbox.netns";

    private static final String INIT = "caisson-init";

    private SandboxBundle() {}

    /**
     * @param netns network namespace to join, empty for a new one
     * @param givenNetns what the caller named, for the status
     */
    static void write(Path bundle, Path binary, String id, PodConfig pod, String netns, String givenNetns)
            throws IOException {
        Path rootfs = bundle.resolve("rootfs");
        Files.createDirectories(rootfs);
        Files.copy(binary, rootfs.resolve(INIT), StandardCopyOption.REPLACE_EXISTING);
        Files.write(bundle.resolve("config.json"), SpecWriter.write(spec(id, pod, netns, givenNetns)));
    }

    static Spec spec(String id, PodConfig pod, String netns, String givenNetns) {
        ProcessSpec.Builder process = new ProcessSpec.Builder();
        process.args = List.of("/" + INIT);
        process.env = List.of("PATH=/", "HOME=/");
        process.cwd = "/";
        process.noNewPrivileges = true;
        List<Linux.Namespace> namespaces = new ArrayList<>();
        namespaces.add(new Linux.Namespace(NamespaceType.MOUNT, null));
        if (!pod.hostNetwork()) {
            namespaces.add(new Linux.Namespace(NamespaceType.NETWORK, netns.isEmpty() ? null : netns));
            namespaces.add(new Linux.Namespace(NamespaceType.UTS, null));
        }
        if (!pod.hostIpc()) {
            namespaces.add(new Linux.Namespace(NamespaceType.IPC, null));
        }
        if (!pod.hostPid()) {
            namespaces.add(new Linux.Namespace(NamespaceType.PID, null));
        }
        Linux.Builder linux = new Linux.Builder();
        linux.namespaces = namespaces;
        linux.cgroupsPath = pod.cgroupParent().isEmpty() ? "/caisson-sandbox/" + id : pod.cgroupParent() + "/" + id;
        Spec.Builder b = new Spec.Builder();
        b.process = process.build();
        b.root = new Root("rootfs", true);
        b.hostname = pod.hostNetwork() || pod.hostname().isEmpty() ? null : pod.hostname();
        b.mounts = List.of(
                Mount.of("/proc", "proc", "proc", List.of("nosuid", "noexec", "nodev")),
                Mount.of("/dev", "tmpfs", "tmpfs", List.of("nosuid", "strictatime", "mode=755", "size=65536k")));
        b.linux = linux.build();
        if (!pod.hostNetwork() && !givenNetns.isEmpty()) {
            b.annotations = Map.of(NETNS, givenNetns);
        }
        return b.build();
    }
}
