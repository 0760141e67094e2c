package dev.caisson.trap.filter;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.bpf.SeccompAction;
import dev.caisson.linux.bpf.SeccompData;
import dev.caisson.linux.bpf.SyscallAbi;
import dev.caisson.linux.bpf.SyscallTable;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CallTableTest {
    /** Calls that name a file (stat alone has forms that name none), make a socket or change a namespace or a user: never native, in no tier. */
    private static final List<String> NEVER_NATIVE = List.of(
            "open",
            "openat",
            "openat2",
            "creat",
            "stat",
            "lstat",
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

    /** As fstat(2): by AT_EMPTY_PATH, with what such a call may have besides, and where that is native. */
    @ParameterizedTest
    @CsvSource({"newfstatat, 3", "statx, 2"})
    void statIsNativeOfDescriptorsAlone(String name, int argument) {
        int number = CallTable.calls().stream()
                .filter(c -> c.name().equals(name))
                .findFirst()
                .orElseThrow()
                .number();
        for (Tier tier : Tier.values()) {
            boolean isNative = tier == Tier.FAST || tier == Tier.DEFAULT;
            for (long flags : new long[] {0x1000, 0x1100, 0x1800, 0x3000, 0x5000, 0x7900, 1L << 40 | 0x1000}) {
                assertThat(action(tier, number, argument, flags))
                        .as("%s %#x in %s", name, flags, tier)
                        .isEqualTo(isNative ? SeccompAction.ALLOW : SeccompAction.NOTIFY);
            }
            for (long flags : new long[] {0, 0x100, 0x800, 0x6000, 0x1200, 0x1001, 0x8000_1000L, 0x1000L << 32}) {
                assertThat(action(tier, number, argument, flags))
                        .as("%s %#x in %s", name, flags, tier)
                        .isEqualTo(SeccompAction.NOTIFY);
            }
        }
    }

    private static SeccompAction action(Tier tier, int number, int argument, long flags) {
        long[] a = new long[6];
        a[argument] = flags;
        return SeccompAction.of(CallTable.evaluate(
                tier, new SeccompData(number, SeccompData.AUDIT_ARCH_X86_64, 0, a[0], a[1], a[2], a[3], a[4], a[5])));
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
