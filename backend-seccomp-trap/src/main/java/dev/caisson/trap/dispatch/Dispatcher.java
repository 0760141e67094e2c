package dev.caisson.trap.dispatch;

import dev.caisson.linux.Errno;
import dev.caisson.trap.filter.CallTable;
import dev.caisson.trap.filter.Holding;
import dev.caisson.trap.filter.SystemCall;
import dev.caisson.trap.filter.Verdict;
import dev.caisson.trap.limits.SandboxMemory;
import dev.caisson.trap.policy.Subject;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Finds the handler of a call by the table. Immutable. */
public final class Dispatcher {
    private static final long NOT_THERE = -Errno.ENOSYS.number();

    private static final int BYTES = 3;
    /** XATTR_SIZE_MAX: more is refused. */
    private static final long MOST_BYTES = 65536;

    private final @Nullable Handler[] byNumber;
    private final Holding[] holds;
    /** Whether some arguments are: what is asked of each call is asked of an array. */
    private final boolean[] isRefused;

    /**
     * @param handlers by the names that the table calls them
     * @throws IllegalArgumentException the table names one that is not there
     */
    public Dispatcher(Map<String, Handler> handlers) {
        byNumber = new Handler[CallTable.calls().getLast().number() + 1];
        holds = new Holding[byNumber.length];
        isRefused = new boolean[byNumber.length];
        for (SystemCall call : CallTable.calls()) {
            if (call.handler() != null) {
                Handler handler = handlers.get(call.handler());
                if (handler == null) {
                    throw new IllegalArgumentException("no handler " + call.handler() + " for " + call.name());
                }
                byNumber[call.number()] = handler;
                holds[call.number()] = call.holds();
                isRefused[call.number()] =
                        call.rule() != null && call.otherwise().kind() == Verdict.Kind.REFUSE;
            }
        }
    }

    /**
     * Answers a call, whatever happens.
     *
     * @param now when it was received, nanoTime
     */
    public void answer(GuestCall call, long now) {
        long result = NOT_THERE;
        call.begin(now);
        int number = call.number();
        Handler handler = number >= 0 && number < byNumber.length ? byNumber[number] : null;
        if (call.isExamined() && !call.may(Subject.CALL, TraceLine.name(number))) {
            result = -Errno.EPERM.number();
        } else if (handler != null) {
            try {
                int refused = isRefused[number] ? call.refusedByRule() : 0;
                if (holds[number] != Holding.NOTHING && !mayHold(call, holds[number])) {
                    refused = Errno.ENOMEM.number();
                }
                result = refused != 0 ? -refused : handler.handle(call);
            } catch (RuntimeException | Error e) {
                // A defect of ours, or a guest that asks for too much: it costs the guest its call, and nobody the
                // kernel. Not by a logger, which would look for its configuration in the container.
                System.err.println("call " + number + " of thread " + call.tid() + ": " + e);
                e.printStackTrace();
                result = -Errno.EIO.number();
            }
        }
        call.finish(result);
    }

    private static boolean mayHold(GuestCall call, Holding holds) {
        long bytes = call.arg(BYTES);
        return call.container()
                .memory()
                .mayHold(
                        holds == Holding.BYTES
                                ? SandboxMemory.units(bytes < 0 ? MOST_BYTES : Math.min(bytes, MOST_BYTES))
                                : 1);
    }
}
