package dev.caisson.linux.direct;

import dev.caisson.linux.ErrnoException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * A signal that only makes a thread's blocking call end with EINTR. The virtual machine uses none of the real-time signals between
 * SIGRTMIN and the network classes' SIGRTMAX-2.
 */
public final class InterruptSignal {
    private static final int NUMBER = 40;
    private static final int SYS_GETPID = 39;
    private static final int SYS_GETTID = 186;
    private static final int SYS_TGKILL = 234;
    /** glibc's struct sigaction: sa_handler 0, sa_mask 8 (128 bytes), sa_flags 136, sa_restorer 144. */
    private static final int SIGACTION_SIZE = 152;

    static {
        install();
    }

    private InterruptSignal() {}

    // NATIVE: int sigaction(int signum, const struct sigaction *act, struct sigaction *oldact), signal.h. Through
    // glibc,
    // which adds the restorer that the kernel demands. The handler is labs(3): a function of libc that is given an int,
    // touches nothing and returns. An upcall into Java would run on a thread that is in the middle of anything.
    @SuppressWarnings("restricted")
    private static void install() {
        Linker linker = Linker.nativeLinker();
        StructLayout state = Linker.Option.captureStateLayout();
        VarHandle errno = state.varHandle(MemoryLayout.PathElement.groupElement("errno"));
        MethodHandle sigaction = linker.downcallHandle(
                linker.defaultLookup().find("sigaction").orElseThrow(),
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS),
                Linker.Option.captureCallState("errno"));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment action = arena.allocate(SIGACTION_SIZE, 8);
            action.set(
                    ValueLayout.ADDRESS, 0, linker.defaultLookup().find("labs").orElseThrow());
            MemorySegment captured = arena.allocate(state);
            int result;
            try {
                result = (int) sigaction.invokeExact(captured, NUMBER, action, MemorySegment.NULL);
            } catch (Throwable t) {
                throw new AssertionError("a downcall throws nothing", t);
            }
            if (result != 0) {
                throw new IllegalStateException("sigaction " + NUMBER + ": errno " + (int) errno.get(captured, 0L));
            }
        }
    }

    /** The calling thread's id, for {@link #send}. */
    public static int threadId(KernelCalls calls) {
        return (int) calls.call(SYS_GETTID);
    }

    /**
     * Interrupts the call that a thread of this process is in; one that is in none notices nothing.
     *
     * @throws ErrnoException ESRCH: it has ended
     */
    public static void send(KernelCalls calls, int thread) throws ErrnoException {
        long result = calls.call(SYS_TGKILL, calls.call(SYS_GETPID), thread, NUMBER);
        if (result < 0) {
            throw new ErrnoException((int) -result, "tgkill", "thread " + thread);
        }
    }
}
