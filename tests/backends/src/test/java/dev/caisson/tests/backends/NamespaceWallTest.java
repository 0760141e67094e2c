package dev.caisson.tests.backends;

import static dev.caisson.tests.backends.Bundles.BASE;
import static dev.caisson.tests.backends.Bundles.SIZE;
import static dev.caisson.tests.backends.Bundles.withMounts;
import static dev.caisson.tests.backends.Bundles.withUserNamespace;
import static dev.caisson.tests.backends.IpCommand.ip;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.backend.Backend;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.oci.DeviceRuleType;
import dev.caisson.oci.DeviceType;
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

/** What only the namespace wall promises: the Linux section, seen from inside; mounts have a class of their own. */
final class NamespaceWallTest extends NamespaceSuite {
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
    void whatTheHostLacksIsRefusedBeforeAnythingIsDone() throws Exception {
        Bundle confined = shell("true").process(p -> p.apparmorProfile = "no-such-profile");
        if (Files.exists(Path.of("/sys/module/apparmor"))) {
            try (TestContainer c = prepare(confined)) {
                assertThatExceptionOfType(ContainerFault.class)
                        .isThrownBy(c::create)
                        .withMessageContaining("no-such-profile");
            }
        } else {
            assertRefused(confined, "AppArmor is not enabled");
        }
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

    @Test
    void seccompHoldsForInitAndExec() throws Exception {
        for (boolean noNewPrivileges : new boolean[] {true, false}) {
            Bundle bundle = shell("mkdir /x; grep Seccomp: /proc/self/status; exec sleep 1000")
                    .process(p -> p.noNewPrivileges = noNewPrivileges)
                    .linux(l -> l.seccomp =
                            SeccompProfiles.of(SeccompAction.ERRNO, "mkdir", "mkdirat", "getcwd", "faccessat2"));
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
    void aConfigurationBeyondAllMeasureIsRefused() throws Exception {
        List<Mount> mounts = new ArrayList<>();
        for (int i = 0; i < 5000; i++) {
            mounts.add(Mount.of("/m/" + i, "tmpfs", "tmpfs", List.of("tmpcopyup")));
        }
        Bundle bundle = withMounts(shell("true"), mounts.toArray(new Mount[0]));
        try (TestContainer c = prepare(bundle)) {
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(c::create)
                    .withMessageContaining("too large")
                    .matches(e -> e.kind() == ContainerFault.Kind.INVALID);
        }
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
    void networkDevicesMoveWithTheirAddresses() throws Exception {
        String name = "cns" + ProcessHandle.current().pid() % 100_000;
        for (boolean userNamespace : new boolean[] {false, true}) {
            ip("link add " + name + "a type veth peer name " + name + "b");
            try {
                ip("addr add 198.51.100.7/24 broadcast 198.51.100.255 dev " + name + "a");
                Bundle bundle = shell("ip addr show eth7; ip route")
                        .linux(l -> l.netDevices = Map.of(
                                name + "a", new Linux.NetDevice("eth7"), name + "b", new Linux.NetDevice("tpl%d")));
                if (userNamespace) {
                    withUserNamespace(bundle);
                }
                try (TestContainer c = prepare(bundle)) {
                    assertThat(c.run()).isZero();
                    assertThat(c.stdout())
                            .contains("eth7")
                            .contains("inet 198.51.100.7/24 brd 198.51.100.255")
                            .containsPattern("<[A-Z,_-]*UP")
                            .contains("198.51.100.0/24 dev eth7");
                }
            } finally {
                new ProcessBuilder("ip", "link", "del", name + "b").start().waitFor();
            }
        }
    }

    @Test
    void aMissingNetworkDeviceIsNamed() throws Exception {
        Bundle bundle = shell("true").linux(l -> l.netDevices = Map.of("cns-absent", new Linux.NetDevice(null)));
        try (TestContainer c = prepare(bundle)) {
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(c::create)
                    .withMessageContaining("cns-absent")
                    .withMessageContaining("ENODEV");
        }
    }

    /** As a pod's containers do: network, IPC, UTS and perhaps PID and user namespace are those of another container's init. */
    private static Bundle joining(Bundle bundle, int pid, List<NamespaceType> types) {
        return bundle.linux(l -> {
                    List<Linux.Namespace> namespaces = new ArrayList<>();
                    for (Linux.Namespace ns : l.namespaces) {
                        if (!types.contains(ns.type())) {
                            namespaces.add(ns);
                        }
                    }
                    for (NamespaceType type : types) {
                        String file = type == NamespaceType.NETWORK ? "net" : type.wire();
                        namespaces.add(new Linux.Namespace(type, "/proc/" + pid + "/ns/" + file));
                    }
                    l.namespaces = namespaces;
                })
                .spec(s -> {
                    Spec.Builder b = s.toBuilder();
                    b.hostname = null;
                    return b.build();
                });
    }

    private static final String NAMESPACES =
            "for n in net ipc uts pid user mnt; do readlink /proc/self/ns/$n; done; hostname";

    @Test
    void containersOfAPodShareNamespaces() throws Exception {
        List<NamespaceType> shared =
                List.of(NamespaceType.NETWORK, NamespaceType.IPC, NamespaceType.UTS, NamespaceType.PID);
        try (TestContainer sandbox = prepare(shell("exec sleep 1000"))) {
            sandbox.create().start();
            Bundle bundle = joining(
                    shell(NAMESPACES + "; exec sleep 1000"), sandbox.init().pid(), shared);
            try (TestContainer c = prepare(bundle)) {
                c.create().start();
                await("output", () -> c.stdout().contains("runc"));
                List<String> pod =
                        sandbox.execOutput("sh", "-c", NAMESPACES).lines().toList();
                List<String> own = c.stdout().lines().toList();
                assertThat(own.subList(0, 5)).isEqualTo(pod.subList(0, 5));
                assertThat(own.get(5)).isNotEqualTo(pod.get(5));
                assertThat(c.execOutput("sh", "-c", NAMESPACES).lines().toList())
                        .isEqualTo(own);
                c.container().signalAll(9);
                assertThat(c.awaitExit().code()).isEqualTo(137);
                assertThat(sandbox.init().exit().isDone()).isFalse();
            }
        }
    }

    @Test
    void containersOfAPodShareAUserNamespace() throws Exception {
        List<NamespaceType> shared =
                List.of(NamespaceType.USER, NamespaceType.NETWORK, NamespaceType.IPC, NamespaceType.UTS);
        Path volume = Files.createDirectories(temp.resolve("volume"));
        Files.writeString(volume.resolve("file"), "x");
        try (TestContainer sandbox = prepare(withUserNamespace(shell("exec sleep 1000")))) {
            sandbox.create().start();
            Bundle bundle = withMounts(
                    joining(
                            withUserNamespace(shell(NAMESPACES + "; stat -c %u /v/file; exec sleep 1000")),
                            sandbox.init().pid(),
                            shared),
                    Mount.of("/v", volume.toString(), "bind", List.of("bind", "idmap")));
            try (TestContainer c = prepare(bundle)) {
                c.create().start();
                await("output", () -> c.stdout().lines().count() >= 8);
                List<String> pod =
                        sandbox.execOutput("sh", "-c", NAMESPACES).lines().toList();
                List<String> own = c.stdout().lines().toList();
                assertThat(own.subList(0, 3)).isEqualTo(pod.subList(0, 3));
                assertThat(own.get(4)).isEqualTo(pod.get(4));
                assertThat(own.get(7)).isEqualTo("0");
                assertThat(c.execOutput("sh", "-c", NAMESPACES).lines().toList())
                        .isEqualTo(own.subList(0, 7));
                assertThat(c.execOutput("id", "-u")).isEqualTo("0\n");
            }
        }
    }

    @Test
    void theHostsNamespaces() throws Exception {
        Bundle bundle = shell("readlink /proc/self/ns/net; readlink /proc/self/ns/ipc; hostname")
                .linux(l -> l.namespaces = List.of(new Linux.Namespace(NamespaceType.MOUNT, null)))
                .spec(s -> {
                    Spec.Builder b = s.toBuilder();
                    b.hostname = null;
                    List<Mount> mounts = new ArrayList<>(s.mounts());
                    mounts.removeIf(m -> "sysfs".equals(m.type()) || "mqueue".equals(m.type()));
                    b.mounts = mounts;
                    return b.build();
                });
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout())
                    .startsWith(Files.readSymbolicLink(Path.of("/proc/self/ns/net")) + "\n"
                            + Files.readSymbolicLink(Path.of("/proc/self/ns/ipc")) + "\n");
        }
    }

    @Test
    void aTimeNamespace() throws Exception {
        Bundle bundle = shell("cat /proc/uptime; exec sleep 1000").linux(l -> {
            List<Linux.Namespace> namespaces = new ArrayList<>(l.namespaces);
            namespaces.add(new Linux.Namespace(NamespaceType.TIME, null));
            l.namespaces = namespaces;
            l.timeOffsets = new Linux.TimeOffsets(null, new Linux.TimeOffset(1_000_000_000L, 0));
        });
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            await("output", () -> !c.stdout().isEmpty());
            assertThat(Double.parseDouble(c.stdout().split(" ", -1)[0])).isGreaterThan(1e9);
            assertThat(Double.parseDouble(c.execOutput("cat", "/proc/uptime").split(" ", -1)[0]))
                    .isGreaterThan(1e9);
        }
    }

    @Test
    void withoutPivotRoot() throws Exception {
        Bundle bundle = shell("ls -d /bin; ls -d /etc; ls /proc/1/cmdline");
        Backend.Options options = new Backend.Options(true, true, false, -1, -1, null);
        try (TestContainer c = TestContainer.prepare(backend(), bundle, pod().launcher(), List.of(), options)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).isEqualTo("/bin\n/proc/1/cmdline\n");
            assertThat(c.stderr()).contains("/etc: No such file");
        }
    }

