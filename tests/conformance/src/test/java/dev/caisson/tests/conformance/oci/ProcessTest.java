package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import dev.caisson.tests.support.Skip;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * Programs {@code process}, {@code process_user}, {@code process_oom_score_adj}, {@code process_capabilities(_fail)},
 * {@code process_rlimits(_fail)}, {@code linux_seccomp}, {@code linux_process_apparmor_profile}, {@code linux_mount_label}.
 */
class ProcessTest extends OciSuite {
    private static final long CHOWN = 1L << 0;
    private static final long KILL = 1L << 5;
    private static final long NET_BIND_SERVICE = 1L << 10;

    private Inside inside(Box box) {
        return new Inside(box.run().ok().out());
    }

    @Test
    void argumentsAreGivenAsTheyAre() {
        Box box = box("").set(
                        "/process/args",
                        "[\"/bin/sh\", \"-c\", \"for a; do echo \\\"[$a]\\\"; done\", \"zero\", \"a  b\", \"\", \"*\", \"'\\\"\"]");

        assertThat(box.run().ok().out()).isEqualTo("[a  b]\n[]\n[*]\n['\"]\n");
    }

    @Test
    void theProgramIsFoundByTheContainersPath() {
        Box box = box("").set("/process/args", "[\"tool\"]").set("/process/env", "[\"PATH=/sbin:/opt/tools:/bin\"]");
        try {
            Files.createDirectories(box.file("/opt/tools"));
            Files.createSymbolicLink(box.file("/opt/tools/tool"), Path.of("/bin/own"));
            Files.writeString(box.file("/bin/own"), "#!/bin/sh\necho found\n");
            box.file("/bin/own").toFile().setExecutable(true, false);
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException("write a program into " + box, e);
        }

        assertThat(box.run().ok().out()).isEqualTo("found\n");
    }

    /** Callers map this to 127, by the words. */
    @Test
    void aMissingProgramFailsAtCreate() {
        Command.Result created =
                box("").set("/process/args", "[\"/no/such/program\"]").tryCreate();

        assertThat(created.exit()).isNotZero();
        assertThat(created.err()).containsIgnoringCase("no such file or directory");
    }

    @Test
    void theEnvironmentIsTheConfigurations() {
        Box box = box(Inside.SCRIPT).set("/process/env", "[\"PATH=/bin\", \"ONE=1\", \"EMPTY=\", \"SPACE=a  b=c\"]");

        List<String> environment = inside(box).environment();

        assertThat(environment).contains("PATH=/bin", "ONE=1", "EMPTY=", "SPACE=a  b=c");
        // HOME is added from passwd; nothing else is.
        assertThat(environment)
                .filteredOn(line -> !line.isEmpty() && !line.startsWith("HOME="))
                .hasSize(4);
    }

    private static String home(Box box) {
        return box.command("exec", box.id, "/bin/sh", "-c", "echo $HOME")
                .run()
                .ok()
                .out()
                .strip();
    }

    /** Whatever a runtime remembers of the container's user database, each exec finds it as it is. */
    @Test
    void theHomeOfAnExecIsTheUserDatabases() throws java.io.IOException {
        Box box = box("exec sleep 1000").set("/process/env", "[\"PATH=/bin\"]");
        Path passwd = box.file("/etc/passwd");
        Files.writeString(passwd, "root:x:0:0:root:/one:/bin/sh\n");
        box.create().start();
        if (runtime.isSubject()) {
            Await.sleep(Duration.ofMillis(1200)); // what has changed within the last second is not remembered
        }

        assertThat(home(box)).isEqualTo("/one");
        assertThat(home(box)).isEqualTo("/one");
        Files.writeString(passwd, "root:x:0:0:root:/two:/bin/sh\n");
        assertThat(home(box)).as("the same file with as many bytes").isEqualTo("/two");
        Files.writeString(passwd.resolveSibling("new"), "root:x:0:0:root:/six:/bin/sh\n");
        Files.move(passwd.resolveSibling("new"), passwd, StandardCopyOption.REPLACE_EXISTING);
        assertThat(home(box)).as("another file").isEqualTo("/six");
        Files.delete(passwd);
        assertThat(home(box)).as("no file").isIn("/", "/root");
    }

