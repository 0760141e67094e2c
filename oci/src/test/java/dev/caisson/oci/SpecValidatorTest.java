package dev.caisson.oci;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SpecValidatorTest {
    private static final String PROCESS = "{\"args\":[\"sh\"],\"cwd\":\"/\"}";

    /** Findings about a {@code linux} section in an otherwise sound configuration. */
    private static SpecValidator.Report linux(String json) throws InvalidSpecException {
        return spec("\"process\":" + PROCESS + ",\"linux\":" + json);
    }

    private static SpecValidator.Report spec(String fields) throws InvalidSpecException {
        String json = "{\"ociVersion\":\"1.3.0\",\"root\":{\"path\":\"rootfs\"}," + fields + "}";
        return SpecValidator.validate(SpecReader.read(json.getBytes(UTF_8)));
    }

    private static SpecValidator.Report process(String fields) throws InvalidSpecException {
        return SpecValidator.validate(
                ProcessReader.read(("{\"args\":[\"sh\"],\"cwd\":\"/\"," + fields + "}").getBytes(UTF_8)));
    }

    private static List<String> texts(List<Problem> problems) {
        List<String> list = new ArrayList<>();
        for (Problem p : problems) {
            list.add(p.toString());
        }
        return list;
    }

    @ParameterizedTest
    @CsvSource({"1.0.0", "1.0.2-dev", "1.3.0+build.5", "1.99.0"})
    void acceptsEveryVersionOne(String version) {
        Spec.Builder b = SpecTemplate.rootful(false).toBuilder();
        b.ociVersion = version;
        assertThat(SpecValidator.validate(b.build()).errors()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "2.0.0,not supported",
        "0.9.9,not supported",
        "1,not a semantic",
        "1.2,not a semantic",
        "1..2,not a semantic",
        "x.y.z,not a semantic",
        "1.2.3.4,not a semantic",
        "'',not a semantic",
        "1.2.3000000000,not a semantic"
    })
    void refusesOtherVersions(String version, String why) {
        Spec.Builder b = SpecTemplate.rootful(false).toBuilder();
        b.ociVersion = version;
        assertThat(texts(SpecValidator.validate(b.build()).errors()))
                .singleElement()
                .asString()
                .startsWith("ociVersion: ")
                .contains(why);
    }

    @Test
    void needsProcessAndRoot() throws Exception {
        Spec spec = SpecReader.read("{\"ociVersion\":\"1.0.0\"}".getBytes(UTF_8));
        assertThat(texts(SpecValidator.validate(spec).errors())).containsExactly("process: missing", "root: missing");
        assertThatThrownBy(() -> SpecValidator.validate(spec).throwIfInvalid("config.json"))
                .isInstanceOf(InvalidSpecException.class)
                .hasMessage("config.json: process: missing");
    }

    @Test
    void processRules() throws Exception {
        assertThat(texts(SpecValidator.validate(ProcessReader.read("{}".getBytes(UTF_8)))
                        .errors()))
                .containsExactly("args: must have at least one element", "cwd: missing");
        assertThat(texts(process("\"env\":[\"A=1\",\"B\",\"=C\"]").errors()))
                .containsExactly("env[1]: \"B\" has no =", "env[2]: \"=C\" has an empty name");
        assertThat(texts(process("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":2,\"hard\":1},"
                                + "{\"type\":\"RLIMIT_CPU\",\"soft\":1,\"hard\":18446744073709551615}]")
                        .errors()))
                .containsExactly(
                        "rlimits[0].soft: greater than the hard limit", "rlimits[1].type: duplicate RLIMIT_CPU");
        assertThat(texts(process("\"oomScoreAdj\":1001").errors()))
                .containsExactly("oomScoreAdj: 1001 is not between -1000 and 1000");
        assertThat(texts(process("\"user\":{\"uid\":4294967295,\"gid\":1}").errors()))
                .containsExactly("user.uid: 4294967295 is not an id");
        assertThat(texts(process("\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":8}")
                        .errors()))
                .containsExactly("ioPriority.priority: 8 is not between 0 and 7");
        assertThat(texts(process("\"execCPUAffinity\":{\"initial\":\"0-\",\"final\":\"3\"}")
                        .errors()))
                .containsExactly("execCPUAffinity.initial: \"0-\" is not a cpu list");
        assertThat(texts(spec("\"process\":{\"args\":[\"a\"],\"cwd\":\"rel\"}").errors()))
                .containsExactly("process.cwd: \"rel\" is not an absolute path");
    }

    @Test
    void unknownCapabilitiesAreOnlyWarnings() throws Exception {
        SpecValidator.Report report = process("\"capabilities\":{\"bounding\":[\"CAP_KILL\",\"CAP_FLY\"],"
                + "\"effective\":[\"CAP_KILL\"],\"ambient\":[\"CAP_CHOWN\"]}");
        assertThat(texts(report.errors())).containsExactly("capabilities.effective[0]: CAP_KILL is not permitted");
        assertThat(texts(report.warnings()))
                .containsExactly(
                        "capabilities.bounding[1]: unknown capability \"CAP_FLY\", ignored",
                        "capabilities.ambient[0]: CAP_CHOWN is not both permitted and inheritable, ignored");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"policy\":\"SCHED_OTHER\",\"nice\":19 | ",
                "\"policy\":\"SCHED_OTHER\",\"nice\":20 | scheduler.nice: 20 is not between -20 and 19",
                "\"policy\":\"SCHED_OTHER\",\"priority\":1 | scheduler.priority: only SCHED_FIFO and SCHED_RR take a priority",
                "\"policy\":\"SCHED_FIFO\" | scheduler.priority: 0 is not between 1 and 99",
                "\"policy\":\"SCHED_FIFO\",\"priority\":99 | ",
                "\"policy\":\"SCHED_BATCH\",\"period\":1 | scheduler: only SCHED_DEADLINE takes runtime, deadline and period",
                "\"policy\":\"SCHED_DEADLINE\",\"runtime\":2000,\"deadline\":3000 | ",
                "\"policy\":\"SCHED_DEADLINE\",\"runtime\":2000 | scheduler.deadline: SCHED_DEADLINE needs a deadline",
                "\"policy\":\"SCHED_DEADLINE\",\"runtime\":9,\"deadline\":10 | scheduler.runtime: SCHED_DEADLINE needs a runtime of at least 1024 ns",
                "\"policy\":\"SCHED_DEADLINE\",\"runtime\":4000,\"deadline\":3000 | scheduler: must have runtime <= deadline <= period",
            })
    void schedulerRules(String fields, @Nullable String error) throws Exception {
        List<String> errors = texts(process("\"scheduler\":{" + fields + "}").errors());
        assertThat(errors).isEqualTo(error == null ? List.of() : List.of(error));
    }

    @Test
    void namesNeedAUtsNamespace() throws Exception {
        String names = "\"process\":" + PROCESS + ",\"hostname\":\"h\",\"domainname\":\"d\"";
        assertThat(texts(spec(names).errors()))
                .containsExactly(
                        "hostname: cannot be set without a uts namespace",
                        "domainname: cannot be set without a uts namespace");
        assertThat(spec(names + ",\"linux\":{\"namespaces\":[{\"type\":\"uts\",\"path\":\"/x\"}]}")
                        .errors())
                .isEmpty();
    }

    @Test
    void namespaceRules() throws Exception {
        assertThat(texts(linux(
                                "{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"ipc\",\"path\":\"proc/1\"},{\"type\":\"pid\"}]}")
                        .errors()))
                .containsExactly(
                        "linux.namespaces[1].path: \"proc/1\" is not an absolute path",
                        "linux.namespaces[2].type: duplicate pid namespace");
    }

    @Test
    void idMappingRules() throws Exception {
        String map = "[{\"containerID\":0,\"hostID\":1000,\"size\":10},{\"containerID\":9,\"hostID\":5000,\"size\":1},"
                + "{\"containerID\":50,\"hostID\":1005,\"size\":0},{\"containerID\":60,\"hostID\":4294967295,\"size\":1}]";
        assertThat(texts(linux("{\"uidMappings\":" + map + "}").errors()))
                .containsExactly(
                        "linux.uidMappings: cannot be set without a user namespace",
                        "linux.uidMappings[1].containerID: overlaps linux.uidMappings[0]",
                        "linux.uidMappings[2].size: must be greater than zero",
                        "linux.uidMappings[2].hostID: overlaps linux.uidMappings[0]",
                        "linux.uidMappings[3]: exceeds the largest id");
    }

    @Test
    void mappingsOfAJoinedUserNamespaceAreAccepted() throws Exception {
        String map = "[{\"containerID\":0,\"hostID\":1000,\"size\":10}]";
        assertThat(linux("{\"namespaces\":[{\"type\":\"user\",\"path\":\"/p\"}],\"uidMappings\":" + map
                                + ",\"gidMappings\":" + map + "}")
                        .errors())
                .isEmpty();
    }

    @Test
    void timeOffsetRules() throws Exception {
        String offsets = "\"timeOffsets\":{\"boottime\":{\"secs\":-5,\"nanosecs\":1000000000}}";
        assertThat(texts(linux("{" + offsets + "}").errors()))
                .containsExactly(
                        "linux.timeOffsets: cannot be set without a time namespace",
                        "linux.timeOffsets.boottime.nanosecs: must be less than 1000000000");
        assertThat(texts(linux("{\"namespaces\":[{\"type\":\"time\",\"path\":\"/t\"}],"
                                + "\"timeOffsets\":{\"monotonic\":{\"secs\":1}}}")
                        .errors()))
                .containsExactly("linux.timeOffsets: cannot be set for a time namespace that is joined");
    }

    @ParameterizedTest
    @CsvSource({
        "kernel.shmmax,ipc,ok",
        "kernel/shmmax,ipc,ok",
        "fs.mqueue.msg_max,ipc,ok",
        "net.ipv4.ip_forward,network,ok",
        "net/ipv4/conf/eth0.1/forwarding,network,ok",
        "net.ipv4.conf.eth0/1.forwarding,network,ok",
        "kernel.domainname,uts,ok",
        "user.max_user_namespaces,user,ok",
        "kernel.hostname,uts,is set by hostname",
        "kernel.shmmax,network,cannot be set without a ipc namespace",
        "net.ipv4.ip_forward,ipc,cannot be set without a network namespace",
        "kernel.core_pattern,ipc,does not belong to a namespace",
        "vm.swappiness,ipc,does not belong to a namespace",
        "netx.a,network,does not belong to a namespace",
        "net,network,does not belong to a namespace",
        "kernel.shmmax_,ipc,does not belong to a namespace",
        "net/../kernel/core_pattern,network,not a kernel parameter name",
        "net.ipv4/../../kernel.core_pattern,network,not a kernel parameter name",
        "net..kernel,network,not a kernel parameter name",
        "/net/ipv4,network,not a kernel parameter name",
        "net.a/./b,network,not a kernel parameter name",
        "'',network,not a kernel parameter name"
    })
    void sysctlRules(String name, String namespace, String verdict) throws Exception {
        List<Problem> errors = linux(
                        "{\"namespaces\":[{\"type\":\"" + namespace + "\"}],\"sysctl\":{\"" + name + "\":\"1\"}}")
                .errors();
        if (verdict.equals("ok")) {
            assertThat(errors).isEmpty();
        } else {
            assertThat(errors).singleElement().satisfies(p -> {
                assertThat(p.message()).isEqualTo(verdict);
                assertThat(p.path()).startsWith("linux.sysctl");
            });
        }
    }

    @Test
    void deviceRules() throws Exception {
        assertThat(texts(linux("{\"devices\":[{\"type\":\"c\",\"path\":\"dev/a\",\"major\":1,\"minor\":3},"
                                + "{\"type\":\"b\",\"path\":\"/dev/b\",\"major\":4096},"
                                + "{\"type\":\"p\",\"path\":\"/dev/p\"},"
                                + "{\"type\":\"c\",\"path\":\"/dev/x\",\"major\":1,\"minor\":3},"
                                + "{\"type\":\"u\",\"path\":\"/dev/../dev/x\",\"major\":1,\"minor\":3},"
                                + "{\"type\":\"b\",\"path\":\"/dev//x\",\"major\":1,\"minor\":3}]}")
                        .errors()))
                .containsExactly(
                        "linux.devices[0].path: \"dev/a\" is not an absolute path",
                        "linux.devices[1].major: 4096 is not between 0 and 4095",
                        "linux.devices[1].minor: missing",
                        "linux.devices[5].path: \"/dev//x\" is given twice for different devices");
    }

    @Test
    void netDeviceRules() throws Exception {
        assertThat(texts(linux("{\"netDevices\":{\"eth0\":{\"name\":\"a/b\"},\"eth1\":{\"name\":\"lan\"},\"lan\":{}}}")
                        .errors()))
                .containsExactly(
                        "linux.netDevices: cannot be moved without a network namespace",
                        "linux.netDevices.eth0.name: \"a/b\" is not an interface name",
                        "linux.netDevices.lan.name: \"lan\" is used twice");
    }

    @Test
    void hiddenPathsNeedAMountNamespaceAndAbsolutePaths() throws Exception {
        assertThat(texts(linux("{\"maskedPaths\":[\"/a\"],\"readonlyPaths\":[\"b\"]}")
                        .errors()))
                .containsExactly(
                        "linux.maskedPaths: cannot be set without a mount namespace",
                        "linux.readonlyPaths: cannot be set without a mount namespace",
                        "linux.readonlyPaths[0]: \"b\" is not an absolute path");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"size=1m\"] | ",
                "\"destination\":\"/\",\"type\":\"tmpfs\" | .destination: must not be the root of the container",
                "\"destination\":\"/a/..\",\"type\":\"tmpfs\" | .destination: must not be the root of the container",
                "\"destination\":\"/proc/cpuinfo\",\"source\":\"/x\",\"options\":[\"bind\"] | ",
                "\"destination\":\"/proc/self/attr\",\"type\":\"tmpfs\" | .destination: \"/proc/self/attr\" is inside /proc",
                "\"destination\":\"/a/../proc//sys\",\"type\":\"tmpfs\" | .destination: \"/a/../proc//sys\" is inside /proc",
                "\"destination\":\"/proc\",\"type\":\"proc\" | ",
                "\"destination\":\"/a\" | .type: missing",
                "\"destination\":\"/a\",\"options\":[\"rbind\"] | .source: a bind mount needs a source",
                "\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"bind\",\"size=1\"] | .options[1]: a bind mount takes no file system option \"size=1\"",
                "\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"bind\",\"idmap\"] | : an id-mapped mount needs mappings of its own or a user namespace",
                "\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"bind\",\"ridmap=uids=0-1-1\"] | ",
                "\"destination\":\"/a\",\"type\":\"tmpfs\",\"options\":[\"idmap=uids=0-1-1\"] | : only a bind mount can be id-mapped",
                "\"destination\":\"/a\",\"source\":\"/b\",\"options\":[\"bind\"],\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}] | : an id-mapped mount needs both uidMappings and gidMappings",
            })
    void mountRules(String mount, @Nullable String error) throws Exception {
        List<String> errors = texts(spec("\"process\":" + PROCESS
                        + ",\"linux\":{\"namespaces\":[{\"type\":\"mount\"}]},\"mounts\":[{" + mount + "}]")
                .errors());
        assertThat(errors).isEqualTo(error == null ? List.of() : List.of("mounts[0]" + error));
    }

    @Test
    void aRelativeDestinationIsAWarningAndMountsNeedANamespace() throws Exception {
        SpecValidator.Report report =
                spec("\"process\":" + PROCESS + ",\"mounts\":[{\"destination\":\"tmp\",\"type\":\"tmpfs\"}]");
        assertThat(texts(report.errors())).containsExactly("mounts: cannot be made without a mount namespace");
        assertThat(texts(report.warnings()))
                .containsExactly("mounts[0].destination: \"tmp\" is relative, taken from /");
    }

    @Test
    void hookRules() throws Exception {
        assertThat(texts(spec("\"process\":" + PROCESS
                                + ",\"hooks\":{\"poststop\":[{\"path\":\"bin/x\",\"timeout\":0,\"env\":[\"A\"]}]}")
                        .errors()))
                .containsExactly(
                        "hooks.poststop[0].path: \"bin/x\" is not an absolute path",
                        "hooks.poststop[0].timeout: must be greater than zero",
                        "hooks.poststop[0].env[0]: \"A\" has no =");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"memory\":{\"limit\":10,\"swap\":10} | ",
                "\"memory\":{\"limit\":10,\"swap\":-1} | ",
                "\"memory\":{\"swap\":10} | memory.swap: cannot be limited without a memory limit",
                "\"memory\":{\"limit\":10,\"swap\":9} | memory.swap: less than the memory limit, which it includes",
                "\"memory\":{\"limit\":-2} | memory.limit: -2 is less than -1",
                "\"memory\":{\"swappiness\":101} | memory.swappiness: 101 is not between 0 and 100",
                "\"cpu\":{\"idle\":-1} | cpu.idle: -1 is neither 0 nor 1",
                "\"cpu\":{\"cpus\":\"0-3,\"} | cpu.cpus: \"0-3,\" is not a cpu list",
                "\"cpu\":{\"cpus\":\"3-1\"} | cpu.cpus: \"3-1\" is not a cpu list",
                "\"cpu\":{\"cpus\":\"0-7:2/4,9\"} | ",
                "\"cpu\":{\"period\":999} | cpu.period: 999 is not between 1000 and 1000000",
                "\"pids\":{\"limit\":-2} | pids.limit: -2 is less than -1",
                "\"blockIO\":{\"weight\":9} | blockIO.weight: 9 is not between 10 and 1000",
                "\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":1},{\"pageSize\":\"2MB\",\"limit\":1}] | hugepageLimits[1].pageSize: duplicate 2MB",
                "\"hugepageLimits\":[{\"pageSize\":\"../2MB\",\"limit\":1}] | hugepageLimits[0].pageSize: \"../2MB\" is not a page size such as 2MB",
                "\"unified\":{\"../memory.max\":\"1\"} | unified[\"../memory.max\"]: not the name of a cgroup file",
                "\"devices\":[{\"allow\":true,\"access\":\"rwx\"}] | devices[0].access: \"rwx\" has letters other than r, w and m",
                "\"rdma\":{\"mlx5\":{}} | rdma.mlx5: needs hcaHandles or hcaObjects",
            })
    void resourceRules(String fields, @Nullable String error) throws Exception {
        Resources r = ResourcesReader.read(("{" + fields + "}").getBytes(UTF_8));
        assertThat(texts(SpecValidator.validate(r).errors())).isEqualTo(error == null ? List.of() : List.of(error));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38 | ",
                "\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1 | .defaultErrnoRet: SCMP_ACT_ALLOW takes no errno",
                "\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4096 | .defaultErrnoRet: 4096 is not an errno",
                "\"defaultAction\":\"SCMP_ACT_NOTIFY\" | .defaultAction: SCMP_ACT_NOTIFY cannot be the default",
                "\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerMetadata\":\"x\" | .listenerMetadata: cannot be set without listenerPath",
                "\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"x\" | .listenerPath: \"x\" is not an absolute path",
                "\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[],\"action\":\"SCMP_ACT_KILL\"}] | .syscalls[0].names: must have at least one element",
                "\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_NOTIFY\"}] | .listenerPath: missing, but SCMP_ACT_NOTIFY is used",
                "\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/s\",\"syscalls\":[{\"names\":[\"a\",\"write\"],\"action\":\"SCMP_ACT_NOTIFY\"}] | .syscalls[0].names[1]: SCMP_ACT_NOTIFY cannot be used for write",
            })
    void seccompRules(String fields, @Nullable String error) throws Exception {
        List<String> errors = texts(linux("{\"seccomp\":{" + fields + "}}").errors());
        assertThat(errors).isEqualTo(error == null ? List.of() : List.of("linux.seccomp" + error));
    }

    @Test
    void memoryPolicyAndResctrlRules() throws Exception {
        assertThat(texts(linux("{\"memoryPolicy\":{\"mode\":\"MPOL_DEFAULT\",\"nodes\":\"0\"}}")
                        .errors()))
                .containsExactly("linux.memoryPolicy.nodes: MPOL_DEFAULT takes no nodes");
        assertThat(texts(linux("{\"memoryPolicy\":{\"mode\":\"MPOL_BIND\"}}").errors()))
                .containsExactly("linux.memoryPolicy.nodes: MPOL_BIND needs nodes");
        assertThat(texts(linux("{\"intelRdt\":{\"closID\":\"../x\"}}").errors()))
                .containsExactly("linux.intelRdt.closID: \"../x\" is not a directory name");
        assertThat(linux("{\"intelRdt\":{\"closID\":\"/\"}}").errors()).isEmpty();
    }

    @Test
    void keepsAtMostAHundredFindings() {
        Spec.Builder b = SpecTemplate.rootful(false).toBuilder();
        Linux.Builder l = b.linux.toBuilder();
        l.maskedPaths = java.util.Collections.nCopies(100_000, "relative");
        b.linux = l.build();
        assertThat(SpecValidator.validate(b.build()).errors()).hasSize(100);
    }
}
