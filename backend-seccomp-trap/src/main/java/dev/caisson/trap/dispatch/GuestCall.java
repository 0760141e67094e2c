package dev.caisson.trap.dispatch;

import dev.caisson.linux.Errno;
import dev.caisson.linux.bpf.SeccompData;
import dev.caisson.linux.direct.GuestMemory;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.linux.direct.SeccompListener;
import dev.caisson.trap.filter.CallTable;
import dev.caisson.trap.filter.SystemCall;
import dev.caisson.trap.filter.Verdict;
import dev.caisson.trap.policy.Subject;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongUnaryOperator;

/**
 * The stopped call that a thread answers: its arguments, its caller, the caller's memory, and room to work in. One object per thread, used for one
 * call after the other. What it reads is the guest's: lengths are bounded here, pointers by the kernel, and no byte is read twice.
 */
public final class GuestCall implements AutoCloseable {
    /** Let the kernel do it: only where whatever it then reads again cannot hurt, for another wall stands around it. */
    public static final long PROCEED = Long.MIN_VALUE;
    /** It was answered already. */
    public static final long ANSWERED = Long.MIN_VALUE + 1;

    public static final int AT_FDCWD = -100;
    /** PATH_MAX, NUL included. */
    public static final int PATH_MAX = 4096;
    /** Where the first and the second path are read to, and room for everything else. */
    public static final int PATH = 0;

    public static final int PATH2 = PATH_MAX;
    public static final int TEXT = 2 * PATH_MAX;
    public static final int DATA = 3 * PATH_MAX;
    public static final int DATA_SIZE = 64 * 1024;
    /** Room for the pieces of a vectored call ({@code struct iovec}, readv(2)), and how many may be there. */
    public static final int PIECES = DATA + DATA_SIZE;

    public static final int PIECES_MAX = 1024;
    private static final int PIECE = 16;

    private static final int O_CLOEXEC = 0x80000;
    private static final int O_RDONLY = 0;

    private final KernelCalls kernel;
    private SeccompListener listener;
    private final GuestMemory guest;
    private final NativeMemory memory = new NativeMemory(PIECES + PIECES_MAX * PIECE);
    private final NativeMemory text = new NativeMemory(64);
    private final FileRights rights;
    private final KnownThreads threads;
    private final KnownDirectories directories;
    private final KnownNames names;
    private final ContainerView container;
    /** What the tracers are to be told of the call at hand; nothing where there is none. */
    private final List<String> seenPaths = new ArrayList<>(2);

    private final HandedOver.Hand hand;
    private boolean isTraced;
    private boolean isExamined;
    private boolean isRefused;
    private boolean isSent;
    private boolean isCallerBrought;
    private boolean isHandOver;
    private long receivedAt;
    /** Whom {@link #caller} said last, for most calls are made by who made the last one. */
    private Caller last = Caller.GONE;

    private int lastTid;
    private int lastChanges;

    public GuestCall(KernelCalls kernel, SeccompListener listener, ContainerView container) {
        this.kernel = kernel;
        this.listener = listener;
        this.guest = new GuestMemory(kernel);
        this.rights = new FileRights(kernel);
        this.threads = new KnownThreads(kernel);
        this.directories = new KnownDirectories(kernel, container);
        this.names = new KnownNames(container.changes());
        this.container = container;
        this.hand = container.handedOver().join();
    }

    /** Turns to another stopped call of the same container. */
    void turnTo(SeccompListener other) {
        listener = other;
        begin(System.nanoTime());
    }

    /** What is the same for all calls of the container. */
    public ContainerView container() {
        return container;
    }

    public KernelCalls kernel() {
        return kernel;
    }

    /** Room of this thread's; {@link #PATH} and the other constants are its parts. */
    public NativeMemory memory() {
        return memory;
    }

    /** A descriptor of the host's /proc. */
    public int hostProc() {
        return container.hostProc();
    }

    public int number() {
        return listener.number();
    }

    /** Of the call, as strace(1) has it. */
    public String name() {
        return TraceLine.name(number());
    }