    /** A runtime that looks before the container is there has to see that it is another file then. */
    @Test
    void theHomeOfARunIsTheUserDatabasesThatItSees() throws java.io.IOException {
        Box box = box("echo $HOME").set("/process/env", "[\"PATH=/bin\"]");
        Path passwd = Files.writeString(box.file("/etc/passwd"), "root:x:0:0:root:/one:/bin/sh\n");
        assertThat(box.run().ok().out().strip())
                .as("of a file that may yet change")
                .isEqualTo("/one");
        if (runtime.isSubject()) {
            Await.sleep(Duration.ofMillis(1200)); // as above
        }
        assertThat(box.run().ok().out().strip()).isEqualTo("/one");
        Path over = Files.writeString(passwd.resolveSibling("over"), "root:x:0:0:root:/two:/bin/sh\n");
        box.add(
                "/mounts",
                "{\"destination\": \"/etc/passwd\", \"type\": \"bind\", \"source\": \"" + over
                        + "\", \"options\": [\"bind\", \"ro\"]}");
        assertThat(box.run().ok().out().strip()).as("mounted over").isEqualTo("/two");
    }

    @Test
    void theDirectoryIsMadeAndEntered() {
        assertThat(inside(box(Inside.SCRIPT).set("/process/cwd", "\"/tmp\"")).line("directory"))
                .isEqualTo("/tmp");
        assertThat(inside(box("c2", Inside.SCRIPT).set("/process/cwd", "\"/new/directory\""))
                        .line("directory"))
                .isEqualTo("/new/directory");
    }

    @Test
    void theUserHasItsIdsGroupsAndMask() {
        Inside inside = inside(box(Inside.SCRIPT)
                .set("/process/user", "{\"uid\": 10, \"gid\": 20, \"additionalGids\": [30, 40], \"umask\": 2}"));

        assertThat(inside.status("Uid")).isEqualTo("10 10 10 10");
        assertThat(inside.status("Gid")).isEqualTo("20 20 20 20");
        assertThat(List.of(inside.status("Groups").split(" ", -1)))
                .contains("30", "40")
                .doesNotContain("0");
        assertThat(inside.line("umask")).isEqualTo("0002");
    }

    @Test
    void theDefaultMaskIs022() {
        assertThat(inside(box(Inside.SCRIPT)).line("umask")).isEqualTo("0022");
    }

    @Test
    void theOomScoreIsAdjusted() {
        Inside inside = inside(box(Inside.SCRIPT).set("/process/oomScoreAdj", "100"));

        assertThat(inside.line("oom")).isEqualTo("100");
    }

    @Test
    void everySetOfCapabilitiesIsTheConfigurations() {
        Inside inside = inside(box(Inside.SCRIPT).set("/process/capabilities", """
                {"bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
                 "permitted": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
                 "effective": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
                 "inheritable": ["CAP_CHOWN", "CAP_KILL"],
                 "ambient": ["CAP_KILL"]}"""));

        assertThat(inside.capabilities("CapBnd")).isEqualTo(CHOWN | KILL | NET_BIND_SERVICE);
        assertThat(inside.capabilities("CapPrm")).isEqualTo(CHOWN | KILL | NET_BIND_SERVICE);
        assertThat(inside.capabilities("CapEff")).isEqualTo(CHOWN | KILL | NET_BIND_SERVICE);
        assertThat(inside.capabilities("CapInh")).isEqualTo(CHOWN | KILL);
        assertThat(inside.capabilities("CapAmb")).isEqualTo(KILL);
    }

