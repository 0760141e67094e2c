package dev.caisson.linux.bpf;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.bpf.SeccompProfile.Condition;
import dev.caisson.linux.bpf.SeccompProfile.Rule;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/** What a profile means, by walking its rules for one call: slow, plain, and written without regard to the compiler. */
final class SeccompEvaluator {
    private static final int[] ARCHES = {SeccompData.AUDIT_ARCH_X86_64, SeccompData.AUDIT_ARCH_I386, 0xc000_00b7, 0};

    private static final List<String> SOCKETCALLS = List.of(
            "",
            "socket",
            "bind",
            "connect",
            "listen",
            "accept",
            "getsockname",
            "getpeername",
            "socketpair",
            "send",
            "recv",
            "sendto",
            "recvfrom",
            "shutdown",
            "setsockopt",
            "getsockopt",
            "sendmsg",
            "recvmsg",
            "accept4",
            "recvmmsg",
            "sendmmsg");
    private static final List<String> IPC_CALLS = List.of(
            "",
            "semop",
            "semget",
            "semctl",
            "semtimedop",
            "",
            "",
            "",
            "",
            "",
            "",
            "msgsnd",
            "msgrcv",
            "msgget",
            "msgctl",
            "",
            "",
            "",
            "",
            "",
            "",
            "shmat",
            "shmdt",
            "shmget",
            "shmctl");

    private SeccompEvaluator() {}

    static long interestingValue(SplittableRandom random) {
        long[] values = {
            0, 1, 2, 3, 40, 0x7fff_ffffL, 0x8000_0000L, 0xffff_ffffL, 0x1_0000_0000L, -1, Long.MIN_VALUE, 0xffff
        };
        return random.nextInt(3) == 0 ? random.nextLong() : values[random.nextInt(values.length)];
    }

    /** Compares program and profile on every number of every architecture, with arguments around the values that the rules speak of. */
    static void compare(SeccompProfile p, BpfProgram program, SplittableRandom random) {
        Set<Long> boundaries = new LinkedHashSet<>(List.of(0L, 1L, 2L, 21L, -1L));
        for (Rule rule : p.rules()) {
            for (Condition c : rule.conditions()) {
                for (long v : new long[] {c.value(), c.datum(), c.value() & c.datum()}) {
                    boundaries.addAll(List.of(v - 1, v, v + 1, v ^ (1L << 40), (long) (int) v, v & 0xffff_ffffL));
                }
            }
        }
        List<Long> values = new ArrayList<>(boundaries);
        for (int arch : ARCHES) {
            for (int nr = -2; nr < 600; nr++) {
                for (int bit = 0; bit < 2; bit++) {
                    int number = bit == 0 ? nr : nr ^ SeccompData.X32_BIT;
                    for (int i = 0; i < 3; i++) {
                        SeccompData call = new SeccompData(
                                number,
                                arch,
                                0,
                                pick(values, random, arch),
                                pick(values, random, arch),
                                pick(values, random, arch),
                                pick(values, random, arch),
                                pick(values, random, arch),
                                pick(values, random, arch));
                        int expected = evaluate(p, call);
                        int actual = BpfInterpreter.run(program, call);
                        if (actual != expected) {
                            assertThat(SeccompAction.describe(actual))
                                    .as("%s of %s", call, p)
                                    .isEqualTo(SeccompAction.describe(expected));
                        }
                    }
                }
            }
        }
    }

    /** The kernel gives arguments of i386 calls zero-extended. */
    private static long pick(List<Long> values, SplittableRandom random, int arch) {
        long v = values.get(random.nextInt(values.size()));
        return arch == SeccompData.AUDIT_ARCH_I386 ? v & 0xffff_ffffL : v;
    }