    public int tid() {
        return listener.tid();
    }

    public long arg(int index) {
        return listener.argument(index);
    }

    /** An argument that the kernel takes for a C int. */
    public int intArg(int index) {
        return (int) listener.argument(index);
    }

    /** Whether the caller was given a descriptor, as far as that may be done in one with the answer. */
    public boolean isHandOver() {
        return isHandOver;
    }

    /** Whether the caller of the next call is to go on on the processor that this thread is on, as far as it may run there. */
    public void bringCaller(boolean isBrought) {
        isCallerBrought = isBrought;
    }

    /** A call was received. */
    void begin(long now) {
        directories.begin();
        receivedAt = now;
        isSent = false;
        isHandOver = false;
        isTraced = container.tracers().areThere();
        if (container.policy().awaitsProgram()) {
            text.putString(0, tid() + "/exe");
            container.policy().callOf(program(kernel, container.hostProc(), text, memory));
        }
        isExamined = container.policy().isActive();
        isRefused = false;
        if (isTraced) {
            seenPaths.clear();
        }
    }

    /**
     * What a thread runs, by the name that the file has for the calling thread.
     *
     * @param name at its beginning {@code TID/exe}
     * @param room at {@link #TEXT} room for a path
     * @return empty for a thread that is no more
     */
    public static String program(KernelCalls kernel, int hostProc, NativeMemory name, NativeMemory room) {
        long length = kernel.call(Nr.readlinkat, hostProc, name.address(), room.address(TEXT), PATH_MAX);
        return length <= 0 ? "" : new String(room.getBytes(TEXT, (int) length), StandardCharsets.ISO_8859_1);
    }

    /** The errno by which the table refuses these arguments where the call is native, and so here too; 0 if it does not. */
    int refusedByRule() {
        SystemCall row = CallTable.call(number());
        return row == null || row.otherwise().kind() != Verdict.Kind.REFUSE || isWithinRule()
                ? 0
                : row.otherwise().errno().number();
    }

    /** Whether the arguments are such that the call would be native in tiers where it may be. */
    public boolean isWithinRule() {
        return isWithinRule(arg(0));
    }

    /** As {@link #isWithinRule()}, with another first argument. */
    public boolean isWithinRule(long first) {
        SystemCall row = CallTable.call(number());
        return row == null
                || row.rule() == null
                || row.rule()
                        .holds(new SeccompData(
                                number(),
                                SeccompData.AUDIT_ARCH_X86_64,
                                0,
                                first,
                                arg(1),
                                arg(2),
                                arg(3),
                                arg(4),
                                arg(5)));
    }

    // ---- the caller ----

    /** Who made the call. */
    public Caller caller() {
        int changes = container.callers().changes();
        if (lastTid == tid() && lastChanges == changes && receivedAt - last.readAt() <= Callers.TRUST_NANOS) {
            return last;
        }
        Caller caller = container.callers().get(tid(), receivedAt);
        if (caller == null) {
            caller = readCaller(tid(), System.nanoTime());
            container.callers().put(tid(), caller);
        }
        lastTid = tid();
        lastChanges = changes;
        last = caller;
        return caller;
    }

    /** The call changes what is known of its caller. */
    public void forgetCaller() {
        container.callers().forget(tid());
    }

    /** Who a thread is, by its host id. */
    public Caller readCaller(int tid, long now) {
        String status = status(tid);
        return status.isEmpty() ? Caller.GONE : Caller.parse(status, now);
    }

    /** proc_pid_status(5); empty for a thread that is no more. */
    private String status(int tid) {
        text.putString(0, tid + "/status");
        long fd = kernel.call(Nr.openat, container.hostProc(), text.address(), O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            return "";
        }
        long length = kernel.call(Nr.read, fd, memory.address(TEXT), PATH_MAX);
        kernel.call(Nr.close, fd);
        return length <= 0 ? "" : new String(memory.getBytes(TEXT, (int) length), StandardCharsets.UTF_8);
    }

