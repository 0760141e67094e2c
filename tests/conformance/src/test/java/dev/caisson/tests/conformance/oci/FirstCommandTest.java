package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import dev.caisson.tests.support.Skip;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A command that has to start its daemon waits for little more than a virtual machine. Each class here costs milliseconds of that. */
class FirstCommandTest extends OciSuite {
    /** Logging, security providers, looking for services, classes that are made at run time. */
    private static final List<String> DEAR = List.of(
            "java/util/logging/LogManager",
            "java/security/MessageDigest",
            "java/util/ServiceLoader",
            "java/lang/invoke/InnerClassLambdaMetafactory");

    @BeforeEach
    void onlyOneHasADaemon() {
        Skip.unless(runtime.is(Kind.CAISSON), "the start of a daemon", "caisson; " + runtime + " has none");
    }

    @Test
    void aStartNeedsNoDearClasses() throws IOException {
        Path log = dir.resolve("initialized");
        Path state = dir.resolve("state");
        Map<String, String> environment = Map.of("CAISSON_STATE_DIR", state.toString());
        Path prefix = Objects.requireNonNull(runtime.binary().getParent()).resolveSibling("");
        Command.of(
                        "env",
                        "CAISSOND_JAVA_OPTIONS=-Xlog:class+init=info:file=" + log + ":none",
                        prefix.resolve("libexec/caissond").toString(),
                        "--state-dir",
                        state.toString())
                .into(dir.resolve("daemon"))
                .start();
        try {
            Await.until("a daemon", SOON, () -> Files.exists(state.resolve("command.sock")));
            Command.of(
                            runtime.binary().toString(),
                            "--root",
                            dir.resolve("none").toString(),
                            "list",
                            "-q")
                    .env(environment)
                    .run()
                    .ok();
            List<String> initialized = Files.readAllLines(log);
            assertThat(initialized).anyMatch(line -> line.contains("'dev/caisson/cli/Queries'"));
            assertThat(DEAR).noneMatch(dear -> initialized.stream().anyMatch(line -> line.contains("'" + dear + "'")));
        } finally {
            Command.of(runtime.binary().toString(), "daemon", "leave")
                    .env(environment)
                    .run()
                    .ok();
        }
    }
}
