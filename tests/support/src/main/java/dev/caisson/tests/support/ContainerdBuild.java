package dev.caisson.tests.support;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One containerd to test under.
 *
 * @param line {@code 1.6}, {@code 1.7} or {@code 2.x}
 * @param containerd the daemon
 * @param ctr the client of the same build
 * @param shimRuncV2 its own runc shim, the peer of the comparison
 * @param runc the runc that belongs to it
 */
public record ContainerdBuild(String line, Path containerd, Path ctr, Path shimRuncV2, Path runc) {
    /** The last release of the line between the two others: the first that asks {@code -info}, and still Task version 2. */
    public static final String CONTAINERD_1_7 = "1.7.35";

    /** The release that is built from source; see SPECIFICATION.md. */
    public static final String CONTAINERD_2 = "2.4.2";

    /** The runc that is built from source. */
    public static final String RUNC = "1.5.2";

    /** The CRI client that is built from source. */
    public static final String CRICTL = "1.37.0";

    private static final Duration BUILD_LIMIT = Duration.ofMinutes(15);

    /** Whether the configuration file has version 3 and the CRI is split into two plugins. */
    public boolean isVersion2() {
        return line.startsWith("2");
    }

    @Override
    public String toString() {
        return "containerd " + line;
    }

    /** Holds what {@link #available} found, so that it is looked for once per JVM. */
    private static final class Found {
        static final List<ContainerdBuild> ALL = find();

        private static List<ContainerdBuild> find() {
            List<ContainerdBuild> all = new ArrayList<>();
            String only = System.getProperty("caisson.containerd", "");
            if (only.isEmpty() || only.equals("1.6")) {
                debian().ifPresent(all::add);
            }
            if (only.equals("1.7")) {
                fromGoProxy("1.7", CONTAINERD_1_7, "github.com/containerd/containerd")
                        .ifPresent(all::add);
            }
            if (only.isEmpty() || only.equals("2.x")) {
                fromGoProxy("2.x", CONTAINERD_2, "github.com/containerd/containerd/v2")
                        .ifPresent(all::add);
            }
            return List.copyOf(all);
        }
    }

    /**
     * Every containerd that this machine can have: Debian's, and a 2.x built once from the Go module proxy into {@link
     * Cache}. What is missing is printed as a skip. {@code -Dcaisson.containerd=1.6} or {@code 2.x} narrows it; {@code 1.7},
     * also built, is taken only when it is named.
     */
    public static List<ContainerdBuild> available() {
        return Found.ALL;
    }

    private static Optional<ContainerdBuild> debian() {
        Optional<Path> containerd = Command.find("containerd");
        Optional<Path> ctr = Command.find("ctr");
        Optional<Path> shim = Command.find("containerd-shim-runc-v2");
        Optional<Path> runc = Command.find("runc");
        if (containerd.isEmpty() || ctr.isEmpty() || shim.isEmpty() || runc.isEmpty()) {
            Skip.note("every suite under Debian's containerd", "the packages containerd and runc");
            return Optional.empty();
        }
        return Optional.of(new ContainerdBuild("1.6", containerd.get(), ctr.get(), shim.get(), runc.get()));
    }

    private static Optional<ContainerdBuild> fromGoProxy(String line, String version, String module) {
        Path dir = Cache.dir("peers").resolve("containerd-" + version);
        for (String name : List.of("containerd", "ctr", "containerd-shim-runc-v2")) {
            if (!goBuild(dir, name, module, version)) {
                Skip.note("every suite under containerd " + version, "Go >= 1.26 and a reachable Go module proxy");
                return Optional.empty();
            }
        }
        return Optional.of(new ContainerdBuild(
                line,
                dir.resolve("containerd"),
                dir.resolve("ctr"),
                dir.resolve("containerd-shim-runc-v2"),
                newRunc().orElseGet(() -> Command.find("runc").orElse(dir.resolve("runc")))));
    }

    /** The CRI's command line client, built once; empty, and noted as skipped, where that is impossible. */
    public static Optional<Path> crictl() {
        Path dir = Cache.dir("peers").resolve("crictl-" + CRICTL);
        boolean built =
                goInstall(dir, "crictl", "sigs.k8s.io/cri-tools/cmd/crictl@v" + CRICTL, Map.of("CGO_ENABLED", "0"), "");
        if (!built) {
            Skip.note("crictl", "Go >= 1.26 and a reachable Go module proxy");
            return Optional.empty();
        }
        return Optional.of(dir.resolve("crictl"));
    }

    private static Optional<Path> newRunc() {
        Path dir = Cache.dir("peers").resolve("runc-" + RUNC);
        boolean built = goInstall(dir, "runc", "github.com/opencontainers/runc@v" + RUNC, Map.of(), "seccomp");
        if (!built) {
            Skip.note("comparison with runc " + RUNC, "Go >= 1.26 and the package libseccomp-dev");
            return Optional.empty();
        }
        return Optional.of(dir.resolve("runc"));
    }

    /** From within the module, not by {@code go install}: that refuses a module whose go.mod has excludes, as that of 1.7 does. */
    private static boolean goBuild(Path dir, String name, String module, String version) {
        if (Files.isExecutable(dir.resolve(name))) {
            return true;
        }
        Optional<Path> go = Command.find("go");
        if (go.isEmpty()) {
            return false;
        }
        System.out.println("building " + name + " of " + module + " " + version + " (once)");
        String script = "set -e; at=$(\"$1\" mod download -json \"$2\" | sed -n 's/^.*\"Dir\": \"\\(.*\\)\".*/\\1/p'); "
                + "\"$1\" -C \"$at\" build -mod=readonly -buildvcs=false -o \"$3\" \"$4\"";
        Command.Result built = Command.of(
                        "sh",
                        "-c",
                        script,
                        "build",
                        go.get().toString(),
                        module + "@v" + version,
                        dir.resolve(name).toString(),
                        "./cmd/" + name)
                .in(Path.of("/"))
                .env(Map.of("CGO_ENABLED", "0"))
                .timeout(BUILD_LIMIT)
                .run();
        if (built.exit() != 0) {
            System.out.println(built);
        }
        return built.exit() == 0;
    }

    private static boolean goInstall(Path dir, String name, String module, Map<String, String> env, String tags) {
        if (Files.isExecutable(dir.resolve(name))) {
            return true;
        }
        Optional<Path> go = Command.find("go");
        if (go.isEmpty()) {
            return false;
        }
        System.out.println("building " + module + " (once)");
        List<String> argv = new ArrayList<>(List.of(go.get().toString(), "install"));
        if (!tags.isEmpty()) {
            argv.addAll(List.of("-tags", tags));
        }
        argv.add(module);
        Command.Result built = Command.of(argv)
                .env(Map.of("GOBIN", dir.toString(), "GOFLAGS", "-mod=mod"))
                .env(env)
                .timeout(BUILD_LIMIT)
                .run();
        if (built.exit() != 0) {
            System.out.println(built);
        }
        return built.exit() == 0;
    }
}
