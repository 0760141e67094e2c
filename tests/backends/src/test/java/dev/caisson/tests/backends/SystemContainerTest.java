package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.backend.Backend;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.linux.cgroup.SystemdUnit;
import dev.caisson.oci.CapabilityNames;
import dev.caisson.oci.IdMapping;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Root;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * Unmodified init systems as a container's first process, in a user namespace and with a cgroup of their own, as LXC and Incus run them.
 * The Debian is a tar file that {@code tests/lab/debian-system} makes; {@code CAISSON_DEBIAN} names it.
 */
final class SystemContainerTest extends NamespaceSuite {
    private static final long BASE = 300_000;
    /** systemd(1), "SIGNALS": SIGRTMIN+3 halts. */
    private static final int HALT = 37;

    private static final int SIGUSR2 = 12;
    private static final int SIGINT = 2;
    private static final int PATIENCE_SECONDS = 240;

    private static Mount mount(String destination, String type, String... options) {
        return new Mount(destination, type, type, List.of(options), List.of(), List.of());
    }

    private static void run(String... command) throws Exception {
        Process p = new ProcessBuilder(command).inheritIO().start();
        assertThat(p.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS))
                .as(String.join(" ", command))
                .isTrue();
        assertThat(p.exitValue()).as(String.join(" ", command)).isZero();
    }

    /** What a caller writes into the configuration of a system container. */
    private static Bundle asSystem(Bundle bundle, String init) {
        List<Mount> mounts = new ArrayList<>(bundle.spec().mounts());
        mounts.removeIf(m -> m.destination().equals("/sys/fs/cgroup"));
        mounts.add(mount("/sys/fs/cgroup", "cgroup", "rw", "nosuid", "nodev", "noexec"));
        mounts.add(mount("/run", "tmpfs", "nosuid", "nodev", "strictatime", "mode=755"));
        mounts.add(mount("/tmp", "tmpfs", "nosuid", "nodev", "mode=1777"));
        return bundle.spec(s -> {
                    var b = s.toBuilder();
                    b.mounts = mounts;
                    b.hostname = "system";
                    return b.build();
                })
                .process(p -> {
                    p.args = List.of(init);
                    p.env = List.of("PATH=/usr/sbin:/usr/bin:/sbin:/bin", "container=caisson", "TERM=linux");
                    p.terminal = true;
                    p.noNewPrivileges = false;
                    p.capabilities = new ProcessSpec.Capabilities(
                            CapabilityNames.ALL, CapabilityNames.ALL, List.of(), CapabilityNames.ALL, List.of());
                })
                .linux(l -> {
                    List<Linux.Namespace> namespaces = new ArrayList<>(l.namespaces);
                    for (NamespaceType type : List.of(NamespaceType.USER, NamespaceType.CGROUP)) {
                        if (namespaces.stream().noneMatch(n -> n.type() == type)) {
                            namespaces.add(new Linux.Namespace(type, null));
                        }
                    }
                    l.namespaces = namespaces;
                    l.uidMappings = List.of(new IdMapping(0, BASE, 65_536));
                    l.gidMappings = List.of(new IdMapping(0, BASE, 65_536));
                    l.maskedPaths = List.of();
                    l.readonlyPaths = List.of();
                });
    }

    /** More patience than a test of one program needs: under emulation a boot takes its time. */
    private static void awaitLong(String what, TestContainer c, java.util.concurrent.Callable<Boolean> condition)
            throws Exception {
        Instant end = Instant.now().plusSeconds(PATIENCE_SECONDS);
        while (!condition.call()) {
            assertThat(Instant.now())
                    .as("waiting for %s; console: %s", what, c.stdout())
                    .isBefore(end);
            assertThat(c.init().exit())
                    .as("init's end while waiting for %s; console: %s", what, c.stdout())
                    .isNotDone();
            pass(200);
        }
    }

    private static int code(TestContainer c, Bundle bundle, String script) throws ContainerFault {
        return c.exec(bundle.exec("sh", "-c", script)).awaitCode();
    }

    @Test
    void busyboxsInitStartsServicesAndStops() throws Exception {
        Bundle bundle = shell("unused");
        Files.createDirectories(bundle.rootfs("etc"));
        Files.createDirectories(bundle.rootfs("sbin"));
        for (String applet : List.of("init", "poweroff", "getty")) {
            Files.createSymbolicLink(bundle.rootfs("sbin/" + applet), Path.of("/bin/busybox"));
        }
        Files.writeString(
                bundle.rootfs("etc/inittab"),
                "::sysinit:/bin/sh -c 'echo booted on $(tty); hostname'\n::respawn:/bin/sleep 1000\n"
                        + "::shutdown:/bin/echo stopping\n");
        run("chown", "-Rh", BASE + ":" + BASE, bundle.rootfs("").toString());
        try (TestContainer c = prepare(asSystem(bundle, "/sbin/init")).create().start()) {
            awaitLong(
                    "its service",
                    c,
                    () -> c.stdout().contains("system") && code(c, bundle, "ps | grep -q '[s]leep 1000'") == 0);
            assertThat(c.stdout()).contains("booted on /dev/pts/");
            assertThat(c.execOutput("cat", "/proc/1/comm")).isEqualTo("init\n");
            // busybox's init(8): power off. The kernel then ends a pid namespace's init with SIGINT, pid_namespaces(7).
            c.init().kill(SIGUSR2);
            assertThat(c.awaitExit().code()).isEqualTo(128 + SIGINT);
            assertThat(c.stdout()).contains("stopping");
        }
    }

    private void debianBootsAndStops(Backend.Options options, boolean unit) throws Exception {
        String given = System.getenv("CAISSON_DEBIAN");
        String tar = System.getProperty("caisson.debian", given == null ? "" : given);
        assumeTrue(
                !tar.isEmpty() && Files.isRegularFile(Path.of("/sys/fs/cgroup/cgroup.controllers")),
                () -> "SKIPPED: a Debian with systemd needs cgroup v2 and CAISSON_DEBIAN=TAR");
        Path root = Files.createDirectories(temp.resolve("debian"));
        run("tar", "--numeric-owner", "-C", root.toString(), "-xf", tar);
        run("chown", "-Rh", BASE + ":" + BASE, root.toString());
        Bundle bundle = asSystem(shell("unused"), "/sbin/init");
        String name = unit
                ? SystemdUnit.parse(":caisson:" + bundle.id(), "system.slice").name()
                : "";
        bundle.spec(s -> {
            var b = s.toBuilder();
            b.root = new Root(root.toString(), false);
            return b.build();
        });
        if (unit) {
            bundle.linux(l -> l.cgroupsPath = null);
        }
        try (TestContainer c = TestContainer.prepare(backend(), bundle, pod().launcher(), List.of(), options)
                .create()
                .start()) {
            awaitLong("multi-user", c, () -> code(c, bundle, "systemctl is-active multi-user.target") == 0);
            assertThat(c.execOutput("systemd-detect-virt")).isEqualTo("container-other\n");
            assertThat(c.execOutput("cat", "/proc/1/comm")).isEqualTo("systemd\n");
            // Its own subtree, which it divides; who joins lands where init is.
            assertThat(c.execOutput("cat", "/proc/1/cgroup")).isEqualTo("0::/init.scope\n");
            assertThat(code(c, bundle, "systemctl is-active systemd-journald systemd-logind dbus"))
                    .isZero();
            assertThat(code(c, bundle, "journalctl --no-pager -b | grep -q 'Multi-User System'"))
                    .isZero();
            assertThat(code(c, bundle, "systemd-run --wait --property=MemoryMax=20M true"))
                    .isZero();
            assertThat(code(c, bundle, "loginctl list-sessions && test -c /dev/console"))
                    .isZero();
            if (unit) {
                assertThat(Files.exists(Path.of("/sys/fs/cgroup/system.slice/" + name + "/init.scope")))
                        .isTrue();
            }
            c.init().kill(HALT);
            Instant end = Instant.now().plusSeconds(PATIENCE_SECONDS);
            while (!c.init().exit().isDone()) {
                assertThat(Instant.now()).as("stop; console: %s", c.stdout()).isBefore(end);
                pass(200);
            }
            assertThat(c.awaitExit().code()).isEqualTo(128 + SIGINT);
            assertThat(c.stdout()).contains("Unmounting").doesNotContain("Failed to start");
        }
    }

    @Test
    void debianBootsToMultiUserAndStops() throws Exception {
        debianBootsAndStops(Backend.Options.DEFAULT, false);
    }

    @Test
    void debianInASystemdsScope() throws Exception {
        assumeTrue(
                Files.isDirectory(Path.of("/run/systemd/system")),
                () -> "SKIPPED: a system container in a scope needs systemd as process 1 (./dev lab --systemd)");
        debianBootsAndStops(new Backend.Options(false, false, true, -1, -1, null), true);
    }
}
