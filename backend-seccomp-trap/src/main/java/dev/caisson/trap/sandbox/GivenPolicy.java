package dev.caisson.trap.sandbox;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.policy.ContainerPolicy;
import dev.caisson.trap.policy.Policy;
import dev.caisson.trap.policy.PolicyException;
import java.nio.charset.StandardCharsets;

/** Takes a policy out of the memory of the process that gives it. */
final class GivenPolicy {
    private static final int PART = 64 * 1024;

    private GivenPolicy() {}

    static void take(KernelCalls kernel, Control.Policy given, ContainerPolicy policy) {
        long pidfd = kernel.call(Nr.pidfd_open, given.pid(), 0);
        long fd = kernel.call(Nr.pidfd_getfd, pidfd, given.fd(), 0);
        kernel.call(Nr.close, pidfd);
        if (fd < 0) {
            return; // whoever gave it is gone, and waits no more
        }
        try (NativeMemory memory = new NativeMemory(PART)) {
            long answer = Control.POLICY_TAKEN;
            try {
                String text = text(kernel, memory, fd);
                if (given.isFirst()) {
                    policy.enforceOnProgram(Policy.parse(text));
                } else {
                    policy.enforce(text.isEmpty() ? null : Policy.parse(text));
                }
            } catch (PolicyException e) {
                answer = Control.POLICY_REFUSED;
            }
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