    @Test
    void schedulingAndPriorities() throws Exception {
        Bundle bundle = shell("exec sleep 1000").process(p -> {
            p.scheduler = new ProcessSpec.Scheduler(dev.caisson.oci.SchedulerPolicy.BATCH, 7, 0, List.of(), 0, 0, 0);
            p.ioPriority = new ProcessSpec.IoPriority(dev.caisson.oci.IoPriorityClass.IDLE, 0);
            p.oomScoreAdj = 321;
        });
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            String[] stat = Files.readString(Path.of("/proc/" + c.init().pid() + "/stat"))
                    .split(" ", -1);
            assertThat(stat[18]).as("nice").isEqualTo("7");
            assertThat(stat[40]).as("policy").isEqualTo("3");
            assertThat(c.execOutput("cat", "/proc/1/oom_score_adj", "/proc/self/oom_score_adj"))
                    .isEqualTo("321\n321\n");
        }
    }

    @Test
    void noArgumentsAreRefused() {
        Bundle bundle = shell("true").process(p -> p.args = List.of());
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> prepare(bundle))
                .withMessageContaining("process.args")
                .matches(e -> e.kind() == ContainerFault.Kind.INVALID);
    }

    /** A container that manages its cgroups itself, as systemd does. */
    private static Bundle withWritableCgroup(Bundle bundle) {
        return bundle.linux(l -> {
                    List<Linux.Namespace> namespaces = new ArrayList<>(l.namespaces);
                    namespaces.add(new Linux.Namespace(NamespaceType.CGROUP, null));
                    l.namespaces = namespaces;
                })
                .spec(s -> {
                    Spec.Builder b = s.toBuilder();
                    List<Mount> mounts = new ArrayList<>();
                    for (Mount m : s.mounts()) {
                        mounts.add(
                                "cgroup".equals(m.type())
                                        ? Mount.of(
                                                m.destination(),
                                                "cgroup",
                                                "cgroup",
                                                List.of("rw", "nosuid", "nodev", "noexec"))
                                        : m);
                    }
                    b.mounts = mounts;
                    return b.build();
                });
    }

    @Test
    void aVersion2GroupIsGivenToTheContainersRoot() throws Exception {
        assumeTrue(Files.exists(Path.of("/sys/fs/cgroup/cgroup.controllers")), "needs a host with version 2 only");
        Bundle bundle = withWritableCgroup(withUserNamespace(
                shell("cat /proc/self/cgroup; mkdir /sys/fs/cgroup/mine && echo $$ > /sys/fs/cgroup/mine/cgroup.procs;"
                        + " cat /proc/self/cgroup; echo 1 > /sys/fs/cgroup/pids.max || echo limited")));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            assertThat(c.stdout()).as(c.stderr()).isEqualTo("0::/\n0::/mine\nlimited\n");
        }
    }

    @Test
    void anExecFollowsAnInitThatLeftItsGroup() throws Exception {
        assumeTrue(Files.exists(Path.of("/sys/fs/cgroup/cgroup.controllers")), "needs a host with version 2 only");
        for (boolean userNamespace : new boolean[] {false, true}) {
            Bundle bundle = shell("cd /sys/fs/cgroup; mkdir init; echo $$ > init/cgroup.procs;"
                    + " echo +pids > cgroup.subtree_control; echo ready; exec sleep 1000");
            if (userNamespace) {
                withUserNamespace(bundle);
            }
            try (TestContainer c = prepare(withWritableCgroup(bundle))) {
                c.create().start();
                await("ready", () -> c.stdout().contains("ready"));
                assertThat(c.execOutput("cat", "/proc/self/cgroup"))
                        .as(c.stderr())
                        .isEqualTo("0::/init\n");
            }
        }
    }

    @Test
    void aVersion2GroupIsGivenToTheRootOfAJoinedUserNamespace() throws Exception {
        assumeTrue(Files.exists(Path.of("/sys/fs/cgroup/cgroup.controllers")), "needs a host with version 2 only");
        List<NamespaceType> shared =
                List.of(NamespaceType.USER, NamespaceType.NETWORK, NamespaceType.IPC, NamespaceType.UTS);
        try (TestContainer sandbox = prepare(withUserNamespace(shell("exec sleep 1000")))) {
            sandbox.create().start();
            Bundle bundle = withWritableCgroup(joining(
                    withUserNamespace(shell("cat /proc/self/cgroup; mkdir /sys/fs/cgroup/mine && exec sleep 1000")),
                    sandbox.init().pid(),
                    shared));
            try (TestContainer c = prepare(bundle)) {
                c.create().start();
                await("output", () -> !c.stdout().isEmpty());
                assertThat(c.stdout()).as(c.stderr()).isEqualTo("0::/\n");
                assertThat(c.execOutput("sh", "-c", "cat /proc/self/cgroup; ls -d /sys/fs/cgroup/mine"))
                        .isEqualTo("0::/\n/sys/fs/cgroup/mine\n");
            }
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
