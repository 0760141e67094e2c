package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.linux.Landlock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The annotation that restricts a container's processes, seen from inside by one that tries to get around it. */
final class LandlockTest extends NamespaceSuite {
    private static final String RULES =
            "path-beneath:read,execute:/; path-beneath:write,read,refer:/tmp; path-beneath:write-file:/dev/null";

    @BeforeEach
    void thereIsLandlock() {
        assumeTrue(Landlock.abi() > 0, () -> "SKIPPED: Landlock needs a kernel that has it enabled");
    }

    private static Bundle restricted(Bundle bundle, String rules) throws Exception {
        Files.createDirectories(bundle.rootfs("tmp"));
        Files.createDirectories(bundle.rootfs("etc"));
        Files.writeString(bundle.rootfs("etc/secret"), "secret\n");
        return bundle.spec(s -> {
            var b = s.toBuilder();
            b.annotations = Map.of("dev.caisson.landlock", rules);
            return b.build();
        });
    }

    private int code(TestContainer c, Bundle bundle, String script) throws ContainerFault {
        return c.exec(bundle.exec("sh", "-c", script)).awaitCode();
    }

    private void holds(Bundle bundle) throws Exception {
        try (TestContainer c = prepare(bundle).create().start()) {
            await("init's attempts", () -> c.stdout().contains("done"));
            assertThat(c.stdout()).isEqualTo("done\n");
            // What init tried is refused to those that join later as well.
            assertThat(code(c, bundle, "cat /etc/secret")).isZero();
            assertThat(code(c, bundle, "echo x > /etc/secret")).isNotZero();
            assertThat(code(c, bundle, "rm /etc/secret")).isNotZero();
            assertThat(code(c, bundle, "mkdir /new")).isNotZero();
            assertThat(code(c, bundle, "echo x > /tmp/mine && cat /tmp/mine && rm /tmp/mine"))
                    .isZero();
            assertThat(code(c, bundle, "ln -s /etc/secret /tmp/link && echo x > /tmp/link"))
                    .isNotZero();
            assertThat(code(c, bundle, "echo x > /dev/null")).isZero();
            assertThat(code(c, bundle, "mount -t tmpfs none /tmp")).isNotZero();
        }
        assertThat(Files.readString(bundle.rootfs("etc/secret"))).isEqualTo("secret\n");
    }

    private static final String ATTEMPTS =
            "(echo x > /etc/secret) 2>/dev/null && echo written; mkdir /made 2>/dev/null && echo made; echo done; exec sleep 1000";

    @Test
    void onlyWhatRulesAllow() throws Exception {
        holds(restricted(shell(ATTEMPTS).process(p -> p.noNewPrivileges = true), RULES));
    }

    @Test
    void withoutNoNewPrivilegesToo() throws Exception {
        holds(restricted(shell(ATTEMPTS).process(p -> p.noNewPrivileges = false), RULES));
    }

    @Test
    void inAUserNamespaceToo() throws Exception {
        holds(Bundles.withUserNamespace(restricted(shell(ATTEMPTS), RULES)));
    }

    @Test
    void aRulesPathDoesNotLeaveTheRoot() throws Exception {
        Path outside = Files.createDirectories(temp.resolve("outside"));
        Bundle bundle = restricted(shell("sleep 1000"), "path-beneath:read,execute:/; path-beneath:write:/data");
        Files.createSymbolicLink(bundle.rootfs("data"), outside);
        try (TestContainer c = prepare(bundle)) {
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(c::create)
                    .withMessageContaining("add Landlock rule for /data")
                    .withMessageContaining("ENOENT");
        }
    }

    @Test
    void aProgramThatMayNotBeExecutedIsNot() throws Exception {
        Bundle bundle = restricted(shell("true"), "path-beneath:read:/");
        try (TestContainer c = prepare(bundle).create()) {
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(c::start)
                    .withMessageContaining("exec: \"sh\"")
                    .withMessageContaining("EACCES");
        }
    }

    @Test
    void aWrongAnnotationIsRefusedBeforeAnythingIsDone() throws Exception {
        Bundle bundle = restricted(shell("true"), "path-beneath:fly:/");
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> prepare(bundle))
                .withMessageContaining("annotations.dev.caisson.landlock")
                .withMessageContaining("fly");
    }

    @Test
    void signalsStayInScope() throws Exception {
        assumeTrue(Landlock.abi() >= 6, () -> "SKIPPED: Landlock's scopes need Linux 6.12");
        Bundle bundle = restricted(shell("sleep 1000"), "scope:signal");
        try (TestContainer c = prepare(bundle).create().start()) {
            // Each process that joins is a domain of its own: it cannot reach init.
            assertThat(code(c, bundle, "kill -0 1")).isNotZero();
            assertThat(code(c, bundle, "sleep 5 & kill $!")).isZero();
        }
    }
}
