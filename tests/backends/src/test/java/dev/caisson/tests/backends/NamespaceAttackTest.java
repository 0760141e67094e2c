package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.oci.CapabilityNames;
import dev.caisson.oci.DeviceType;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Spec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Tricks of images, volumes and processes that runtimes have fallen for, each with its CVE where it has one. */
final class NamespaceAttackTest extends NamespaceSuite {
    /** A directory of the host's that nothing may touch. */
    private Path victim = Path.of("/");

    @BeforeEach
    void makeVictim() throws IOException {
        victim = Files.createDirectories(temp.resolve("victim"));
        Files.writeString(victim.resolve("file"), "untouched");
    }

    private void assertVictimUntouched() throws IOException {
        try (var files = Files.list(victim)) {
            assertThat(files).containsExactly(victim.resolve("file"));
        }
        assertThat(victim.resolve("file")).hasContent("untouched");
    }

    private static Bundle withMounts(Bundle bundle, Mount... more) {
        return Bundles.withMounts(bundle, more);
    }

    /** Without the mounts at and below a path. */
    private static Bundle withoutMounts(Bundle bundle, String path) {
        return bundle.spec(s -> {
            Spec.Builder b = s.toBuilder();
            List<Mount> mounts = new ArrayList<>(s.mounts());
            mounts.removeIf(m -> m.destination().equals(path) || m.destination().startsWith(path + "/"));
            b.mounts = mounts;
            return b.build();
        });
    }

    private static Bundle privileged(Bundle bundle) {
        return bundle.process(p -> p.capabilities = new ProcessSpec.Capabilities(
                CapabilityNames.ALL, CapabilityNames.ALL, List.of(), CapabilityNames.ALL, List.of()));
    }

