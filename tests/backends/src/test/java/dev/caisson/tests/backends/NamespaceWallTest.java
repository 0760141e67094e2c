package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.backend.Backend;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.RootfsMount;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.PodFixture;
import dev.caisson.backend.testkit.PodTest;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.namespace.NamespaceBackend;
import dev.caisson.oci.DeviceRuleType;
import dev.caisson.oci.DeviceType;
import dev.caisson.oci.IdMapping;
import dev.caisson.oci.Linux;
import dev.caisson.oci.MemoryPolicyMode;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Resources;
import dev.caisson.oci.RlimitType;
import dev.caisson.oci.Seccomp;
import dev.caisson.oci.SeccompAction;
import dev.caisson.oci.SeccompArch;
import dev.caisson.oci.Spec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What only the namespace wall promises: the Linux section, seen from inside. */
final class NamespaceWallTest extends PodTest {
    private static final Backend BACKEND = new NamespaceBackend();
    private static final long BASE = 200_000;
    private static final long SIZE = 65_536;

    @Override
    protected Backend backend() {
        return BACKEND;
    }

    @Override
    protected PodFixture openPod(Path directory) throws IOException {
        return MonitorPod.open(directory);
    }

    static Bundle withMounts(Bundle bundle, Mount... more) {
        return bundle.spec(s -> {
            Spec.Builder b = s.toBuilder();
            List<Mount> mounts = new ArrayList<>(s.mounts());
            mounts.addAll(List.of(more));
            b.mounts = mounts;
            return b.build();
        });
    }

    /** The container's root is host user {@link #BASE}; the files of its image belong to that user. */
    private Bundle withUserNamespace(Bundle bundle) throws Exception {
        assertThat(new ProcessBuilder(
                                "chown",
                                "-R",
                                BASE + ":" + BASE,
                                bundle.rootfs("").toString())
                        .start()
                        .waitFor())
                .isZero();
        // The way to the bundle is root's alone, as containerd's is.
        return bundle.linux(l -> {
            List<Linux.Namespace> namespaces = new ArrayList<>(l.namespaces);
            namespaces.add(new Linux.Namespace(NamespaceType.USER, null));
            l.namespaces = namespaces;
            l.uidMappings = List.of(new IdMapping(0, BASE, SIZE));
            l.gidMappings = List.of(new IdMapping(0, BASE, SIZE));
        });
    }

