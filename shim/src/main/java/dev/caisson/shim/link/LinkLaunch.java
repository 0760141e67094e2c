package dev.caisson.shim.link;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.ProcessExit;
import dev.caisson.linux.Errno;
import dev.caisson.linux.plan.LaunchPlan;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/** What the daemon knows of one launch. Fed by the event loop, waited on by virtual threads. */
class LinkLaunch implements Launch {
    static final int NOTE_SAID = 1;
    static final int NOTE_FAILED = 2;
    static final int SAID_PID = 1;
    /** In NOTE_FAILED: the plan was refused, or there was no process to play it. */
    static final int NO_PLAN = -1;
    /** The same: the namespaces that were to be made ahead could not be. */
    static final int NO_NAMESPACES = -2;

    private static final int GATE_IN_BUILD = 2;

    private final LaunchLink link;
    private final int id;
    private final String tag;
    /** Names failed steps; dropped when nobody plays it any more. */
    private @Nullable LaunchPlan plan;

    private final ReentrantLock lock = new ReentrantLock();
    private final List<Waiter> waiters = new ArrayList<>(2);
    private final Map<Integer, Long> notes = new HashMap<>(8);
    private final CompletableFuture<ProcessExit> exit = new CompletableFuture<>();
    private volatile int pid;
    private boolean launched;
    private boolean gateUsed;
    private boolean lost;
    private @Nullable ContainerFault failure;

    LinkLaunch(LaunchLink link, int id, String tag, @Nullable LaunchPlan plan) {
        this.link = link;
        this.id = id;
        this.tag = tag;
        this.plan = plan;
    }

    String tag() {
        return tag;
    }

    /** Before it is played, if it was not there from the beginning. */
    void onPlan(LaunchPlan value) {
        lock.lock();
        try {
            plan = value;
        } finally {
            lock.unlock();
        }
    }

    /** 0: not made yet. */
    void onPid(int value) {
        lock.lock();
        try {
            pid = value;
            if (value != 0) {
                notes.put(SAID_PID, (long) value);
                changed();
            }
        } finally {
            lock.unlock();
        }
    }

    void onGateUsed() {
        gateUsed = true;
    }

    /** Before anybody is told of the launch. */
    void onRequestLost() {
        lost = true;
    }

    boolean isLost() {
        return lost;
    }

    void onNote(int kind, int code, long value) {
        lock.lock();
        try {
            if (kind == NOTE_FAILED) {
                if (failure == null) {
                    failure = stepFailed(tag, plan, code, value);
                }
            } else {
                if (code == SAID_PID) {
                    pid = (int) value;
                }
                notes.put(code, value);
            }
            changed();
        } finally {
            lock.unlock();
        }
    }

    /** What it needs is not to be had. */
    void onFault(ContainerFault fault) {
        lock.lock();
        try {
            if (failure == null) {
                failure = fault;
            }
            changed();
        } finally {
            lock.unlock();
        }
    }

    static ContainerFault stepFailed(String tag, @Nullable LaunchPlan plan, int step, long negativeErrno) {
        String what = plan == null ? null : plan.describe(step);
        Errno errno = Errno.of((int) -negativeErrno);
        if (what == null || what.isEmpty()) {
            // The monitor's word for a plan that it could not even begin with is no step of it.
            what = switch (step) {
                case NO_PLAN -> "begin launch of " + tag;
                case NO_NAMESPACES -> "create namespaces of " + tag;
                default -> "step " + Integer.toUnsignedString(step) + " of launch plan";
            };
        }
        return new ContainerFault(Kind.FAILED, what + ": " + errno.description());
    }

    void onLaunched() {
        lock.lock();
        try {
            launched = true;
            plan = null;
            changed();
        } finally {
            lock.unlock();
        }
    }

    void onExit(ProcessExit how) {
        lock.lock();
        try {
            exit.complete(how);
            changed();
        } finally {
            lock.unlock();
        }
    }

    void onLinkLost() {
        onFault(new ContainerFault(Kind.UNAVAILABLE, link.whatIsGone()));
    }

    @Override
    public int id() {
        return id;
    }

    @Override
    public int pid() {
        return pid;
    }

