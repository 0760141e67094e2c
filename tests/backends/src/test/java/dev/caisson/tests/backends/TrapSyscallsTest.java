package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.Backend;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.namespace.NamespaceBackend;
import dev.caisson.oci.Mount;
import dev.caisson.oci.ProcessSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The programs of {@code tests/syscalls}, on the host's kernel first, whose answers are the truth, and then behind the wall in every tier. */
final class TrapSyscallsTest extends TrapSuite {
    private static final Backend NATIVE = new NamespaceBackend();
    private static final String SETUP =
            "mkdir -p /tmp /etc /root; chmod 1777 /tmp; echo root:x:0:0::/root:/bin/sh > /etc/passwd; echo root:x:0: > /etc/group; ";

    /** Some race for their time, and the lab's processor is an emulated one. */
    private static final Duration LIMIT = Duration.ofMinutes(5);

    /** What a program printed natively, by its name; the kernel does not change between two tests. */
    private static final Map<String, String> TRUTHS = new HashMap<>();

    private String program(Backend backend, String name, String arguments)
            throws ContainerFault, IOException, InterruptedException {
        Bundle bundle = shell(SETUP + "cd /tmp && /program " + arguments);
        CompiledProgram.compile(name, temp, bundle.rootfs("program"));
        return output(backend, bundle);
    }

    private String output(Backend backend, Bundle bundle) throws ContainerFault, IOException, InterruptedException {
        try (TestContainer c = TestContainer.prepare(backend, bundle, pod().launcher())) {
            c.create().start();
            assertThat(c.init().awaitExit(LIMIT)).as("ends in time").isTrue();
            int code = c.init().exit().join().code();
            return c.stdout() + c.stderr() + "--- exit " + code + "\n";
        }
    }

    @ParameterizedTest
    @CsvSource({
        "names, default",
        "names, strict",
        "identity, default",
        "identity, hardened",
        "identity, strict",
        "races, default",
        "races, strict",
        "data, default",
        "data, hardened",
        "data, strict",
        "waits, default",
        "waits, strict",
        "polls, default",
        "polls, hardened",
        "polls, strict",
        "messages, default",
        "messages, hardened",
        "messages, strict",
        "sockets, default",
        "sockets, hardened",
        "sockets, strict",
        "locks, default",
        "locks, strict",
        "interrupts, default",
        "interrupts, strict",
        "closes, default",
        "closes, strict",
    })
    void answersAsNatively(String name, String tier) throws Exception {
        String truth = TRUTHS.get(name);
        if (truth == null) {
            truth = program(NATIVE, name, "");
            TRUTHS.put(name, truth);
        }
        assertThat(truth).endsWith("--- exit 0\n");
        assertThat(program(new Tiered(backend(), tier), name, "")).isEqualTo(truth);
    }

    /** A container with CAP_SYS_ADMIN, something masked, and something read-only. */
    private String mounting(Backend backend, String arguments)
            throws ContainerFault, IOException, InterruptedException {
        Bundle bundle = shell(SETUP + "cd /tmp && /program " + arguments);
        CompiledProgram.compile("mounts", temp, bundle.rootfs("program"));
        Files.writeString(bundle.rootfs("masked"), "secret");
        Files.createDirectories(bundle.rootfs("readonly"));
        bundle.process(p -> {
            List<String> all = new ArrayList<>(
                    java.util.Objects.requireNonNull(p.capabilities).bounding());
            all.add("CAP_SYS_ADMIN");
            p.capabilities = new ProcessSpec.Capabilities(all, all, all, all, List.of());
        });
        bundle.linux(l -> {
            l.seccomp = null;
            l.maskedPaths = List.of("/masked");
            l.readonlyPaths = List.of("/readonly");
        });
        return output(backend, bundle);
    }

    @Test
    void mountsAsNatively() throws Exception {
        String truth = mounting(NATIVE, "");
        assertThat(truth).endsWith("--- exit 0\n");
        for (String tier : List.of("fast", "default", "hardened", "strict")) {
            assertThat(mounting(new Tiered(backend(), tier), ""))
                    .as("tier %s", tier)
                    .isEqualTo(truth);
        }
    }

    /** What came with the configuration stays, and nothing uncovers it. */
    @Test
    void whatTheConfigurationMountsIsLocked() throws Exception {
        assertThat(mounting(backend(), "locked")).isEqualTo("all said\n--- exit 0\n");
        assertThat(mounting(new Tiered(backend(), "strict"), "attacks"))
                .doesNotContain("ESCAPED")
                .endsWith("what is masked: held\n--- exit 0\n");
    }

    /** What is there natively and is not behind the wall. */
    @ParameterizedTest
    @ValueSource(strings = {"default", "strict"})
    void someThingsAreRefused(String tier) throws Exception {
        assertThat(program(new Tiered(backend(), tier), "sockets", "refusals"))
                .isEqualTo("other netlink: 0\nother families: 0\ninterface by ioctl: ENOTTY\n--- exit 0\n");
        assertThat(program(new Tiered(backend(), tier), "locks", "refusals"))
                .isEqualTo("lease: EINVAL\nnotice: EINVAL\n--- exit 0\n");
    }

    /** What the strict tier does not do for a guest's messages. */
    @Test
    void someMessagesAreRefused() throws Exception {
        assertThat(program(new Tiered(backend(), "strict"), "messages", "refusals")
                        .lines())
                .map(line -> line.replaceAll(" +", " "))
                .containsExactly(
                        "sendmsg(u, &m, 0) -1 EINVAL",
                        "sendto(u, \"x\", 1, MSG_FASTOPEN, (void *)&in, sizeof in) -1 EOPNOTSUPP",
                        "setsockopt(u, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on) 0 0",
                        "sendto(u, \"x\", 1, MSG_ZEROCOPY, (void *)&in, sizeof in) -1 ENOBUFS",
                        "--- exit 0");
    }

    /** Whatever a guest hoards, the sandbox process lives: it refuses before the kernel kills it. */
    @ParameterizedTest
    @CsvSource({"symlink, default", "symlink, strict"})
    void hoardsAreRefused(String what, String tier) throws Exception {
        Bundle bundle = Bundles.withMounts(
                shell(SETUP + "exec /program " + what), Mount.of("/tmp", "tmpfs", "tmpfs", List.of("mode=1777")));
        CompiledProgram.compile("hoards", temp, bundle.rootfs("program"));
        // The container is killed with the sandbox process, so that it says anything at the end is the proof.
        assertThat(output(new Tiered(backend(), tier), bundle).lines())
                .contains("refused", "and then: answered", "--- exit 0");
    }

    /** Every number with tiny and all-ones arguments, in a fresh process each: the sandbox process answers on. */
    @ParameterizedTest
    @ValueSource(strings = {"fast", "default", "hardened", "strict"})
    void probesOfEveryCallDoNoHarm(String tier) throws Exception {
        String output = program(new Tiered(backend(), tier), "probe", "");
        assertThat(output).endsWith("alive\n--- exit 0\n");
    }

    /** Ways out of containers that were published: each ends where it should, and nothing of it is seen on the host. */
    @ParameterizedTest
    @ValueSource(strings = {"default", "strict"})
    void waysOutAreClosed(String tier) throws Exception {
        Path canary = Files.writeString(temp.resolve("canary"), "alive");
        String before = outside(canary);
        String output = program(new Tiered(backend(), tier), "attacks", canary.toString());
        assertThat(output).doesNotContain("ESCAPED").endsWith("and the way up from it: held\n--- exit 0\n");
        assertThat(outside(canary)).isEqualTo(before);
    }
}