    /** capabilities(7): of a user who is not root, execve keeps the ambient ones only. */
    @Test
    void ambientCapabilitiesOutliveExecve() {
        Inside inside = inside(box(Inside.SCRIPT)
                .set("/process/user", "{\"uid\": 10, \"gid\": 20}")
                .set("/process/capabilities", """
                {"bounding": ["CAP_CHOWN", "CAP_KILL"], "permitted": ["CAP_CHOWN", "CAP_KILL"],
                 "effective": ["CAP_CHOWN", "CAP_KILL"], "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]}"""));

        assertThat(inside.capabilities("CapEff")).isEqualTo(KILL);
        assertThat(inside.capabilities("CapPrm")).isEqualTo(KILL);
        assertThat(inside.capabilities("CapBnd")).isEqualTo(CHOWN | KILL);
    }

    @Test
    void withoutTheFieldThereAreNone() {
        Box box = box(Inside.SCRIPT);
        box.process().remove("capabilities");
        Inside inside = inside(box);

        assertThat(inside.capabilities("CapBnd")).isZero();
        assertThat(inside.capabilities("CapEff")).isZero();
    }

    /** A warning since runtime-spec 1.1, so that a newer caller's configuration works; the validation suite still wants an error. */
    @Test
    void anUnknownCapabilityIsAWarning() {
        Box box = box(Inside.SCRIPT).capable("CAP_NO_SUCH");

        assertThat(inside(box).capabilities("CapEff") & CHOWN).isNotZero();
    }

    /** Lower than this process's, since to raise a hard limit needs CAP_SYS_RESOURCE, which a machine need not give. */
    @Test
    void limitsAreSoftAndHard() {
        Inside inside = inside(box(Inside.SCRIPT).set("/process/rlimits", """
                [{"type": "RLIMIT_NOFILE", "soft": 512, "hard": 1000}, {"type": "RLIMIT_NPROC", "soft": 2000, "hard": 3000},
                 {"type": "RLIMIT_CPU", "soft": 120, "hard": 240}, {"type": "RLIMIT_FSIZE", "soft": 1073741824, "hard": 1073741824},
                 {"type": "RLIMIT_AS", "soft": 2147483648, "hard": 3147483648}, {"type": "RLIMIT_STACK", "soft": 1048576, "hard": 2097152},
                 {"type": "RLIMIT_DATA", "soft": 1073741824, "hard": 1073741824}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 0},
                 {"type": "RLIMIT_RSS", "soft": 1000000, "hard": 1000000}, {"type": "RLIMIT_LOCKS", "soft": 7, "hard": 8},
                 {"type": "RLIMIT_SIGPENDING", "soft": 10, "hard": 20}, {"type": "RLIMIT_MSGQUEUE", "soft": 1000, "hard": 2000},
                 {"type": "RLIMIT_MEMLOCK", "soft": 4096, "hard": 8192}, {"type": "RLIMIT_NICE", "soft": 0, "hard": 0},
                 {"type": "RLIMIT_RTPRIO", "soft": 0, "hard": 0}, {"type": "RLIMIT_RTTIME", "soft": 100000000, "hard": 200000000}]"""));

        assertThat(Map.ofEntries(
                        Map.entry("Max open files", "512 1000"),
                        Map.entry("Max processes", "2000 3000"),
                        Map.entry("Max cpu time", "120 240"),
                        Map.entry("Max file size", "1073741824 1073741824"),
                        Map.entry("Max address space", "2147483648 3147483648"),
                        Map.entry("Max stack size", "1048576 2097152"),
                        Map.entry("Max data size", "1073741824 1073741824"),
                        Map.entry("Max core file size", "0 0"),
                        Map.entry("Max resident set", "1000000 1000000"),
                        Map.entry("Max file locks", "7 8"),
                        Map.entry("Max pending signals", "10 20"),
                        Map.entry("Max msgqueue size", "1000 2000"),
                        Map.entry("Max locked memory", "4096 8192"),
                        Map.entry("Max nice priority", "0 0"),
                        Map.entry("Max realtime priority", "0 0"),
                        Map.entry("Max realtime timeout", "100000000 200000000")))
                .allSatisfy((name, limits) ->
                        assertThat(inside.limit(name)).as(name).isEqualTo(limits));
    }

