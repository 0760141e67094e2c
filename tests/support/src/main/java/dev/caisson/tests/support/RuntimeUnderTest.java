package dev.caisson.tests.support;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The runtime that containerd is told to use.
 *
 * @param kind which program this is
 * @param type containerd's runtime name, for example {@code io.containerd.runc.v2}
 * @param searchPath directories that come first in containerd's PATH
 * @param prefix the installation of the subject; absent for the peers
 * @param ociBinary what containerd's runc shim shall run instead of runc
 */
public record RuntimeUnderTest(
        Kind kind, String type, List<Path> searchPath, Optional<Path> prefix, Optional<Path> ociBinary) {
    /** The subject and the peers that the same suites can run against. */
    public enum Kind {
        CAISSON,
        RUNC,
        CRUN
    }

    private static final String RUNC_V2 = "io.containerd.runc.v2";

    public RuntimeUnderTest {
        searchPath = List.copyOf(searchPath);
    }

    /** The subject's OCI command line below containerd's own shim for runc. */
    public static RuntimeUnderTest runcShim(ContainerdBuild build, Path binary) {
        return new RuntimeUnderTest(Kind.RUNC, RUNC_V2, peerPath(build), Optional.empty(), Optional.of(binary));
    }

    /**
     * The runtime chosen for this JVM: {@code -Dcaisson.peer=runc} takes the peer, {@code oci} the peer's shim over the subject's OCI
     * command line; otherwise the installation named by
     * system property or environment variable {@code CAISSON_PREFIX} is taken; empty when there is none.
     */
    public static Optional<RuntimeUnderTest> selected(ContainerdBuild build) {
        String peer = System.getProperty("caisson.peer", "");
        if (peer.equals("runc")) {
            return Optional.of(runc(build));
        }
        if (peer.equals("oci")) {
            return prefixSetting().map(prefix -> runcShim(build, prefix.resolve("bin/caisson")));
        }
        return prefixSetting().map(RuntimeUnderTest::caisson);
    }

    /** The installation of the subject, whatever containerd there is; empty when a peer was chosen. */
    public static Optional<Path> installation() {
        return System.getProperty("caisson.peer", "").isEmpty() ? prefixSetting() : Optional.empty();
    }

    /** The peer: containerd's own shim with runc. */
    public static RuntimeUnderTest runc(ContainerdBuild build) {
        return new RuntimeUnderTest(Kind.RUNC, RUNC_V2, peerPath(build), Optional.empty(), Optional.empty());
    }

    /** The peer: containerd's own shim with crun; {@code wrapper} is {@link CrunPeer}'s. */
    public static RuntimeUnderTest crun(ContainerdBuild build, Path wrapper) {
        return new RuntimeUnderTest(Kind.CRUN, RUNC_V2, peerPath(build), Optional.empty(), Optional.of(wrapper));
    }

    /** The subject, installed under {@code prefix} by {@code ./dev install}. */
    public static RuntimeUnderTest caisson(Path prefix) {
        return new RuntimeUnderTest(
                Kind.CAISSON,
                "io.containerd." + shimName() + ".v2",
                List.of(prefix.resolve("bin")),
                Optional.of(prefix),
                Optional.empty());
    }

    private static List<Path> peerPath(ContainerdBuild build) {
        return List.of(parent(build.shimRuncV2()), parent(build.runc()));
    }

    /** Options of type {@code containerd.runc.v1.Options} that name {@link #ociBinary}; empty when there is none. */
    public Optional<Any> options() {
        return ociBinary.map(binary -> {
            byte[] path = binary.toString().getBytes(StandardCharsets.UTF_8);
            // Field 6, binary_name, is all there is to set.
            ByteString value = ByteString.copyFrom(new byte[] {6 << 3 | 2, (byte) path.length})
                    .concat(ByteString.copyFrom(path));
            return Any.newBuilder()
                    .setTypeUrl("containerd.runc.v1.Options")
                    .setValue(value)
                    .build();
        });
    }

    /** The shim's executable in the search path of a containerd of this runtime. */
    public Path shim() {
        String name = kind == Kind.CAISSON ? "containerd-shim-" + shimName() + "-v2" : "containerd-shim-runc-v2";
        return searchPath.get(0).resolve(name);
    }

    /** The subject's wall: {@code -Dcaisson.wall=trap} takes the one of the userspace kernel. */
    private static String shimName() {
        String wall = System.getProperty("caisson.wall", "");
        return wall.isEmpty() ? "caisson" : "caisson-" + wall;
    }

    /** The installation that the suites shall use, if one is named and has a shim. */
    public static Optional<Path> prefixSetting() {
        String value = System.getProperty("CAISSON_PREFIX", "");
        if (value.isEmpty()) {
            String env = System.getenv("CAISSON_PREFIX");
            value = env == null ? "" : env;
        }
        if (value.isEmpty()) {
            return Optional.empty();
        }
        Path prefix = Path.of(value).toAbsolutePath();
        if (!Files.isExecutable(prefix.resolve("bin/containerd-shim-caisson-v2"))) {
            throw new IllegalStateException("CAISSON_PREFIX " + prefix + " has no bin/containerd-shim-caisson-v2");
        }
        return Optional.of(prefix);
    }

    public boolean isSubject() {
        return kind == Kind.CAISSON;
    }

    private static Path parent(Path file) {
        Path parent = file.getParent();
        return parent == null ? Path.of("/") : parent;
    }
}