    @Test
    void aUserNamespace() throws Exception {
        Bundle bundle = withUserNamespace(
                shell(
                        "id -u; cat /proc/self/uid_map; ls -ln /bin/busybox | grep -o ' 0 *0 '; echo x > /dev/null; exec sleep 1000"));
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            await("output", () -> c.stdout().lines().count() >= 3);
            assertThat(c.stdout().lines().map(l -> l.strip().replaceAll(" +", " ")))
                    .containsExactly("0", "0 " + BASE + " " + SIZE, "0 0");
            assertThat(Files.readString(Path.of("/proc/" + c.init().pid() + "/status")))
                    .contains("Uid:\t" + BASE + "\t" + BASE);
            assertThat(c.execOutput("id", "-u")).isEqualTo("0\n");
            assertThat(c.stderr()).isEmpty();
        }
    }

    @Test
    void aTerminalInAUserNamespace() throws Exception {
        Bundle bundle =
                withUserNamespace(shell("tty; echo direct > /dev/console")).process(p -> p.terminal = true);
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            await("output", () -> c.stdout().contains("direct"));
        }
    }

    @Test
    void mountsAreIdMappedWithTheContainersMappings() throws Exception {
        Path volume = Files.createDirectories(temp.resolve("volume"));
        Files.writeString(volume.resolve("file"), "x");
        Bundle bundle = withMounts(
                withUserNamespace(
                        shell("stat -c '%u %g' /mapped/file /plain/file; touch /mapped/new; touch /plain/new")),
                Mount.of("/mapped", volume.toString(), "bind", List.of("bind", "idmap")),
                Mount.of("/plain", volume.toString(), "bind", List.of("bind")));
        try (TestContainer c = prepare(bundle)) {
            c.run();
            assertThat(c.stdout()).isEqualTo("0 0\n65534 65534\n");
            assertThat(Files.getAttribute(volume.resolve("new"), "unix:uid")).isEqualTo(0);
            assertThat(c.stderr()).contains("/plain/new");
        }
    }

    @Test
    void mountsAreIdMappedWithTheirOwnMappings() throws Exception {
        Path volume = Files.createDirectories(temp.resolve("volume"));
        Files.writeString(volume.resolve("file"), "x");
        List<IdMapping> up = List.of(new IdMapping(0, 7000, 10));
        Bundle bundle = withMounts(
                shell("stat -c '%u %g' /own/file /inline/file"),
                new Mount("/own", volume.toString(), "bind", List.of("rbind", "ridmap"), up, up),
                Mount.of("/inline", volume.toString(), "bind", List.of("bind", "idmap=uids=0-8000-10;gids=0-8001-10")));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("7000 7000\n8000 8001\n");
        }
    }

    @Test
    void recursiveReadOnly() throws Exception {
        Path volume = Files.createDirectories(temp.resolve("volume"));
        Bundle bundle = withMounts(
                shell("touch /ro/x; touch /rw/x && echo fine"),
                Mount.of("/ro", volume.toString(), "bind", List.of("rbind", "rro")),
                Mount.of("/rw", volume.toString(), "bind", List.of("rbind")));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("fine\n");
            assertThat(c.stderr()).contains("Read-only file system");
        }
    }

    @Test
    void aTmpfsLooksLikeWhatItCovers() throws Exception {
        Bundle bundle = withMounts(
                shell("stat -c '%a' /covered /fresh /explicit; touch /covered/x"),
                Mount.of("/covered", "tmpfs", "tmpfs", List.of("ro")),
                Mount.of("/fresh", "tmpfs", "tmpfs", List.of()),
                Mount.of("/explicit", "tmpfs", "tmpfs", List.of("mode=0700")));
        Path covered = Files.createDirectories(bundle.rootfs("covered"));
        Files.setPosixFilePermissions(covered, java.nio.file.attribute.PosixFilePermissions.fromString("rwxr-x---"));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isEqualTo(1);
            assertThat(c.stdout()).isEqualTo("750\n1777\n700\n");
            assertThat(c.stderr()).contains("Read-only file system");
        }
    }

    @Test
    void aFileMountThroughADanglingSymlinkStaysInside() throws Exception {
        Path source = Files.writeString(temp.resolve("source"), "content");
        Bundle bundle = withMounts(shell("cat /real"), Mount.of("/link", source.toString(), "bind", List.of("bind")));
        Files.createSymbolicLink(bundle.rootfs("link"), Path.of("/real"));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("content");
            assertThat(Path.of("/real")).doesNotExist();
        }
    }

    @Test
    void rootfsFromManyOverlayLayers() throws Exception {
        Bundle bundle = shell("cat /n0 /n99; echo new > /made");
        Path layers =
                Files.createDirectories(temp.resolve("layers-with-a-name-that-is-so-long-that-a-page-is-soon-full"));
        List<String> lower = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            Path layer = Files.createDirectories(layers.resolve(i + "/fs"));
            Files.writeString(layer.resolve("n" + i), "layer " + i + "\n");
            lower.add(layer.toString());
        }
        Path image = Files.move(bundle.directory().resolve("rootfs"), layers.resolve("image"));
        Files.createDirectory(bundle.directory().resolve("rootfs"));
        lower.add(image.toString());
        assertThat(String.join(":", lower)).hasSizeGreaterThan(4096);
        Path upper = Files.createDirectories(temp.resolve("upper"));
        Path work = Files.createDirectories(temp.resolve("work"));
        RootfsMount overlay = new RootfsMount(
                "overlay",
                "overlay",
                "",
                List.of("index=off", "lowerdir=" + String.join(":", lower), "upperdir=" + upper, "workdir=" + work));
        try (TestContainer c =
                TestContainer.prepare(backend(), bundle, pod().launcher(), List.of(overlay), Backend.Options.DEFAULT)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("layer 0\nlayer 99\n");
            assertThat(upper.resolve("made")).hasContent("new\n");
        }
    }

    @Test
    void whatTheHostLacksIsRefusedBeforeAnythingIsDone() {
        assertRefused(shell("true").process(p -> p.apparmorProfile = "custom"), "AppArmor is not enabled");
        assertRefused(shell("true").process(p -> p.selinuxLabel = "a:b:c"), "SELinux is not enabled");
        assertRefused(shell("true").linux(l -> l.mountLabel = "a:b:c"), "SELinux is not enabled");
    }

    private void assertRefused(Bundle bundle, String reason) {
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> prepare(bundle))
                .withMessageContaining(reason)
                .matches(e -> e.kind() == ContainerFault.Kind.UNSUPPORTED);
    }

    @Test
    void limitsAreExact() throws Exception {
        Bundle bundle = withUserNamespace(shell("ulimit -Sn; ulimit -Hn"))
                .process(p -> p.rlimits = List.of(new ProcessSpec.Rlimit(RlimitType.NOFILE, 100, 2000)));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("100\n2000\n");
        }
    }

    @Test
    void limitsCanBeAboveTheMonitorsAlsoInAUserNamespace() throws Exception {
        assumeTrue(hasCapability(24), "without CAP_SYS_RESOURCE nobody can raise a hard limit");
        Bundle bundle = withUserNamespace(shell("ulimit -Sn; ulimit -Hn; ulimit -Hl"))
                .process(p -> p.rlimits = List.of(
                        new ProcessSpec.Rlimit(RlimitType.NOFILE, 100, 8192),
                        new ProcessSpec.Rlimit(RlimitType.MEMLOCK, -1, -1)));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("100\n" + 8192 + "\nunlimited\n");
        }
    }

    private static boolean hasCapability(int number) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("CapEff:")) {
                return (Long.parseUnsignedLong(line.substring(7).strip(), 16) & 1L << number) != 0;
            }
        }
        return false;
    }

    @Test
    void affinityOfAnExec() throws Exception {
        Bundle bundle = shell("exec sleep 1000");
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            ProcessSpec.Builder p = bundle.exec("grep", "Cpus_allowed_list", "/proc/self/status").toBuilder();
            p.execCpuAffinity = new ProcessSpec.ExecCpuAffinity("0", "1");
            TestContainer.TestExec exec = c.exec(p.build());
            assertThat(exec.awaitCode()).isZero();
            assertThat(exec.stdout()).isEqualTo("Cpus_allowed_list:\t1\n");
        }
    }

    @Test
    void memoryPolicy() throws Exception {
        Bundle bundle = shell("head -n 1 /proc/self/numa_maps")
                .linux(l -> l.memoryPolicy = new Linux.MemoryPolicy(MemoryPolicyMode.BIND, "0", List.of()));
        try (TestContainer c = prepare(bundle)) {
            c.run();
            if (Files.exists(Path.of("/proc/self/numa_maps"))) {
                assertThat(c.stdout()).contains("bind:0");
            }
        } catch (ContainerFault e) {
            // A kernel without CONFIG_NUMA says so, and names what was asked.
            assertThat(e)
                    .hasMessageContaining("set memory policy MPOL_BIND on nodes 0")
                    .hasMessageContaining("ENOSYS");
        }
    }

    // /dev/fuse and /dev/autofs: anybody may open them as far as the devices themselves go.

    @Test
    void devicesAreThoseOfTheRules() throws Exception {
        Bundle bundle = shell(": < /dev/allowed && echo a; (: < /dev/forbidden); echo done")
                .linux(l -> {
                    l.devices = List.of(
                            new Linux.Device(DeviceType.CHAR, "/dev/allowed", 10L, 229L, 0666, null, null),
                            new Linux.Device(DeviceType.CHAR, "/dev/forbidden", 10L, 235L, 0666, null, null));
                    Resources.Builder r = new Resources.Builder();
                    r.devices = List.of(
                            new Resources.DeviceRule(false, DeviceRuleType.ALL, null, null, null),
                            new Resources.DeviceRule(true, DeviceRuleType.CHAR, 10L, 229L, "rwm"));
                    l.resources = r.build();
                });
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("a\ndone\n");
            assertThat(c.stderr()).contains("/dev/forbidden").contains("Operation not permitted");
        }
    }

    @Test
    void deviceRulesCanBeUpdated() throws Exception {
        Bundle bundle = shell("exec sleep 1000")
                .linux(l -> l.devices =
                        List.of(new Linux.Device(DeviceType.CHAR, "/dev/fuse", 10L, 229L, 0666, null, null)));
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            assertThat(c.exec(bundle.exec("dd", "if=/dev/fuse", "of=/dev/null", "count=0"))
                            .awaitCode())
                    .isEqualTo(1);
            Resources.Builder r = new Resources.Builder();
            r.devices = List.of(new Resources.DeviceRule(true, DeviceRuleType.CHAR, 10L, 229L, "r"));
            c.container().update(r.build());
            assertThat(c.exec(bundle.exec("dd", "if=/dev/fuse", "of=/dev/null", "count=0"))
                            .awaitCode())
                    .isZero();
        }
    }

    private static Seccomp filter(SeccompAction action, String... names) {
        return new Seccomp(
                SeccompAction.ALLOW,
                null,
                List.of(SeccompArch.X86_64),
                null,
                null,
                null,
                List.of(new Seccomp.Rule(List.of(names), action, action == SeccompAction.ERRNO ? 1 : null, List.of())));
    }

    @Test
    void seccompHoldsForInitAndExec() throws Exception {
        for (boolean noNewPrivileges : new boolean[] {true, false}) {
            Bundle bundle = shell("mkdir /x; grep Seccomp: /proc/self/status; exec sleep 1000")
                    .process(p -> p.noNewPrivileges = noNewPrivileges)
                    .linux(l -> l.seccomp = filter(SeccompAction.ERRNO, "mkdir", "mkdirat", "getcwd", "faccessat2"));
            try (TestContainer c = prepare(bundle)) {
                c.create().start();
                await("output", () -> c.stdout().contains("Seccomp"));
                assertThat(c.stdout()).isEqualTo("Seccomp:\t2\n");
                assertThat(c.stderr()).contains("Operation not permitted");
                TestContainer.TestExec exec = c.exec(bundle.exec("mkdir", "/y"));
                assertThat(exec.awaitCode()).isEqualTo(1);
                assertThat(exec.stderr()).contains("Operation not permitted");
            }
        }
    }

    @Test
    void aSeccompAgentAnswersEvenTheReadAtTheGate() throws Exception {
        for (boolean noNewPrivileges : new boolean[] {true, false}) {
            try (SeccompAgent agent =
                    SeccompAgent.listen(Files.createDirectories(temp.resolve("a" + noNewPrivileges)))) {
                Bundle bundle = shell("exec sleep 1000")
                        .process(p -> p.noNewPrivileges = noNewPrivileges)
                        .linux(l -> l.seccomp = new Seccomp(
                                SeccompAction.ALLOW,
                                null,
                                List.of(SeccompArch.X86_64),
                                null,
                                agent.path().toString(),
                                "some metadata",
                                List.of(new Seccomp.Rule(
                                        List.of("read", "execve", "mkdir"), SeccompAction.NOTIFY, null, List.of()))));
                try (TestContainer c = prepare(bundle)) {
                    c.create().start();
                    assertThat(agent.message())
                            .contains("\"fds\":[\"seccompFd\"]")
                            .contains("\"metadata\":\"some metadata\"")
                            .contains("\"status\":\"creating\"")
                            .contains("\"pid\":" + c.init().pid());
                    TestContainer.TestExec exec = c.exec(bundle.exec("mkdir", "/y"));
                    assertThat(exec.awaitCode()).isZero();
                    assertThat(agent.message()).contains("\"status\":\"running\"");
                }
            }
        }
    }

    @Test
    void aMissingSeccompAgentFailsCreate() {
        Bundle bundle = shell("true")
                .linux(l -> l.seccomp = new Seccomp(
                        SeccompAction.ALLOW,
                        null,
                        List.of(),
                        null,
                        "/no/such/socket",
                        null,
                        List.of(new Seccomp.Rule(List.of("mkdir"), SeccompAction.NOTIFY, null, List.of()))));
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> {
                    try (TestContainer c = prepare(bundle)) {
                        c.create();
                    }
                })
                .withMessageContaining("/no/such/socket")
                .withMessageContaining("ENOENT");
    }

    @Test
    void hugeConfigurations() throws Exception {
        Path source = Files.writeString(temp.resolve("source"), "x");
        List<Mount> mounts = new ArrayList<>();
        List<Linux.Device> devices = new ArrayList<>();
        for (int i = 0; i < 500; i++) {
            mounts.add(Mount.of("/m/" + i, source.toString(), "bind", List.of("bind", "ro")));
            devices.add(new Linux.Device(DeviceType.CHAR, "/dev/many/" + i, 1L, 3L, 0600, 1L, 2L));
        }
        Bundle bundle = withMounts(shell("ls /m | wc -l; ls /dev/many | wc -l"), mounts.toArray(new Mount[0]))
                .linux(l -> {
                    l.devices = devices;
                    l.maskedPaths = java.util.stream.IntStream.range(0, 500)
                            .mapToObj(i -> "/m/" + i)
                            .toList();
                });
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("500\n500\n");
        }
    }

    @Test
    void sysctlsAndNames() throws Exception {
        Bundle bundle = shell("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax; hostname")
                .linux(l -> l.sysctl = Map.of("net.ipv4.ip_forward", "1", "kernel.msgmax", "4711"));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("1\n4711\nrunc\n");
        }
    }

    @Test
    void readonlyRootAndMasks() throws Exception {
        Bundle bundle = shell(
                        "touch /x; cat /proc/kcore; touch /proc/sys/kernel/x; ls /sys/firmware; touch /dev/shm/ok && echo ok")
                .spec(s -> {
                    Spec.Builder b = s.toBuilder();
                    b.root = new dev.caisson.oci.Root("rootfs", true);
                    return b.build();
                });
        for (String path : List.of("proc", "dev", "sys")) {
            Files.createDirectories(bundle.rootfs(path));
        }
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("ok\n");
            assertThat(c.stderr()).contains("/x: Read-only file system");
        }
    }

    @Test
    void streamsBelongToTheUserOfTheOptions() throws Exception {
        Bundle bundle = shell("true").process(p -> p.user = new ProcessSpec.User(1234, 1235, null, List.of()));
        Path fifo = bundle.directory().resolve("stdin");
        assertThat(new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor())
                .isZero();
        Backend.Options options = new Backend.Options(false, false, false, 4321, -1, null);
        try (TestContainer c = TestContainer.prepare(backend(), bundle, pod().launcher(), List.of(), options)) {
            assertThat(c.run()).isZero();
            assertThat(Files.getAttribute(fifo, "unix:uid")).isEqualTo(4321);
            assertThat(Files.getAttribute(fifo, "unix:gid")).isEqualTo(1235);
        }
    }
}
