package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.WallUser;
import dev.caisson.backend.testkit.PodFixture;
import dev.caisson.kvm.plan.MachineFilter;
import dev.caisson.kvm.plan.MachinePlan;
import dev.caisson.kvm.pod.JailFiles;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.ProcessFilter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The jail of a machine's process, without a machine: a shell in its place tries what must not work. */
@Timeout(60)
class MachineJailTest {
    private static final Duration SOON = Duration.ofSeconds(20);

    @TempDir
    Path temp;

    /** Runs a script in a jail; what it says on both streams. */
    private String run(Path own, String script) throws Exception {
        Files.createDirectories(own.resolve(JailFiles.STAGE));
        Path log = own.resolve("log");
        try (PodFixture pod = MonitorPod.open(Files.createDirectories(temp.resolve("pod")))) {
            Launcher launcher = pod.launcher();
            Launch launch = launcher.spawn(
                    launcher.nextId(),
                    "jail",
                    MachinePlan.of(
                            List.of("/bin/busybox", "sh", "-c", script), log.toString(), JailFiles.of(own, own, null)),
                    0,
                    Set.of(Launcher.Flag.SELF));
            launch.awaitLaunched(SOON);
            assertThat(launch.awaitExit(SOON)).isTrue();
            launch.forget();
        }
        return Files.readString(log);
    }

    private static Map<String, String> status(String said) {
        Map<String, String> fields = new LinkedHashMap<>();
        said.lines().filter(line -> line.contains(":\t")).forEach(line -> {
            String[] parts = line.split(":\t", 2);
            fields.put(parts[0], parts[1].strip());
        });
        return fields;
    }

    @Test
    void itIsNobodyAndCanDoLittle() throws Exception {
        Map<String, String> status = status(run(temp.resolve("own"), "cat /proc/self/status; echo Pid2:\t$$"));
        String[] ids = status.getOrDefault("Uid", "").split("\t", -1);
        assertThat(Long.parseLong(ids[0])).isGreaterThan(WallUser.BASE);
        assertThat(ids).containsOnly(ids[0]);
        assertThat(status.get("Gid")).isEqualTo(status.get("Uid"));
        assertThat(status.get("Groups")).isEmpty();
        assertThat(status.get("NoNewPrivs")).isEqualTo("1");
        // CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETGID, SETUID, SETFCAP (capabilities(7)).
        String capabilities = "00000000800000db";
        for (String set : List.of("CapEff", "CapPrm", "CapBnd", "CapAmb")) {
            assertThat(status.get(set)).as(set).isEqualTo(capabilities);
        }
    }

    @Test
    void thereIsNothingOfTheHostsButWhatItIsMadeOf() throws Exception {
        Path own = temp.resolve("own");
        Files.createDirectories(own);
        Files.writeString(temp.resolve("secret"), "s");
        String said = run(
                own,
                "echo root: $(ls /); echo dev: $(find /dev -type c | sort); echo etc: $(ls /etc 2>&1); cat " + temp
                        + "/secret; touch /x; touch /usr/x; touch /tmp/x; echo mine >" + own
                        + "/mine; mount -t tmpfs t /tmp; mknod " + own
                        + "/sda b 8 0; echo net: $(ls /sys 2>&1) $(ip -o link | wc -l);"
                        + " set -- /proc/[0-9]*; echo pids: $#; cat /proc/1/environ;"
                        + " grep ' / /proc ' /proc/self/mountinfo; for n in mnt net ipc; do readlink /proc/self/ns/$n; done");
        List<String> top =
                new ArrayList<>(List.of(said.lines().findFirst().orElse("").split(" ", -1)));
        assertThat(top).doesNotContain("home", "var", "etc", "boot", "sys", "srv", "media");
        assertThat(said)
                .contains("etc: ls: /etc: No such file")
                .contains("can't open '" + temp + "/secret'")
                .contains("touch: /x: Read-only file system")
                .contains("touch: /usr/x: Read-only file system")
                .contains("touch: /tmp/x: Read-only file system")
                .contains("mount: permission denied")
                .contains("/sda: Operation not permitted")
                .containsPattern("net: ls: /sys: No such file or directory 1")
                .contains("pids: 1")
                .contains("can't open '/proc/1/environ'")
                .containsPattern("/proc ro,nosuid,nodev,noexec");
        assertThat(said).containsPattern("dev: /dev/(kvm /dev/)?null /dev/urandom");
        for (String namespace : List.of("mnt", "net", "ipc")) {
            assertThat(said)
                    .contains(namespace + ":[")
                    .doesNotContain(Files.readSymbolicLink(Path.of("/proc/self/ns", namespace))
                            .toString());
        }
        assertThat(own.resolve("mine")).hasContent("mine");
    }