    @Override
    public boolean isLaunched() {
        lock.lock();
        try {
            return launched;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public boolean hasFailed() {
        lock.lock();
        try {
            return failure != null;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public boolean gateUsed() {
        return gateUsed;
    }

    @Override
    public long awaitNote(int code, Duration timeout) throws ContainerFault {
        if (!await(timeout, () -> notes.containsKey(code))) {
            throw ended();
        }
        return notes.getOrDefault(code, 0L);
    }

    @Override
    public void awaitLaunched(Duration timeout) throws ContainerFault {
        await(timeout, () -> launched);
    }

    /** What the plan has said so far, null if it has not. */
    final @Nullable Long note(int code) {
        lock.lock();
        try {
            return notes.get(code);
        } finally {
            lock.unlock();
        }
    }

    @Override
    public @Nullable Long awaitLaunchedOr(int code, Duration timeout) throws ContainerFault {
        await(timeout, () -> launched || notes.containsKey(code));
        return notes.get(code);
    }

    @Override
    public @Nullable Integer awaitLaunchedOrAny(Duration timeout, int... codes) throws ContainerFault {
        await(timeout, () -> launched || saidOf(codes) != null);
        return saidOf(codes);
    }

    private @Nullable Integer saidOf(int... codes) {
        for (int code : codes) {
            if (notes.containsKey(code)) {
                return code;
            }
        }
        return null;
    }

    private interface Test {
        boolean holds();
    }

    /** Woken only when what they wait for is settled: to wake up and look costs the processor that init needs. */
    private final class Waiter {
        private final Test test;
        private final Condition settled = lock.newCondition();
        private boolean tooLong;

        Waiter(Test test) {
            this.test = test;
        }

        void onTooLong() {
            lock.lock();
            try {
                tooLong = true;
                settled.signal();
            } finally {
                lock.unlock();
            }
        }
    }

    /** With the lock held. */
    private void changed() {
        for (Waiter w : waiters) {
            if (isSettled(w.test)) {
                w.settled.signal();
            }
        }
    }

    private boolean isSettled(Test test) {
        return failure != null || test.holds() || isOver();
    }

    private boolean isOver() {
        return launched && (exit.isDone() || pid == 0);
    }

    /** True when the condition holds; false when the process ended first. */
    private boolean await(Duration timeout, Test test) throws ContainerFault {
        lock.lock();
        try {
            if (!isSettled(test) && timeout.isPositive()) {
                awaitSettled(timeout, new Waiter(test));
            }
            if (failure != null) {
                throw new ContainerFault(failure.kind(), String.valueOf(failure.getMessage()));
            }
            if (test.holds()) {
                return true;
            }
            if (isOver()) {
                return false;
            }
            throw new ContainerFault(
                    Kind.FAILED, "launch of " + tag + " did not finish within " + timeout.toSeconds() + " s");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ContainerFault(Kind.UNAVAILABLE, "interrupted while waiting for launch of " + tag, e);
        } finally {
            lock.unlock();
        }
    }

    private void awaitSettled(Duration timeout, Waiter waiter) throws InterruptedException {
        LongWaits.Limit limit = LongWaits.set(timeout, waiter::onTooLong);
        waiters.add(waiter);
        try {
            while (!isSettled(waiter.test) && !waiter.tooLong) {
                waiter.settled.await();
            }
        } finally {
            waiters.remove(waiter);
            limit.cancel();
        }
    }

    private ContainerFault ended() {
        ProcessExit how = exit.getNow(null);
        return new ContainerFault(
                Kind.FAILED,
                "launch of " + tag + " ended early"
                        + (how == null
                                ? ""
                                : how.code() > 128
                                        ? " by signal " + (how.code() - 128)
                                        : " with status " + how.code()));
    }

    @Override
    public boolean awaitExit(Duration timeout) {
        try {
            exit.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } catch (java.util.concurrent.ExecutionException | java.util.concurrent.TimeoutException e) {
            return false;
        }
    }

    @Override
    public void gate(byte... bytes) {
        gateUsed = true;
        link.send(WireFrame.of(WireFrame.GATE, 0, id, 0, bytes));
    }

    @Override
    public void gateInBuild(byte... bytes) {
        link.send(WireFrame.of(WireFrame.GATE, GATE_IN_BUILD, id, 0, bytes));
    }

    @Override
    public void kill(int signal) {
        link.send(WireFrame.of(WireFrame.KILL, id, signal));
    }

    @Override
    public CompletableFuture<ProcessExit> exit() {
        return exit;
    }

    @Override
    public void forget() {
        link.forget(id);
    }
}
