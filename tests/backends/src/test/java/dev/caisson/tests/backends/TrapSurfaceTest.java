package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.linux.bpf.BpfInterpreter;
import dev.caisson.linux.bpf.BpfProgram;
import dev.caisson.linux.bpf.SeccompAction;
import dev.caisson.linux.bpf.SeccompData;
import dev.caisson.linux.bpf.SyscallAbi;
import dev.caisson.linux.bpf.SyscallTable;
import dev.caisson.oci.Spec;
import dev.caisson.trap.filter.Surface;
import dev.caisson.trap.filter.Tier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a guest can cause on the host, counted from the filter that its kernel has, and not from ours. */
final class TrapSurfaceTest extends TrapSuite {
    /** Make or open a name or a socket, or change a namespace. */
    private static final TreeSet<String> NEVER = new TreeSet<>(java.util.List.of(
            "open",
            "openat",
            "openat2",
            "creat",
            "execve",
            "execveat",
            "unlink",
            "unlinkat",
            "mount",
            "umount2",
            "socket",
            "connect",
            "bind",
            "unshare",
            "setns",
            "clone3",
            "ptrace",
            "bpf",
            "io_uring_setup",
            "userfaultfd",
            "perf_event_open",
            "keyctl",
            "open_by_handle_at",
            "pidfd_getfd",
            "process_vm_writev",
            "kexec_load",
            "init_module",
            "setuid",
            "setresuid",
            "chroot"));

    @ParameterizedTest
    @CsvSource({"fast, 166", "default, 166", "hardened, 146", "strict, 45"})
    void hostCallsOfATier(String tier, int most) throws Exception {
        var bundle = shell("echo up; exec sleep 1000").spec(spec -> {
            Map<String, String> annotations = new LinkedHashMap<>(spec.annotations());
            annotations.put("dev.caisson.trap.tier", tier);
            Spec.Builder b = spec.toBuilder();
            b.annotations = annotations;
            return b.build();
        });
        try (TestContainer c = prepare(bundle).create().start()) {
            await("program", () -> c.stdout().contains("up"));
            BpfProgram program = InstalledFilter.read(c.init().pid());
            TreeSet<String> reached = new TreeSet<>();
            for (int nr = 0; nr < 4096; nr++) {
                if (InstalledFilter.mayReachTheKernel(program, nr)) {
                    reached.add(String.valueOf(SyscallTable.name(SyscallAbi.X86_64, nr)));
                }
            }
            assertThat(reached).hasSizeLessThanOrEqualTo(most).contains("futex", "mmap");
            assertThat(reached)
                    .as("what the documentation says")
                    .hasSize(Surface.of(Objects.requireNonNull(Tier.of(tier))).natives());
            assertThat(reached).doesNotContainAnyElementsOf(NEVER).doesNotContain("null");
            assertThat(statsDescriptorsNatively(program)).isEqualTo(tier.equals("fast") || tier.equals("default"));
            // One filter, no right to gain another user's, and rights in the container's own user namespace only.
            String status = Files.readString(Path.of("/proc/" + c.init().pid() + "/status"));
            assertThat(status)
                    .contains("NoNewPrivs:\t1")
                    .contains("Seccomp:\t2")
                    .contains("Seccomp_filters:\t1");
            assertThat(Files.readSymbolicLink(Path.of("/proc/" + c.init().pid() + "/ns/user")))
                    .isNotEqualTo(Files.readSymbolicLink(Path.of("/proc/self/ns/user")));
        }
    }

    /** What fstat(2) is made of in glibc since 2.33; stat of a name is stopped in every tier. */
    private static boolean statsDescriptorsNatively(BpfProgram program) {
        int emptyPath = 0x1000;
        int noFollow = 0x100;
        assertThat(action(program, new SeccompData(262, SeccompData.AUDIT_ARCH_X86_64, 0, 3, 0, 0, noFollow, 0, 0)))
                .isEqualTo(SeccompAction.NOTIFY);
        assertThat(action(program, new SeccompData(332, SeccompData.AUDIT_ARCH_X86_64, 0, 3, 0, noFollow, 0, 0, 0)))
                .isEqualTo(SeccompAction.NOTIFY);
        SeccompAction action =
                action(program, new SeccompData(262, SeccompData.AUDIT_ARCH_X86_64, 0, 3, 0, 0, emptyPath, 0, 0));
        assertThat(action(program, new SeccompData(332, SeccompData.AUDIT_ARCH_X86_64, 0, 3, 0, emptyPath, 0, 0, 0)))
                .isEqualTo(action);
        return action == SeccompAction.ALLOW;
    }

    private static SeccompAction action(BpfProgram program, SeccompData call) {
        return SeccompAction.of(BpfInterpreter.run(program, call));
    }
}