    private void assertRefused(Bundle bundle, String... words) {
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> {
                    try (TestContainer c = prepare(bundle)) {
                        c.create();
                    }
                })
                .satisfies(e -> assertThat(e.getMessage()).contains(words));
    }

    // CVE-2021-30465, CVE-2019-18837: a mount's destination leads out through a symlink.

    @Test
    void mountTargetsBehindSymlinksStayInside() throws Exception {
        Path source = Files.createDirectories(temp.resolve("source"));
        Files.writeString(source.resolve("hello"), "hello");
        for (String link : List.of(victim.toString(), "../../../../../../../.." + victim, victim + "/file/../sub")) {
            Bundle bundle = withMounts(
                    shell("cat /link/sub/hello"),
                    Mount.of("/link/sub", source.toString(), "bind", List.of("bind")),
                    Mount.of("/link/tmp", "tmpfs", "tmpfs", List.of()));
            Files.createSymbolicLink(bundle.rootfs("link"), Path.of(link));
            // What the link names inside is there, so that the way could be taken.
            Files.createDirectories(bundle.rootfs(victim.toString().substring(1)));
            try (TestContainer c = prepare(bundle)) {
                if (!link.contains("/file/")) {
                    assertThat(c.run()).isZero();
                    assertThat(c.stdout()).isEqualTo("hello");
                } else {
                    assertThatExceptionOfType(ContainerFault.class).isThrownBy(c::create);
                }
            }
            assertVictimUntouched();
        }
    }

    @Test
    void dotsInAMountTargetStayInside() throws Exception {
        Bundle bundle = withMounts(
                shell("ls -d /escaped"), Mount.of("/a/../../../../../../escaped", "tmpfs", "tmpfs", List.of()));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            assertThat(Path.of("/escaped")).doesNotExist();
        }
    }

    // CVE-2019-19921, CVE-2023-27561: /proc is not where it seems to be.

    @Test
    void procAndSysMustBeRealDirectories() throws Exception {
        for (String name : List.of("proc", "sys")) {
            Bundle bundle = shell("true");
            Files.createDirectories(bundle.rootfs("elsewhere"));
            Files.createSymbolicLink(bundle.rootfs(name), Path.of("/elsewhere"));
            assertRefused(bundle, "/" + name, "ELOOP");
        }
    }

    // CVE-2026-41579: device nodes and links are made where /dev points to.

    @Test
    void aSymlinkedDevStaysInside() throws Exception {
        Bundle bundle = withoutMounts(shell("ls /dev/null"), "/dev");
        Files.createSymbolicLink(bundle.rootfs("dev"), victim);
        Files.createDirectories(bundle.rootfs(victim.toString().substring(1)));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
        }
        assertVictimUntouched();
    }

    @Test
    void devicePathsWithDotsStayInside() throws Exception {
        Bundle bundle = shell("ls /evil")
                .linux(l -> l.devices =
                        List.of(new Linux.Device(DeviceType.CHAR, "/dev/../../../../evil", 1L, 3L, 0666, null, null)));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
        } catch (ContainerFault e) {
            assertThat(e.kind()).isEqualTo(ContainerFault.Kind.INVALID);
        }
        assertThat(Path.of("/evil")).doesNotExist();
    }

    @Test
    void aDifferentFileAtADevicesPlaceIsRefused() throws Exception {
        Bundle bundle = withoutMounts(shell("true"), "/dev");
        Files.createDirectories(bundle.rootfs("dev"));
        Files.createSymbolicLink(bundle.rootfs("dev/null"), victim.resolve("file"));
        assertRefused(bundle, "/dev/null", "a different file is there");
        assertVictimUntouched();
    }

    // CVE-2025-31133: the source of a mask is what the image calls /dev/null.

    @Test
    void masksDoNotComeFromTheImage() throws Exception {
        Path dev = Files.createDirectories(temp.resolve("dev"));
        Files.writeString(dev.resolve("null"), "evil");
        Files.createDirectories(dev.resolve("pts"));
        Files.createDirectories(dev.resolve("shm"));
        Files.createDirectories(dev.resolve("mqueue"));
        Bundle bundle = withMounts(
                withoutMounts(shell("cat /secret; stat -c '%t:%T' /secret; cat /dev/null"), "/dev"),
                Mount.of("/dev", dev.toString(), "bind", List.of("bind")));
        Files.writeString(bundle.rootfs("secret"), "secret");
        bundle.linux(l -> l.maskedPaths = List.of("/secret", "/absent", "/secret/below"));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("1:3\nevil");
        }
    }

    // CVE-2024-21626: the working directory is a descriptor that leaks.

    @Test
    void aWorkingDirectoryThroughADescriptorIsRefused() throws Exception {
        for (int fd = 0; fd < 40; fd++) {
            String cwd = "/proc/self/fd/" + fd;
            Bundle bundle = shell("true").process(p -> p.cwd = cwd);
            assertRefused(bundle, cwd);
        }
        Bundle linked = shell("true").process(p -> p.cwd = "/cwd");
        Files.createSymbolicLink(linked.rootfs("cwd"), Path.of("/proc/self/fd/7"));
        assertRefused(linked, "/cwd");
    }

    @Test
    void aWorkingDirectoryOfAnExecThroughADescriptorIsRefused() throws Exception {
        Bundle bundle = shell("exec sleep 1000");
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            for (int fd = 3; fd < 40; fd++) {
                ProcessSpec.Builder p = bundle.exec("sh", "-c", "pwd; ls").toBuilder();
                p.cwd = "/proc/self/fd/" + fd;
                try {
                    TestContainer.TestExec exec = c.exec(p.build());
                    // The descriptor of the container's own root: the kernel vouches that this is inside.
                    assertThat(exec.awaitCode()).isZero();
                    assertThat(exec.stdout()).startsWith("/\n").contains("bin\n");
                } catch (ContainerFault refused) {
                    assertThat(refused).hasMessageContaining(p.cwd);
                }
            }
        }
    }

    // CVE-2019-16884, CVE-2025-52881: writes to /proc go to a fake.

    @Test
    void sysctlsAreWrittenToTheRealProc() throws Exception {
        Path fake = Files.createDirectories(temp.resolve("fake/sys/net/ipv4"));
        Files.writeString(fake.resolve("ip_forward"), "fake");
        Bundle bundle = shell("cat /real/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ip_forward")
                .spec(s -> {
                    Spec.Builder b = s.toBuilder();
                    List<Mount> mounts = new ArrayList<>(s.mounts());
                    mounts.removeIf(m -> m.destination().equals("/proc"));
                    mounts.add(Mount.of("/real", "proc", "proc", List.of()));
                    mounts.add(Mount.of("/proc", temp.resolve("fake").toString(), "bind", List.of("bind")));
                    b.mounts = mounts;
                    return b.build();
                })
                .linux(l -> {
                    l.sysctl = Map.of("net.ipv4.ip_forward", "1");
                    l.readonlyPaths = List.of();
                });
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("1\nfake");
        }
    }

    // CVE-2019-5736: the runtime's binary is overwritten through /proc/PID/exe.

    @Test
    void theRuntimesBinaryCannotBeOverwritten() throws Exception {
        Path program = Path.of(System.getProperty("caisson.monitor", "../../monitor/target/caisson"));
        byte[] before = Files.readAllBytes(program);
        Bundle bundle = privileged(shell("true"));
        try (TestContainer c = prepare(bundle).create()) {
            // Init has not become the user's program yet.
            TestContainer.TestExec exec = c.exec(bundle.exec("sh", "-c", "echo evil >> /proc/1/exe"));
            assertThat(exec.awaitCode()).isEqualTo(1);
            assertThat(exec.stderr()).containsAnyOf("Text file busy", "Operation not permitted", "Permission denied");
        }
        assertThat(Files.readAllBytes(program)).isEqualTo(before);
    }

    // CVE-2016-9962: a process of the container looks into the runtime's while that has host descriptors open.

    @Test
    void aWaitingInitCannotBeLookedInto() throws Exception {
        Bundle bundle = shell("true").process(p -> p.user = new ProcessSpec.User(1000, 1000, null, List.of()));
        try (TestContainer c = prepare(bundle).create()) {
            for (String file : List.of("/proc/1/environ", "/proc/1/maps")) {
                TestContainer.TestExec exec = c.exec(bundle.exec("cat", file));
                assertThat(exec.awaitCode()).as(file).isEqualTo(1);
                assertThat(exec.stderr()).contains("Permission denied");
            }
            TestContainer.TestExec fds = c.exec(bundle.exec("ls", "/proc/1/fd"));
            assertThat(fds.awaitCode()).isEqualTo(1);
            assertThat(fds.stderr()).contains("Permission denied");
        }
    }

    @Test
    void noDescriptorLeaksIntoTheContainer() throws Exception {
        // One more than the three streams: the directory that ls reads.
        String expected = "0\n1\n2\n3\n";
        Bundle bundle = shell("ls /proc/self/fd; exec sleep 1000");
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            await("output", () -> c.stdout().length() >= expected.length());
            assertThat(c.stdout()).isEqualTo(expected);
            assertThat(c.execOutput("ls", "/proc/self/fd")).isEqualTo(expected);
            ProcessSpec.Builder p = bundle.exec("ls", "/proc/self/fd").toBuilder();
            p.terminal = true;
            TestContainer.TestExec terminal = c.exec(p.build());
            assertThat(terminal.awaitCode()).isZero();
            await("output", () -> terminal.stdout().contains("3"));
            assertThat(terminal.stdout().replaceAll("\\s+", " ")).isEqualTo("0 1 2 3 ");
        }
    }

    // CVE-2022-29162: capabilities come back through a file's inheritable set.

    @Test
    void capabilitySetsAreExactlyThoseAsked() throws Exception {
        String expected = "CapInh:\t0000000000000000\nCapPrm:\t0000000020000420\nCapEff:\t0000000020000420\n"
                + "CapBnd:\t0000000020000420\nCapAmb:\t0000000000000000\n";
        Bundle bundle = shell("grep ^Cap /proc/self/status; exec sleep 1000");
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            await("output", () -> c.stdout().contains("CapAmb"));
            assertThat(c.stdout()).isEqualTo(expected);
            assertThat(c.execOutput("grep", "^Cap", "/proc/self/status")).isEqualTo(expected);
        }
    }

    // CVE-2025-52565: /dev/console and the terminal's master are not what they seem.

    @Test
    void aConsoleBehindASymlinkStaysInside() throws Exception {
        Path dev = Files.createDirectories(temp.resolve("dev"));
        Files.createDirectories(dev.resolve("pts"));
        Files.createSymbolicLink(dev.resolve("console"), victim.resolve("file"));
        Bundle bundle = withMounts(
                        withoutMounts(shell("tty"), "/dev"),
                        Mount.of("/dev", dev.toString(), "bind", List.of("bind")),
                        Mount.of("/dev/pts", "devpts", "devpts", List.of("newinstance", "ptmxmode=0666")))
                .process(p -> p.terminal = true);
        Files.createDirectories(bundle.rootfs(victim.toString().substring(1)));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
        }
        assertVictimUntouched();
    }

    @Test
    void aFakeTerminalMasterIsRefused() throws Exception {
        Bundle bundle = withoutMounts(shell("tty"), "/dev").process(p -> p.terminal = true);
        Files.createDirectories(bundle.rootfs("dev/pts"));
        Files.writeString(bundle.rootfs("dev/pts/ptmx"), "fake");
        assertRefused(bundle, "terminal", "ENOTTY");
    }

    @Test
    void aHostileUserDatabaseGivesADefaultHome() throws Exception {
        Map<String, String> cases = Map.of(
                "root:x:0:0:root:/home/ok:/bin/sh\n",
                "/home/ok",
                "root:x:0:0:root:relative:/bin/sh\n",
                "/root",
                "root:x:0:0:root:/with\ttab:/bin/sh\n",
                "/root",
                "root:x:0:0:root:/" + "a".repeat(5000) + ":/bin/sh\n",
                "/root",
                "root:x:00:0:root:/zero:/bin/sh\n",
                "/root",
                ":".repeat(100_000),
                "/root",
                "\0\0\0\n\nroot:x:0:0:root:/after-binary:/bin/sh\n",
                "/after-binary");
        for (Map.Entry<String, String> e : cases.entrySet()) {
            Bundle bundle = shell("echo $HOME");
            Files.createDirectories(bundle.rootfs("etc"));
            Files.writeString(bundle.rootfs("etc/passwd"), e.getKey());
            try (TestContainer c = prepare(bundle)) {
                assertThat(c.run()).isZero();
                assertThat(c.stdout()).isEqualTo(e.getValue() + "\n");
            }
        }
    }

    @Test
    void aUserDatabaseThatIsNoFile() throws Exception {
        Bundle fifo = shell("echo $HOME");
        Files.createDirectories(fifo.rootfs("etc"));
        assertThat(new ProcessBuilder("mkfifo", fifo.rootfs("etc/passwd").toString())
                        .start()
                        .waitFor())
                .isZero();
        Bundle hosts = shell("echo $HOME");
        Files.createDirectories(hosts.rootfs("etc"));
        Path hostFile = Files.writeString(temp.resolve("passwd"), "root:x:0:0:root:/from/host:/bin/sh\n");
        Files.createSymbolicLink(hosts.rootfs("etc/passwd"), hostFile);
        Bundle magic = shell("echo $HOME");
        Files.createDirectories(magic.rootfs("etc"));
        Files.createSymbolicLink(magic.rootfs("etc/passwd"), Path.of("/proc/self/fd/3"));
        for (Bundle bundle : List.of(fifo, hosts, magic)) {
            try (TestContainer c = prepare(bundle)) {
                assertThat(c.run()).isZero();
                assertThat(c.stdout()).isEqualTo("/root\n");
            }
        }
    }

    // CVE-2022-0492 and its like: the container changes its own limits.

    @Test
    void cgroupsAreReadOnlyAndTheContainersOwn() throws Exception {
        Bundle bundle =
                privileged(shell("cd /sys/fs/cgroup; for d in . *; do [ -d $d ] && echo 1 > $d/cgroup.procs; done;"
                        + " find . -name 'caisson-test*' | head -1; find . -name release_agent | head -1"));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEmpty();
            assertThat(c.stderr()).contains("Read-only file system");
        }
    }

    @Test
    void nothingOfTheHostsMountsIsLeft() throws Exception {
        Bundle bundle = shell("cat /proc/self/mountinfo");
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            List<String> points =
                    c.stdout().lines().map(l -> l.split(" ", -1)[4]).toList();
            assertThat(points)
                    .isNotEmpty()
                    .allMatch(p ->
                            p.equals("/") || p.startsWith("/proc") || p.startsWith("/dev") || p.startsWith("/sys"));
            assertThat(points.stream().filter("/"::equals)).hasSize(1);
        }
    }

    @Test
    void aSymlinkAsRootfsIsRefused() throws Exception {
        Bundle bundle = shell("true");
        Path real = Files.move(
                bundle.directory().resolve("rootfs"), bundle.directory().resolve("real"));
        Files.createSymbolicLink(bundle.directory().resolve("rootfs"), real);
        assertRefused(bundle, "rootfs");
        assertThat(Files.isDirectory(real, LinkOption.NOFOLLOW_LINKS)).isTrue();
    }
}
