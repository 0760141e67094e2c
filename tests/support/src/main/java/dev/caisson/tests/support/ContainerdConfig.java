package dev.caisson.tests.support;

import java.nio.file.Path;

/** Renders config.toml for a containerd that touches nothing outside its own directory. */
final class ContainerdConfig {
    /** The file of runtime options that the configuration may name, and what is in it. */
    static final String OPTIONS = "options.toml";

    static final String SYSTEMD_CGROUP = "SystemdCgroup = true\n";

    private ContainerdConfig() {}

    static String render(PrivateContainerd.Settings settings, Path dir, Path disk, String logLevel) {
        String common = """
                root = "%4$s/r"
                state = "%1$s/s"
                disabled_plugins = [%2$s]

                [grpc]
                  address = "%1$s/c.sock"

                [ttrpc]
                  address = "%1$s/t.sock"

                [debug]
                  level = "%3$s"

                """.formatted(dir, disabled(settings), logLevel, disk);
        return settings.build().isVersion2()
                ? "version = 3\n" + common + version3(settings, dir)
                : "version = 2\n" + common + version2(settings, dir);
    }

    private static String disabled(PrivateContainerd.Settings settings) {
        // Each of these needs something that the machine or the suite does not have, and only fills the log.
        String always = "\"io.containerd.snapshotter.v1.aufs\", \"io.containerd.snapshotter.v1.btrfs\", "
                + "\"io.containerd.snapshotter.v1.devmapper\", \"io.containerd.snapshotter.v1.zfs\", "
                + "\"io.containerd.tracing.processor.v1.otlp\", \"io.containerd.internal.v1.tracing\"";
        if (settings.cri()) {
            return always;
        }
        return always
                + (settings.build().isVersion2()
                        ? ", \"io.containerd.grpc.v1.cri\", \"io.containerd.cri.v1.images\", \"io.containerd.cri.v1.runtime\", \"io.containerd.nri.v1.nri\""
                        : ", \"io.containerd.grpc.v1.cri\"");
    }

    private static String version2(PrivateContainerd.Settings settings, Path dir) {
        return """
                [plugins."io.containerd.internal.v1.opt"]
                  path = "%1$s/opt"

                [plugins."io.containerd.grpc.v1.cri"]
                  sandbox_image = "%2$s"
                  restrict_oom_score_adj = true
                  disable_apparmor = true
                  stream_server_address = "127.0.0.1"
                  stream_server_port = "0"
                  [plugins."io.containerd.grpc.v1.cri".containerd]
                    snapshotter = "%3$s"
                    default_runtime_name = "subject"
                    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.subject]
                      runtime_type = "%4$s"
                %5$s
                  [plugins."io.containerd.grpc.v1.cri".cni]
                    bin_dir = "/usr/lib/cni"
                    conf_dir = "%1$s/cni"
                """.formatted(
                        dir,
                        TestImages.PAUSE,
                        settings.snapshotter(),
                        settings.runtime().type(),
                        options(settings, dir, "io.containerd.grpc.v1.cri"));
    }

    private static String version3(PrivateContainerd.Settings settings, Path dir) {
        return """
                [plugins."io.containerd.internal.v1.opt"]
                  path = "%1$s/opt"

                [plugins."io.containerd.nri.v1.nri"]
                  disable = true

                [plugins."io.containerd.cri.v1.images"]
                  snapshotter = "%3$s"
                  [plugins."io.containerd.cri.v1.images".pinned_images]
                    sandbox = "%2$s"

                [plugins."io.containerd.cri.v1.runtime"]
                  restrict_oom_score_adj = true
                  disable_apparmor = true
                  [plugins."io.containerd.cri.v1.runtime".containerd]
                    default_runtime_name = "subject"
                    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.subject]
                      runtime_type = "%4$s"
                      sandboxer = "%6$s"
                %5$s
                  [plugins."io.containerd.cri.v1.runtime".cni]
                    bin_dirs = ["/usr/lib/cni"]
                    conf_dir = "%1$s/cni"

                [plugins."io.containerd.grpc.v1.cri"]
                  stream_server_address = "127.0.0.1"
                  stream_server_port = "0"
                """.formatted(
                        dir,
                        TestImages.PAUSE,
                        settings.snapshotter(),
                        settings.runtime().type(),
                        options(settings, dir, "io.containerd.cri.v1.runtime"),
                        settings.sandboxer());
    }

    private static String options(PrivateContainerd.Settings settings, Path dir, String plugin) {
        StringBuilder lines = new StringBuilder();
        settings.runtime()
                .ociBinary()
                .ifPresent(
                        binary -> lines.append("BinaryName = \"").append(binary).append("\"\n"));
        if (settings.systemdCgroup()) {
            // containerd 1.6 knows the option itself for runc's shim only.
            lines.append(
                    settings.runtime().isSubject()
                            ? "ConfigPath = \"" + dir.resolve(OPTIONS) + "\"\n"
                            : SYSTEMD_CGROUP);
        }
        return lines.isEmpty() ? "" : "[plugins.\"" + plugin + "\".containerd.runtimes.subject.options]\n" + lines;
    }

    /** A bridge of the instance's own without masquerade, so that no rule is left in the host's packet filter. */
    static String cni(Path dir, String bridge, int subnet, boolean hostPorts) {
        String portmap = hostPorts
                ? ", {\"type\": \"portmap\", \"capabilities\": {\"portMappings\": true}, \"snat\": false}"
                : "";
        return """
                {
                  "cniVersion": "0.4.0",
                  "name": "%1$s",
                  "plugins": [
                    {
                      "type": "bridge",
                      "bridge": "%1$s",
                      "isGateway": true,
                      "ipMasq": false,
                      "ipam": {
                        "type": "host-local",
                        "dataDir": "%2$s/ipam",
                        "ranges": [[{"subnet": "10.213.%3$d.0/24"}]],
                        "routes": [{"dst": "0.0.0.0/0"}]
                      }
                    }%4$s
                  ]
                }
                """.formatted(bridge, dir, subnet, portmap);
    }
}
