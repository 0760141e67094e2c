package dev.caisson.tests.support;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * CRI-O from the Go module proxy, which Debian does not have.
 *
 * @param crio the daemon
 * @param pinns its helper that pins namespaces
 */
public record CrioBuild(Path crio, Path pinns) {
    /** A release that the proxy serves with its checksum; most others it does not. */
    public static final String VERSION = "1.34.0";

    /** What has to be there for it. */
    public static final String NEEDED = "a CRI-O " + VERSION
            + " that was built before; ./dev test 'Crio*' builds it, with Go >= 1.24 and libseccomp-dev";

    /** It takes some four minutes of one processor: nothing that a run of all tests does by the way. */
    private static final String WANTED = "CAISSON_BUILD_CRIO";

    private static final Duration BUILD_LIMIT = Duration.ofMinutes(25);

    /** The one that is kept in {@link Cache}; built where {@code CAISSON_BUILD_CRIO} is set. */
    public static Optional<CrioBuild> available() {
        Path dir = Cache.dir("peers").resolve("crio-" + VERSION);
        CrioBuild build = new CrioBuild(dir.resolve("crio"), dir.resolve("pinns"));
        boolean built = Files.isExecutable(build.crio) && Files.isExecutable(build.pinns);
        return built || (System.getenv(WANTED) != null && build.build(dir)) ? Optional.of(build) : Optional.empty();
    }

    private boolean build(Path dir) {
        Optional<Path> go = Command.find("go");
        if (go.isEmpty()) {
            return false;
        }
        System.out.println("building CRI-O " + VERSION + " (once)");
        String script =
                "set -e; mkdir -p \"$3\"; at=$(\"$1\" mod download -json \"$2\" | sed -n 's/^.*\"Dir\": \"\\(.*\\)\".*/\\1/p'); "
                        + "gcc -std=c99 -Os -static -o \"$3/pinns\" \"$at\"/pinns/src/*.c; "
                        + "\"$1\" -C \"$at\" build -mod=readonly -buildvcs=false "
                        + "-tags 'containers_image_openpgp exclude_graphdriver_btrfs seccomp' -o \"$3/crio\" ./cmd/crio";
        Command.Result result = Command.of(List.of(
                        "sh",
                        "-c",
                        script,
                        "build",
                        go.get().toString(),
                        "github.com/cri-o/cri-o@v" + VERSION,
                        dir.toString()))
                .in(Path.of("/"))
                .timeout(BUILD_LIMIT)
                .run();
        if (result.exit() != 0) {
            System.out.println(result);
        }
        return result.exit() == 0;
    }
}