    @Test
    void anUnknownLimitIsRefused() {
        assertThat(box("true")
                        .set("/process/rlimits", "[{\"type\": \"RLIMIT_TEST\", \"soft\": 1, \"hard\": 1}]")
                        .tryCreate()
                        .exit())
                .isNotZero();
    }

    @Test
    void aLimitIsNamedOnce() {
        deviates(Kind.CRUN, "refusal of a limit named twice", "1.8.1 takes the last");
        deviates(Kind.RUNC, "refusal of a limit named twice", "1.1.5 takes the last");

        assertThat(box("true")
                        .set(
                                "/process/rlimits",
                                "[{\"type\": \"RLIMIT_CPU\", \"soft\": 1, \"hard\": 1}, {\"type\": \"RLIMIT_CPU\", \"soft\": 2, \"hard\": 2}]")
                        .tryCreate()
                        .exit())
                .isNotZero();
    }

    @Test
    void noNewPrivilegesIsKept() {
        assertThat(inside(box(Inside.SCRIPT).set("/process/noNewPrivileges", "true"))
                        .status("NoNewPrivs"))
                .isEqualTo("1");
        assertThat(inside(box("c2", Inside.SCRIPT).set("/process/noNewPrivileges", "false"))
                        .status("NoNewPrivs"))
                .isEqualTo("0");
    }

    private static final String NO_GETCWD =
            "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_X86_64\"],"
                    + " \"syscalls\": [{\"names\": [\"getcwd\"], \"action\": \"SCMP_ACT_ERRNO\"}]}";

    /** The runtime's own last look at its directory must be over when the filter is loaded. */
    @Test
    void aFilteredCallFails() {
        deviates(Kind.RUNC, "a filter of getcwd", "1.1.5 calls it itself afterwards");
        Box box = box("/bin/busybox pwd; grep Seccomp: /proc/self/status").set("/linux/seccomp", NO_GETCWD);
        Command.Result result = box.run();

        assertThat(result.out()).isEqualTo("Seccomp:\t2\n");
        assertThat(result.err()).contains("Operation not permitted");
    }

    @Test
    void aFilterReturnsTheErrorThatItNames() {
        Box box = box("mkdir /new; mkdir /new2; ls -d /tmp").set("/linux/seccomp", """
                        {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], "syscalls": [
                         {"names": ["mkdir", "mkdirat", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}""");
        Command.Result result = box.run();

        assertThat(result.out()).isEqualTo("/tmp\n");
        assertThat(result.err()).contains("No space left on device");
    }

    @Test
    void aFilterLooksAtArguments() {
        Box box = box("kill -0 $$ && echo zero; kill -CONT $$ || echo refused").set("/linux/seccomp", """
                        {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
                         {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 18, "op": "SCMP_CMP_EQ"}]}]}""");

        assertThat(box.run().out()).isEqualTo("zero\nrefused\n");
    }

    @Test
    void anUnknownActionIsRefused() {
        assertThat(box("true")
                        .set("/linux/seccomp", "{\"defaultAction\": \"SCMP_ACT_NOSUCH\"}")
                        .tryCreate()
                        .exit())
                .isNotZero();
    }

    /** Asked for and not to be had is an error; crun ignores it where the kernel has no AppArmor. */
    @Test
    void anAppArmorProfileWithoutAppArmorIsRefused() {
        Skip.unless(
                !Files.exists(Path.of("/sys/kernel/security/apparmor")), "refusal of AppArmor", "a kernel without it");
        Command.Result created =
                box("true").set("/process/apparmorProfile", "\"some-profile\"").tryCreate();

        assertThat(created.exit()).isNotZero();
    }

    @Test
    void aMountLabelIsTheContainersSelinuxContext() {
        Skip.unless(Files.exists(Path.of("/sys/fs/selinux/enforce")), "a mount label", "SELinux");
        Box box = box("ls -dZ /dev/shm")
                .set("/linux/mountLabel", "\"system_u:object_r:svirt_sandbox_file_t:s0:c715,c811\"");

        assertThat(box.run().ok().out()).contains("system_u:object_r:svirt_sandbox_file_t:s0:c715,c811");
    }
}
