package dev.caisson.trap.sandbox;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.linux.direct.SeccompListener;
import dev.caisson.trap.dispatch.ContainerView;
import dev.caisson.trap.dispatch.Dispatcher;
import dev.caisson.trap.dispatch.FileSizes;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.HandedOver;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.limits.SandboxMemory;
import dev.caisson.trap.policy.ContainerPolicy;

/**
 * Answers calls that nobody made, as if a thread of this process's own had, until the virtual machine has compiled what answers: code is
 * interpreted, ten times slower, until it has run some two hundred times, and a container's first program would pay for that. Only
 * looks at what is there. Of one thread, which is not used for anything else: it takes on the rights of callers.
 */
final class Rehearsal {
    /** The C1 compiler takes a method after 200 calls. */
    private static final int ROUNDS = 220;

    private static final int SYS_GETTID = 186;
    private static final int NO_LISTENER = -1;
    private static final int O_DIRECTORY = 0x10000;

    private static final int PATH = 0;
    private static final int OUT = 4096;
    private static final int OUT_SIZE = 4096;

    // syscall_64.tbl
    private static final int OPEN = 2;
    private static final int STAT = 4;
    private static final int LSTAT = 6;
    private static final int ACCESS = 21;
    private static final int EXECVE = 59;
    private static final int UNAME = 63;
    private static final int GETCWD = 79;
    private static final int READLINK = 89;

    private final KernelCalls kernel = new KernelCalls();
    private final Dispatcher dispatcher;
    private final int hostProc;

    Rehearsal(Dispatcher dispatcher, int hostProc) {
        this.dispatcher = dispatcher;
        this.hostProc = hostProc;
    }

    void run() {
        int tid = (int) kernel.call(SYS_GETTID);
        try (NativeMemory memory = new NativeMemory(OUT + OUT_SIZE);
                SeccompListener listener = new SeccompListener(kernel, NO_LISTENER);
                GuestCall call = new GuestCall(
                        kernel,
                        listener,
                        new ContainerView(
                                hostProc,
                                device(memory),
                                false,
                                "rehearsal\n",
                                1,
                                new ContainerPolicy(),
                                null,
                                new FileSizes(),
                                new HandedOver(),
                                new SandboxMemory(hostProc),
                                null))) {
            long path = memory.address(PATH);
            long out = memory.address(OUT);
            String[] names = {"/", "/etc/ld.so.cache", "/nonexistent", "/proc/self/exe", "/proc/meminfo"};
            for (int i = 0; i < ROUNDS; i++) {
                memory.putString(PATH, names[i % names.length]);
                long[][] calls = {
                    {OPEN, path, 0},
                    {Nr.openat, GuestCall.AT_FDCWD, path, 0},
                    {STAT, path, out},
                    {LSTAT, path, out},
                    {Nr.newfstatat, GuestCall.AT_FDCWD, path, out, 0},
                    {Nr.statx, GuestCall.AT_FDCWD, path, 0, 0x7ff, out},
                    {Nr.fstat, hostProc, out},
                    {ACCESS, path, 4},
                    {Nr.faccessat2, GuestCall.AT_FDCWD, path, 4, 0},
                    {READLINK, path, out, OUT_SIZE},
                    {GETCWD, out, OUT_SIZE},
                    {UNAME, out},
                    {EXECVE, path, 0, 0},
                };
                for (long[] each : calls) {
                    answer(call, listener, tid, each);
                }
                if (i % 8 == 0) {
                    list(call, listener, tid, memory, out);
                    call.forgetCaller();
                }
            }
        }
    }

    private void answer(GuestCall call, SeccompListener listener, int tid, long... each) {
        listener.pretend(tid, each);
        dispatcher.answer(call, System.nanoTime());
    }

    private void list(GuestCall call, SeccompListener listener, int tid, NativeMemory memory, long out) {
        memory.putString(PATH, "/");
        long directory = kernel.call(Nr.openat, GuestCall.AT_FDCWD, memory.address(PATH), O_DIRECTORY);
        answer(call, listener, tid, Nr.getdents64, directory, out, OUT_SIZE);
        kernel.call(Nr.close, directory);
    }

    private long device(NativeMemory memory) {
        return kernel.call(Nr.fstat, hostProc, memory.address()) == 0 ? memory.getLong(0) : -1;
    }
}
