package dev.caisson.linux.bpf;

import dev.caisson.linux.bpf.SeccompProfile.Comparison;
import dev.caisson.linux.bpf.SeccompProfile.Condition;
import dev.caisson.linux.bpf.SeccompProfile.Rule;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * The rules of a profile sorted by the system call numbers of one ABI.
 *
 * <p>Precedence, measured on libseccomp 2.5.4: a rule that has the default outcome is dropped; a rule without conditions beats all rules
 * with conditions for the same call, wherever it stands; among rules without conditions the first counts. Among overlapping rules with
 * conditions libseccomp promises nothing; here the first that holds counts.
 */
final class SeccompRules {
    /**
     * What happens to one call.
     *
     * @param alternatives tried in order
     * @param otherwise the filter's return value when none holds
     */
    record Outcome(List<Alternative> alternatives, int otherwise) {
        boolean isConstant() {
            return alternatives.isEmpty();
        }
    }

    /** Conditions that all have to hold, and the filter's return value then. */
    record Alternative(List<Condition> conditions, int value) {}

    private final SyscallAbi abi;
    private final int defaultValue;
    private final NavigableMap<Integer, List<Alternative>> byNumber = new TreeMap<>();
    private int largestNamed = -1;

    SeccompRules(SeccompProfile profile, SyscallAbi abi, int defaultValue) {
        this.abi = abi;
        this.defaultValue = defaultValue;
        for (Rule rule : profile.rules()) {
            int value = SeccompCompiler.value(rule.action(), rule.errno());
            for (String name : rule.names()) {
                int number = SyscallTable.number(abi, name);
                largestNamed = Math.max(largestNamed, number);
                if (value == defaultValue) {
                    continue;
                }
                if (number >= 0) {
                    add(number, rule.conditions(), value);
                }
                if (abi == SyscallAbi.I386) {
                    addMultiplexed(name, rule, value);
                }
            }
        }
    }

    /** The largest number that a rule of the profile names, or -1. */
    int largestNamed() {
        return largestNamed;
    }

    /** Outcomes by number; a number that is missing has the default outcome. */
    NavigableMap<Integer, Outcome> outcomes() {
        NavigableMap<Integer, Outcome> outcomes = new TreeMap<>();
        byNumber.forEach((number, alternatives) -> {
            Outcome outcome = new Outcome(alternatives, defaultValue);
            for (Alternative a : alternatives) {
                if (a.conditions.isEmpty()) {
                    outcome = new Outcome(List.of(), a.value);
                    break;
                }
            }
            outcomes.put(number, outcome);
        });
        return outcomes;
    }

    private void add(int number, List<Condition> conditions, int value) {
        List<Alternative> alternatives = byNumber.computeIfAbsent(number, _ -> new ArrayList<>());
        if (repeatsAnArgument(conditions)) {
            for (Condition c : conditions) {
                alternatives.add(new Alternative(List.of(c), value));
            }
        } else {
            alternatives.add(new Alternative(conditions, value));
        }
    }

    private static boolean repeatsAnArgument(List<Condition> conditions) {
        int seen = 0;
        for (Condition c : conditions) {
            int bit = 1 << c.index();
            if ((seen & bit) != 0) {
                return true;
            }
            seen |= bit;
        }
        return false;
    }

    /**
     * i386 programs reach the socket and System V IPC calls also through socketcall(2) and ipc(2), whose first argument selects the call
     * and whose other arguments lie in memory that a filter cannot see. A rule without conditions covers that way too. One with conditions
     * covers it only if it is a refusal: libseccomp forgets the conditions and would also allow what they exclude.
     */
    private void addMultiplexed(String name, Rule rule, int value) {
        int socketcall = socketcallNumber(name);
        int ipc = ipcNumber(name);
        if ((socketcall < 0 && ipc < 0)
                || (!rule.conditions().isEmpty() && SeccompAction.of(value).permits())) {
            return;
        }
        if (socketcall >= 0) {
            Condition selects = new Condition(0, Comparison.EQ, socketcall, 0);
            add(SyscallTable.number(abi, "socketcall"), List.of(selects), value);
        } else {
            // The upper half of ipc's first argument is a version (ipc/syscall.c).
            Condition selects = new Condition(0, Comparison.MASKED_EQ, 0xffff, ipc);
            add(SyscallTable.number(abi, "ipc"), List.of(selects), value);
        }
    }

    /** SYS_* of include/uapi/linux/net.h. */
    private static int socketcallNumber(String name) {
        return switch (name) {
            case "socket" -> 1;
            case "bind" -> 2;
            case "connect" -> 3;
            case "listen" -> 4;
            case "accept" -> 5;
            case "getsockname" -> 6;
            case "getpeername" -> 7;
            case "socketpair" -> 8;
            case "send" -> 9;
            case "recv" -> 10;
            case "sendto" -> 11;
            case "recvfrom" -> 12;
            case "shutdown" -> 13;
            case "setsockopt" -> 14;
            case "getsockopt" -> 15;
            case "sendmsg" -> 16;
            case "recvmsg" -> 17;
            case "accept4" -> 18;
            case "recvmmsg" -> 19;
            case "sendmmsg" -> 20;
            default -> -1;
        };
    }

    /** Call numbers of include/uapi/linux/ipc.h. */
    private static int ipcNumber(String name) {
        return switch (name) {
            case "semop" -> 1;
            case "semget" -> 2;
            case "semctl" -> 3;
            case "semtimedop" -> 4;
            case "msgsnd" -> 11;
            case "msgrcv" -> 12;
            case "msgget" -> 13;
            case "msgctl" -> 14;
            case "shmat" -> 21;
            case "shmdt" -> 22;
            case "shmget" -> 23;
            case "shmctl" -> 24;
            default -> -1;
        };
    }
}
