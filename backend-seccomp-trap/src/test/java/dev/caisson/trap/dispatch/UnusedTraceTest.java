package dev.caisson.trap.dispatch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.SeccompListener;
import dev.caisson.trap.limits.SandboxMemory;
import dev.caisson.trap.policy.ContainerPolicy;
import org.junit.jupiter.api.Test;

/**
 * What is done for each call so that it could be traced and held to a policy costs less than one system call, when it is neither. A stopped call is four
 * switches between user and kernel, two between tasks, and at least two system calls of ours.
 */
class UnusedTraceTest {
    private static final int GETPPID = 110;
    private static final int CALLS = 10_000;
    private static final int ROUNDS = 50;

    @Test
    void costsLessThanASystemCall() {
        KernelCalls kernel = new KernelCalls();
        ContainerView container = new ContainerView(
                -1,
                -1,
                false,
                "none\n",
                1,
                new ContainerPolicy(),
                null,
                new FileSizes(),
                new HandedOver(),
                new SandboxMemory(-1),
                null);
        long unused = Long.MAX_VALUE;
        long systemCall = Long.MAX_VALUE;
        boolean looked = false;
        try (SeccompListener listener = new SeccompListener(kernel, -1);
                GuestCall call = new GuestCall(kernel, listener, container)) {
            listener.pretend(1, GETPPID);
            // The fastest round of each: nothing came between, and the code was compiled.
            for (int round = 0; round < ROUNDS; round++) {
                long begin = System.nanoTime();
                for (int i = 0; i < CALLS; i++) {
                    call.begin(System.nanoTime());
                    looked = looked || call.isTraced() || call.isExamined();
                }
                long between = System.nanoTime();
                for (int i = 0; i < CALLS; i++) {
                    var _ = kernel.call(GETPPID);
                }
                unused = Math.min(unused, between - begin);
                systemCall = Math.min(systemCall, System.nanoTime() - between);
            }
        }
        assertThat(looked).isFalse();
        assertThat(unused).isLessThan(systemCall);
    }
}
