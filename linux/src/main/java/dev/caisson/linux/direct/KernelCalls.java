package dev.caisson.linux.direct;

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
 * Makes any system call, on the calling thread. One object per thread, which keeps the place for errno; it does not check what it is
 * given, so pointers among the arguments must be a {@link NativeMemory}'s that is alive.
 *
 * <p>Raw calls act on the calling thread alone where glibc's wrappers act on the process: setfsuid, setgroups, capset and unshare are meant so
 * here.
 */
public final class KernelCalls implements AutoCloseable {
    private static final StructLayout STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final MethodHandle SYSCALL = syscall();

    private final Arena arena = Arena.ofShared();
    private final MemorySegment state = arena.allocate(STATE);

    // NATIVE: long syscall(long number, ...), unistd.h: see Libc. One shape of call keeps the linker's start-up cost at
    // one stub. Not
    // critical: calls may block, and a thread in one must not hold up a safepoint.
    @SuppressWarnings("restricted")
    private static MethodHandle syscall() {
        Linker linker = Linker.nativeLinker();
        FunctionDescriptor shape = FunctionDescriptor.of(
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG);
        return linker.downcallHandle(
                linker.defaultLookup().find("syscall").orElseThrow(), shape, Linker.Option.captureCallState("errno"));
    }

    /** Makes a call and returns its result, or a negative errno. */
    public long call(long number, long a, long b, long c, long d, long e, long f) {
        long result;
        try {
            result = (long) SYSCALL.invokeExact(state, number, a, b, c, d, e, f);
        } catch (Throwable t) {
            throw new AssertionError("a downcall throws nothing", t);
        }
        return result == -1 ? -(int) ERRNO.get(state, 0L) : result;
    }

    public long call(long number) {
        return call(number, 0, 0, 0, 0, 0, 0);
    }

    public long call(long number, long a) {
        return call(number, a, 0, 0, 0, 0, 0);
    }

    public long call(long number, long a, long b) {
        return call(number, a, b, 0, 0, 0, 0);
    }

    public long call(long number, long a, long b, long c) {
        return call(number, a, b, c, 0, 0, 0);
    }

    public long call(long number, long a, long b, long c, long d) {
        return call(number, a, b, c, d, 0, 0);
    }

    public long call(long number, long a, long b, long c, long d, long e) {
        return call(number, a, b, c, d, e, 0);
    }

    @Override
    public void close() {
        arena.close();
    }
}
