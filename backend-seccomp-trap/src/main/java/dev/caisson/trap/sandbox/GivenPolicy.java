package dev.caisson.trap.sandbox;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.egress.ContainerEgress;
import dev.caisson.trap.egress.EgressException;
import dev.caisson.trap.egress.EgressPolicy;
import dev.caisson.trap.policy.ContainerPolicy;
import dev.caisson.trap.policy.Policy;
import dev.caisson.trap.policy.PolicyException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Takes a policy out of the memory of the process that gives it. */
final class GivenPolicy {
    private static final int PART = 64 * 1024;
    private static final int PAGE = 4096;

    private GivenPolicy() {}

    /** What is done with the text; false if it is no policy. */
    private interface Taking {
        boolean take(String text);
    }

    static void take(KernelCalls kernel, Control.Policy given, ContainerPolicy policy) {
        take(kernel, given.pid(), given.fd(), text -> {
            try {
                if (given.isFirst()) {
                    policy.enforceOnProgram(Policy.parse(text));
                } else {
                    policy.enforce(text.isEmpty() ? null : Policy.parse(text));
                }
                return true;
            } catch (PolicyException e) {
                return false;
            }
        });
    }

    /** Null for a text that is none, which who gave it is told. */
    static @Nullable ContainerEgress take(KernelCalls kernel, Control.Egress given) {
        AtomicReference<@Nullable ContainerEgress> taken = new AtomicReference<>();
        take(kernel, given.pid(), given.fd(), text -> {
            long pidfd = kernel.call(Nr.pidfd_open, given.pid(), 0);
            long table = kernel.call(Nr.pidfd_getfd, pidfd, given.table(), 0);
            kernel.call(Nr.close, pidfd);
            try {
                EgressPolicy policy = EgressPolicy.parse(text);
                int size = (policy.tableSize() + PAGE - 1) / PAGE * PAGE;
                taken.set(new ContainerEgress(policy, NativeMemory.shared(kernel, (int) table, size)));
                return true;
            } catch (EgressException | IllegalStateException e) {
                return false;
            } finally {
                kernel.call(Nr.close, table);
            }
        });
        return taken.get();
    }

    private static void take(KernelCalls kernel, int pid, int number, Taking taking) {
        long pidfd = kernel.call(Nr.pidfd_open, pid, 0);
        long fd = kernel.call(Nr.pidfd_getfd, pidfd, number, 0);
        kernel.call(Nr.close, pidfd);
        if (fd < 0) {
            return; // whoever gave it is gone, and waits no more
        }
        try (NativeMemory memory = new NativeMemory(PART)) {
            boolean isTaken = taking.take(text(kernel, memory, fd));
            long answer = isTaken ? Control.POLICY_TAKEN : Control.POLICY_REFUSED;
            memory.putLong(0, answer);
            kernel.call(Nr.lseek, fd, 0, 0);
            kernel.call(Nr.write, fd, memory.address(), Long.BYTES);
        } finally {
            kernel.call(Nr.close, fd);
        }
    }

    private static String text(KernelCalls kernel, NativeMemory memory, long fd) {
        StringBuilder text = new StringBuilder();
        kernel.call(Nr.lseek, fd, Long.BYTES, 0);
        long got;
        while (text.length() <= Policy.LONGEST && (got = kernel.call(Nr.read, fd, memory.address(), PART)) > 0) {
            text.append(new String(memory.getBytes(0, (int) got), StandardCharsets.ISO_8859_1));
        }
        return text.toString();
    }
}
