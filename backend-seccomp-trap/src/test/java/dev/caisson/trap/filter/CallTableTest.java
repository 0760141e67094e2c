package dev.caisson.trap.filter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.bpf.SyscallAbi;
import dev.caisson.linux.bpf.SyscallTable;
import java.util.List;
import org.junit.jupiter.api.Test;

class CallTableTest {
    /** Calls that name a file, make a socket or change a namespace or a user: never native, in no tier. */
    private static final List<String> NEVER_NATIVE = List.of(
            "open",
            "openat",
            "openat2",
            "creat",
            "stat",
            "lstat",
            "newfstatat",
            "statx",
            "access",
            "faccessat",
            "faccessat2",
            "readlink",
            "readlinkat",
            "chdir",
            "chroot",
            "rename",
            "renameat",
            "renameat2",
            "mkdir",
            "mkdirat",
            "rmdir",
            "link",
            "linkat",
            "unlink",
            "unlinkat",
            "symlink",
            "symlinkat",
            "mknod",
            "mknodat",
            "truncate",
            "chmod",
            "fchmodat",
            "chown",
            "lchown",
            "fchownat",
            "utime",
            "utimes",
            "utimensat",
            "setxattr",
            "getxattr",
            "mount",
            "umount2",
            "pivot_root",
            "execve",
            "execveat",
            "socket",
            "bind",
            "connect",
            "unshare",
            "setns",
            "clone3",
            "setuid",
            "setresuid",
            "io_uring_setup",
            "bpf",
            "perf_event_open",
            "userfaultfd",
            "ptrace",
            "process_vm_writev",
            "open_by_handle_at",
            "keyctl",
            "add_key");

    @Test
    void hasEveryCallOfX86() {
        int count = 0;
        for (int nr = 0; nr <= SyscallTable.largest(SyscallAbi.X86_64); nr++) {
            String name = SyscallTable.name(SyscallAbi.X86_64, nr);
            SystemCall call = CallTable.call(nr);
            assertThat(call == null ? null : call.name()).isEqualTo(name);
            count += name == null ? 0 : 1;
        }
        assertThat(CallTable.calls()).hasSize(count).hasSize(383);
    }

    @Test
    void namesAndNamespacesAreNeverNative() {
        for (SystemCall call : CallTable.calls()) {
            if (NEVER_NATIVE.contains(call.name())) {
                for (Tier tier : Tier.values()) {
                    assertThat(call.verdict(tier).kind()).as(call.name()).isNotEqualTo(Verdict.Kind.NATIVE);
                }
            }
        }
    }

    @Test
    void strictTiersAreNotLooser() {
        for (SystemCall call : CallTable.calls()) {
            for (Tier tier : Tier.values()) {
                if (tier != Tier.FAST && call.verdict(tier).isNative()) {
                    assertThat(call.verdict(Tier.FAST).isNative())
                            .as(call.name())
                            .isTrue();
                }
                if (tier == Tier.STRICT && call.verdict(tier).isNative()) {
                    assertThat(call.verdict(Tier.HARDENED).isNative())
                            .as(call.name())
                            .isTrue();
                }
            }
        }
    }

    @Test
    void numbersOfNativeCallsAreWithinTheClaim() {
        assertThat(natives(Tier.DEFAULT)).isLessThanOrEqualTo(166);
        assertThat(natives(Tier.STRICT)).isLessThanOrEqualTo(45);
    }

    private static long natives(Tier tier) {
        return CallTable.calls().stream()
                .filter(c -> c.verdict(tier).isNative())
                .count();
    }
}