    static int evaluate(SeccompProfile p, SeccompData call) {
        int byDefault = value(p.defaultAction(), p.defaultErrno());
        SyscallAbi abi;
        int nr = call.nr();
        if (call.arch() == SeccompData.AUDIT_ARCH_I386) {
            abi = SyscallAbi.I386;
        } else if (call.arch() == SeccompData.AUDIT_ARCH_X86_64) {
            if (nr == -1) {
                return byDefault;
            }
            boolean x32 = Integer.compareUnsigned(nr, SeccompData.X32_BIT) >= 0;
            abi = x32 ? SyscallAbi.X32 : SyscallAbi.X86_64;
            nr = x32 ? nr & ~SeccompData.X32_BIT : nr;
        } else {
            return SeccompAction.KILL_PROCESS.value();
        }
        if (!p.abis().contains(abi)) {
            return SeccompAction.KILL_PROCESS.value();
        }
        if (isUnknown(p, abi, nr, byDefault)) {
            return SeccompAction.ERRNO.value(38);
        }
        String name = SyscallTable.name(abi, nr);
        for (boolean conditional : new boolean[] {false, true}) {
            for (Rule rule : p.rules()) {
                int value = value(rule.action(), rule.errno());
                if (value == byDefault) {
                    continue;
                }
                for (String ruled : rule.names()) {
                    boolean direct = ruled.equals(name);
                    boolean multiplexed = abi == SyscallAbi.I386 && isMultiplexed(name, ruled, (int) call.arg0());
                    if (direct && rule.conditions().isEmpty() != conditional && holds(rule, abi, call)) {
                        return value;
                    }
                    // Here the selector is a condition of its own.
                    boolean permits = rule.action() == SeccompAction.ALLOW
                            || rule.action() == SeccompAction.LOG
                            || rule.action() == SeccompAction.TRACE;
                    if (multiplexed && conditional && (rule.conditions().isEmpty() || !permits)) {
                        return value;
                    }
                }
            }
        }
        return byDefault;
    }

    private static boolean isUnknown(SeccompProfile p, SyscallAbi abi, int nr, int byDefault) {
        boolean permits = p.defaultAction() == SeccompAction.ALLOW
                || p.defaultAction() == SeccompAction.LOG
                || p.defaultAction() == SeccompAction.TRACE;
        int largest = -1;
        for (Rule rule : p.rules()) {
            for (String name : rule.names()) {
                largest = Math.max(largest, SyscallTable.number(abi, name));
            }
        }
        return !permits
                && byDefault != SeccompAction.ERRNO.value(38)
                && largest >= 0
                && nr != -1
                && Integer.compareUnsigned(nr, largest) > 0;
    }

    private static boolean isMultiplexed(@Nullable String called, String ruled, int selector) {
        if ("socketcall".equals(called)) {
            return selector > 0 && SOCKETCALLS.indexOf(ruled) == selector;
        }
        return "ipc".equals(called) && IPC_CALLS.indexOf(ruled) == (selector & 0xffff);
    }

    private static boolean holds(Rule rule, SyscallAbi abi, SeccompData call) {
        Set<Integer> indexes = new LinkedHashSet<>();
        boolean repeated = false;
        boolean all = true;
        boolean any = false;
        for (Condition c : rule.conditions()) {
            repeated |= !indexes.add(c.index());
            boolean holds = holds(c, abi, call);
            all &= holds;
            any |= holds;
        }
        return repeated ? any : all;
    }

    private static boolean holds(Condition c, SyscallAbi abi, SeccompData call) {
        long mask = abi == SyscallAbi.I386 ? 0xffff_ffffL : -1L;
        long arg = call.arg(c.index()) & mask;
        long value = c.value() & mask;
        int order = Long.compareUnsigned(arg, value);
        return switch (c.comparison()) {
            case NE -> order != 0;
            case LT -> order < 0;
            case LE -> order <= 0;
            case EQ -> order == 0;
            case GE -> order >= 0;
            case GT -> order > 0;
            case MASKED_EQ -> (arg & value) == (c.datum() & value);
        };
    }

    private static int value(SeccompAction action, @Nullable Integer errno) {
        boolean data = action == SeccompAction.ERRNO || action == SeccompAction.TRACE;
        return data ? action.value() | (errno == null ? 1 : errno) : action.value();
    }
}