    /**
     * Whether a signal waits for the caller.
     *
     * @param mask the signals that are kept from it while the call waits, by those that it blocks itself
     */
    public TaskSignals signals(LongUnaryOperator mask) {
        String status = status(tid());
        return status.isEmpty() ? TaskSignals.GONE : TaskSignals.of(status, mask);
    }

    /** Makes this thread's next calls on files those of the caller. */
    public void becomeCaller() {
        rights.take(caller());
    }

    /** As {@link #becomeCaller}, but with the real user for the one that counts for files, as access(2) wants it. */
    public void becomeReal() {
        Caller caller = caller();
        rights.take(new Caller(
                caller.tgid(),
                caller.guestTgid(),
                caller.guestTid(),
                caller.depth(),
                caller.parent(),
                caller.users(),
                caller.userGroups(),
                caller.uid(),
                caller.fsGid(),
                caller.groups(),
                caller.uid() == 0 ? caller.capabilities() : 0,
                caller.umask(),
                caller.readAt()));
    }

    // ---- its policy ----

    /** Whether somebody watches the container's calls. */
    public boolean isTraced() {
        return isTraced;
    }

    /** Whether {@link #may} is to be asked about what the call names. */
    public boolean isExamined() {
        return isExamined;
    }

    /** Whether the container's policy, if it has one, lets it ask for something; recorders learn of it. */
    public boolean may(Subject subject, String name) {
        boolean may = container.policy().allows(subject, name, TraceLine.name(number()), caller().guestTgid());
        isRefused |= !may;
        return may;
    }

    /** A policy refuses it, which who watches is told. */
    public void refuse() {
        isRefused = true;
    }

    // ---- its memory ----

    /** Reads a NUL-ended path; its length, or a negative errno. */
    public int readPath(long address, int slot) {
        int length = guest.readString(tid(), address, memory, slot, PATH_MAX);
        if (isTraced && length >= 0 && length < PATH_MAX) {
            seenPaths.add(path(slot, length));
        }
        return length == PATH_MAX ? -Errno.ENAMETOOLONG.number() : length;
    }

    /** Reads bytes; 0 or a negative errno. The length must be bounded by the caller of this. */
    public long read(long address, int slot, int length) {
        return guest.read(tid(), address, memory, slot, length);
    }

    /** Reads from the first {@code count} of {@link #PIECES}; how many bytes, or a negative errno. */
    public long gather(int count, int slot, int length) {
        return guest.gather(tid(), memory, PIECES, count, memory, slot, length);
    }

    /** Writes to the first {@code count} of {@link #PIECES}; how many bytes, or a negative errno. */
    public long scatter(int count, int slot, int length) {
        return guest.scatter(tid(), memory, PIECES, count, memory, slot, length);
    }

    /** Writes bytes; 0 or a negative errno. */
    public long write(long address, int slot, int length) {
        return guest.write(tid(), address, memory, slot, length);
    }

    /** A path that was read, as text: bytes that are no UTF-8 are kept apart by ISO 8859-1. */
    public String path(int slot, int length) {
        return new String(memory.getBytes(slot, length), StandardCharsets.ISO_8859_1);
    }

    /** Puts text into a slot, with its NUL. */
    public void putPath(int slot, String path) {
        byte[] bytes = path.getBytes(StandardCharsets.ISO_8859_1);
        memory.putBytes(slot, bytes);
        memory.putByte(slot + bytes.length, 0);
    }

    /** Whether an absolute name was found by the kernel a moment ago, with what it leads to if {@code follows}. */
    public boolean isKnown(String name, boolean follows) {
        return names.has(name, follows, receivedAt);
    }

    /** The kernel has found an absolute name, or there is no link on its way; {@code count} is what {@link #changes} was before. */
    public void know(String name, boolean follows, int count) {
        names.put(name, follows, receivedAt, count);
    }

    /** Changes when names may lead somewhere else. */
    public int changes() {
        return container.changes().count();
    }

    // ---- descriptors ----

