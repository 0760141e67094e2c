package dev.caisson.tests.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A runtime with runc's command line.
 *
 * @param kind which program this is
 * @param binary what is executed; for crun {@link CrunPeer}'s wrapper
 * @param environment what it needs besides this JVM's environment
 */
public record OciRuntime(RuntimeUnderTest.Kind kind, Path binary, Map<String, String> environment) {
    /** Where a caissond that the command line starts keeps its records; one for all tests of a JVM. */
    private static final String STATE = "CAISSON_STATE_DIR";

    private static final List<OciRuntime> AVAILABLE = find();

    public OciRuntime {
        environment = Map.copyOf(environment);
    }

    /**
     * runc, crun and the subject, as far as this machine has them; what is missing is noted as skipped. {@code -Dcaisson.oci=crun}
     * (or {@code runc}, {@code caisson}; a comma between several) selects.
     */
    public static List<OciRuntime> available() {
        return AVAILABLE;
    }

    private static List<OciRuntime> find() {
        List<OciRuntime> found = new ArrayList<>();
        Command.find("runc")
                .ifPresentOrElse(
                        runc -> found.add(new OciRuntime(RuntimeUnderTest.Kind.RUNC, runc, Map.of())),
                        () -> Skip.note("comparison with runc", "the package runc"));
        CrunPeer.wrapper()
                .ifPresent(wrapper -> found.add(new OciRuntime(RuntimeUnderTest.Kind.CRUN, wrapper, Map.of())));
        subject().ifPresent(found::add);
        String selected = System.getProperty("caisson.oci", "");
        if (!selected.isEmpty()) {
            found.removeIf(runtime -> !List.of(selected.split(",", -1)).contains(runtime.toString()));
        }
        return List.copyOf(found);
    }

    private static Optional<OciRuntime> subject() {
        Optional<Path> prefix = RuntimeUnderTest.prefixSetting();
        if (prefix.isEmpty()) {
            Skip.note("the OCI command line", "CAISSON_PREFIX (./dev install PREFIX)");
            return Optional.empty();
        }
        Path binary = prefix.get().resolve("bin/caisson");
        Path state = temporary("caisson-oci-");
        OciRuntime caisson = new OciRuntime(
                RuntimeUnderTest.Kind.CAISSON,
                binary,
                Map.of(STATE, state.resolve("state").toString()));
        Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().unstarted(() -> caisson.leave(state)));
        Command.Result unknown =
                caisson.command(state.resolve("root"), "state", "nobody").run();
        // The sentence that containerd's shim and go-runc look for; without it there is no such verb.
        if (unknown.exit() == 0 || !unknown.err().contains("container does not exist")) {
            throw new IllegalStateException(binary + " is no OCI command line: `state nobody` exits with "
                    + unknown.exit() + " and says '" + unknown.err().strip() + "'");
        }
        return Optional.of(caisson);
    }

    private static Path temporary(String name) {
        try {
            return Files.createTempDirectory(RunDirectory.path(), name);
        } catch (IOException e) {
            throw new UncheckedIOException("create a directory in /tmp", e);
        }
    }

    /** Ends the daemon that commands have started. */
    private void leave(Path state) {
        Command.of(binary.toString(), "daemon", "leave").env(environment).run();
        Command.of("rm", "-rf", "--one-file-system", state.toString()).run();
    }

    /** A command with its containers below {@code root}. */
    public Command command(Path root, String... arguments) {
        List<String> argv = new ArrayList<>(List.of(binary.toString(), "--root", root.toString()));
        argv.addAll(List.of(arguments));
        return Command.of(argv).env(environment);
    }

    public boolean is(RuntimeUnderTest.Kind other) {
        return kind == other;
    }

    public boolean isSubject() {
        return is(RuntimeUnderTest.Kind.CAISSON);
    }

    /** The name that test reports show. */
    @Override
    public String toString() {
        return kind.name().toLowerCase(java.util.Locale.ROOT);
    }
}