    /** What is tried behind the filter, in a virtual machine of Java's of its own. */
    static final class Probe {
        private static final int PR_SET_NO_NEW_PRIVS = 38;
        private static final int SYS_PRCTL = 157;

        private Probe() {}

        public static void main(String[] args) throws Exception {
            KernelCalls kernel = new KernelCalls();
            kernel.call(SYS_PRCTL, PR_SET_NO_NEW_PRIVS, 1);
            ProcessFilter.load(Base64.getDecoder().decode(args[0]));
            for (int i = 1; i < args.length; i++) {
                String[] call = args[i].split(",", -1);
                System.out.println(
                        args[i] + " " + kernel.call(Long.parseLong(call[0]), Long.parseLong(call[1]), 0, 0, 0, 0));
            }
            Thread other = new Thread(() -> System.out.println("thread " + kernel.call(59)));
            other.start();
            other.join();
            System.gc();
            try (var lines = Files.lines(Path.of("/proc/self/status"))) {
                lines.filter(line -> line.startsWith("Seccomp")).forEach(System.out::println);
            }
        }
    }

    /** Numbers of asm/unistd_64.h, with a first argument: what gets out of a process, into another one, or near the kernel's less used parts. */
    @Test
    void itsFilterStopsWhatAMachineDoesNotDo() throws Exception {
        List<String> refused = List.of(
                "41,2", // socket, AF_INET
                "41,16", // AF_NETLINK
                "41,40", // AF_VSOCK
                "56,0", // clone, a process
                "57,0", // fork
                "59,0", // execve
                "322,0", // execveat
                "62,0", // kill
                "101,0", // ptrace
                "310,0", // process_vm_readv
                "434,1", // pidfd_open
                "155,0", // pivot_root
                "161,0", // chroot
                "165,0", // mount
                "428,0", // open_tree
                "272,131072", // unshare, CLONE_NEWNS
                "272,268435456", // CLONE_NEWUSER
                "308,0", // setns
                "175,0", // init_module
                "246,0", // kexec_load
                "248,0", // add_key
                "298,0", // perf_event_open
                "300,0", // fanotify_init
                "304,0", // open_by_handle_at
                "321,0", // bpf
                "323,0", // userfaultfd
                "425,0", // io_uring_setup
                "105,0", // setuid
                "117,0", // setresuid
                "133,0"); // mknod
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-Djava.library.path=" + System.getProperty("java.library.path"),
                "-cp",
                System.getProperty("java.class.path"),
                Probe.class.getName(),
                MachineFilter.encoded(),
                "41,1",
                "272,512"));
        command.addAll(refused);
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = read(process);
        assertThat(process.waitFor()).as(said).isZero();
        for (String each : refused) {
            assertThat(said).contains(each + " -1\n");
        }
        assertThat(said)
                .contains("41,1 -94\n") // a type that there is not
                .contains("272,512 0\n")
                .contains("thread -1\n")
                .contains("Seccomp:\t2\n");
    }

    private static String read(Process process) throws IOException {
        process.getOutputStream().close();
        return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
}