    /** Opens something of the caller's in procfs, {@code cwd} or {@code fd/3}; a descriptor or a negative errno. */
    public long openOfCaller(String what, int flags) {
        text.putString(0, tid() + "/" + what);
        return kernel.call(Nr.openat, container.hostProc(), text.address(), flags | O_CLOEXEC);
    }

    /** A descriptor of the caller's working directory, to be closed by {@link #close(long)}; or a negative errno. */
    public long workingDirectory() {
        return directories.of(tid());
    }

    /** Whether that is known not to be one of procfs. */
    public boolean isOrdinaryDirectory(long fd) {
        return directories.keeps(fd);
    }

    /** A copy of one of the caller's descriptors: the same open file. A descriptor of ours, or a negative errno. */
    public long takeDescriptor(int fd) {
        if (fd < 0) {
            return -Errno.EBADF.number();
        }
        return threads.descriptor(this, fd);
    }

    /** Closes a descriptor that was got here, unless it is kept for the next call. */
    public void close(long fd) {
        if (fd >= 0 && !directories.keeps(fd)) {
            kernel.call(Nr.close, fd);
        }
    }

    /** Gives the caller a descriptor of ours, which is closed here; its number there is the answer. */
    public long answerDescriptor(long fd, boolean closeOnExec) {
        if (fd < 0) {
            return fd;
        }
        long number = listener.addDescriptor((int) fd, closeOnExec ? O_CLOEXEC : 0);
        kernel.call(Nr.close, fd);
        return number;
    }

    /**
     * As {@link #answerDescriptor}, but in one with the answer where nobody can see that our copy is closed a little later: of files that others are not
     * told the end of, as they are of a pipe's or a terminal's. (The kernel then chooses where the caller goes on.)
     */
    public long handOver(long fd, boolean closeOnExec) {
        isHandOver = fd >= 0;
        if (fd < 0 || isTraced || isCallerBrought || !container.handedOver().isUnseen()) {
            return answerDescriptor(fd, closeOnExec);
        }
        hand.begins();
        long number = listener.answerWithDescriptor((int) fd, closeOnExec ? O_CLOEXEC : 0);
        kernel.call(Nr.close, fd);
        hand.ends();
        isSent = number >= 0;
        return number;
    }

    /**
     * Answers on a thread of its own, for a call that waits for others. The thread shares this one's root and working directory, so a handler that
     * moves the latter must not be used.
     */
    public long later(Handler handler) {
        if (!container.waiting().tryAcquire()) {
            return -Errno.EAGAIN.number();
        }
        SeccompListener copy = listener.copy();
        Thread.ofPlatform().daemon().name("waiting-" + tid()).start(() -> {
            AnyProcessor.take(kernel);
            try (copy;
                    GuestCall call = new GuestCall(kernel, copy, container)) {
                long result = -Errno.EIO.number();
                call.begin(System.nanoTime());
                try {
                    result = handler.handle(call);
                } catch (RuntimeException | Error e) {
                    System.err.println("a waiting call: " + e);
                }
                call.finish(result);
            } finally {
                container.waiting().release();
            }
        });
        return ANSWERED;
    }

    /**
     * Answers when a descriptor is ready, or time is up, without a thread of its own. Where too many wait already it is {@link WaitingCalls.Work#unplaced}.
     *
     * @param work owns its descriptors from now on
     */
    public long await(WaitingCalls.Work work) {
        if (container.waitingCalls().add(kernel, listener.copy(), container, work)) {
            return ANSWERED;
        }
        work.close(kernel);
        return work.unplaced(this);
    }

    /** Gives the answer. The thread may be gone meanwhile, which is nobody's error. */
    void finish(long result) {
        if (isTraced) {
            container.tracers().tell(this, seenPaths, result, isRefused, System.nanoTime() - receivedAt);
        }
        if (result == PROCEED) {
            listener.proceed();
        } else if (result != ANSWERED && !isSent) {
            listener.answer(result);
        }
    }

    @Override
    public void close() {
        container.handedOver().leave(hand);
        guest.close();
        rights.close();
        threads.close();
        directories.close();
        text.close();
        memory.close();
    }
}
