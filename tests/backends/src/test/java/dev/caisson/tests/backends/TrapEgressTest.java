package dev.caisson.tests.backends;

import static dev.caisson.tests.backends.IpCommand.ip;
import static dev.caisson.tests.backends.TrapConfigTest.annotated;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.oci.Linux;
import dev.caisson.oci.NamespaceType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Where a container may send to: by every way to say it, by names, and with threads that exchange what was looked at. */
final class TrapEgressTest extends TrapSuite {
    private static final String NETWORK = "caisson-egress";
    private static final String POLICY = "10.98.1.1:7000, tcp [fd00:98::1]:7000, tcp names.test:7000, dns 10.98.1.53";
    private static final Duration LIMIT = Duration.ofMinutes(4);

    /** Who is asked for names. */
    private @Nullable Process names;

    @BeforeEach
    void makeNetwork() throws Exception {
        removeNetwork();
        ip("netns add " + NETWORK);
        ip("-n " + NETWORK + " link set lo up");
        for (String address : List.of("10.98.1.1", "10.98.1.2", "10.98.1.3", "10.98.1.4", "10.98.1.53")) {
            ip("-n " + NETWORK + " addr add " + address + "/32 dev lo");
        }
        ip("-n " + NETWORK + " addr add fd00:98::1/128 dev lo nodad");
        ip("-n " + NETWORK + " addr add fd00:98::2/128 dev lo nodad");
        Path program = temp.resolve("names");
        CompiledProgram.compile("egress", temp, program);
        names = new ProcessBuilder("ip", "netns", "exec", NETWORK, program.toString(), "names")
                .inheritIO()
                .start();
    }

    @AfterEach
    void removeNetwork() throws Exception {
        if (names != null) {
            names.destroyForcibly().waitFor();
        }
        if (Files.exists(Path.of("/run/netns", NETWORK))) {
            ip("netns del " + NETWORK);
        }
    }

    private Bundle bundle(String arguments, String tier, Map<String, String> more) throws Exception {
        Bundle bundle = shell("mkdir -p /tmp; cd /tmp; exec /program " + arguments)
                .linux(l -> {
                    List<Linux.Namespace> namespaces = new ArrayList<>(l.namespaces);
                    namespaces.removeIf(n -> n.type() == NamespaceType.NETWORK);
                    namespaces.add(new Linux.Namespace(NamespaceType.NETWORK, "/run/netns/" + NETWORK));
                    l.namespaces = namespaces;
                });
        CompiledProgram.compile("egress", temp, bundle.rootfs("program"));
        return annotated(annotated(bundle, Map.of("dev.caisson.trap.tier", tier)), more);
    }

    private String run(String tier, Map<String, String> annotations) throws Exception {
        try (TestContainer c = prepare(bundle("600", tier, annotations))) {
            c.create().start();
            assertThat(c.init().awaitExit(LIMIT))
                    .as("ends in time: " + c.stdout())
                    .isTrue();
            return c.stdout() + c.stderr();
        }
    }

    private static String twice(String what, String result) {
        return String.join(
                "\n",
                what + " sendto: " + result,
                what + " sendmsg: " + result,
                what + " sendmmsg: " + result,
                what + " connect: " + result);
    }

    @ParameterizedTest
    @ValueSource(strings = {"default", "strict"})
    void nothingElseIsReached(String tier) throws Exception {
        assertThat(run(tier, Map.of("dev.caisson.trap.egress", POLICY)))
                .isEqualTo(String.join(
                        "\n",
                        "allowed: ok",
                        "other port: EACCES",
                        "other address: EACCES",
                        "itself: ok",
                        "mapped: ok",
                        "mapped other: EACCES",
                        "six: ok",
                        "six other port: EACCES",
                        "six other address: EACCES",
                        twice("datagram", "ok"),
                        twice("datagram elsewhere", "EACCES"),
                        twice("datagram mapped", "ok"),
                        twice("datagram mapped elsewhere", "EACCES"),
                        twice("datagram six, of tcp only", "EACCES"),
                        "fast open: EACCES",
                        "no family: ok",
                        "by another host: EPERM",
                        "name: ok",
                        "name, other port: EACCES",
                        "told: ok",
                        "name that moved: ok",
                        "race udp: held",
                        "race tcp: held",
                        "race sendto: held",
                        "race descriptor: held",
                        ""));
    }

    /** The same races, where nothing stands against them: what {@link #nothingElseIsReached} counts on is seen there. */
    @Test
    void withoutAPolicyTheRacesAreWon() throws Exception {
        assertThat(run("default", Map.of())).contains("other address: ok", "race udp: ESCAPED", "race sendto: ESCAPED");
    }

    /** Where one is reached a policy that says nothing of it is not in force. */
    @Test
    void anExecIsHeldToItAsWell() throws Exception {
        Bundle bundle = bundle("0 stay now", "default", Map.of("dev.caisson.trap.egress", POLICY));
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            await("races", () -> c.stdout().contains("race descriptor"));
            TestContainer.TestExec allowed = c.exec(bundle.exec("/program", "10.98.1.1", "7000"));
            assertThat(allowed.awaitCode()).isZero();
            assertThat(allowed.stdout()).isEqualTo("exec: ok\n");
            TestContainer.TestExec other = c.exec(bundle.exec("/program", "10.98.1.2", "7000"));
            assertThat(other.awaitCode()).isZero();
            assertThat(other.stdout()).isEqualTo("exec: EACCES\n");
        }
    }

    @Test
    void whatIsNoPolicyIsRefused() throws Exception {
        Bundle bundle = annotated(shell("true"), Map.of("dev.caisson.trap.egress", "10.0.0.1:80\ntcp names.test:80"));
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> {
                    try (TestContainer c = prepare(bundle)) {
                        c.create();
                    }
                })
                .withMessageContaining("annotation dev.caisson.trap.egress: line 2: there is a name");
    }
}
