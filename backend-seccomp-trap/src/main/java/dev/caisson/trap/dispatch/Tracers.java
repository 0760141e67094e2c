package dev.caisson.trap.dispatch;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/** Those who are told of a container's calls. Thread-safe; costs one read of a field where there is none. */
public final class Tracers {
    /** Written at once and not mixed with others' lines (PIPE_BUF). */
    private static final int LINE_LIMIT = 4096;

    private static final int MOST = 8;
    private static final short POLLOUT = 4;

    /** One of them. */
    public static final class Tracer {
        private final int out;
        private final TraceFilter filter;
        private final AtomicLong lost = new AtomicLong();

        Tracer(int out, TraceFilter filter) {
            this.out = out;
            this.filter = filter;
        }
    }

    private final KernelCalls kernel = new KernelCalls();
    private volatile List<Tracer> tracers = List.of();

    boolean areThere() {
        return !tracers.isEmpty();
    }

    /**
     * Begins to write lines to a descriptor, which must stay open until {@link #remove}.
     *
     * @throws IllegalStateException there are too many
     */
    public synchronized Tracer add(int out, TraceFilter filter) {
        if (tracers.size() >= MOST) {
            throw new IllegalStateException("more than " + MOST + " tracers");
        }
        Tracer tracer = new Tracer(out, filter);
        List<Tracer> more = new ArrayList<>(tracers);
        more.add(tracer);
        tracers = List.copyOf(more);
        return tracer;
    }

    public synchronized void remove(Tracer tracer) {
        List<Tracer> fewer = new ArrayList<>(tracers);
        fewer.remove(tracer);
        tracers = List.copyOf(fewer);
    }

    /** Tells who wants to know. No call waits for a reader: a line that does not fit is lost, and that is said later. */
    void tell(GuestCall call, List<String> paths, long result, boolean isRefused, long nanos) {
        Caller caller = call.caller();
        for (Tracer tracer : tracers) {
            if (tracer.filter.wants(TraceLine.name(call.number()), caller, paths)) {
                long[] arguments = new long[6];
                for (int i = 0; i < arguments.length; i++) {
                    arguments[i] = call.arg(i);
                }
                write(
                        tracer,
                        TraceLine.of(
                                tracer.filter.json(),
                                System.currentTimeMillis(),
                                caller,
                                call.number(),
                                arguments,
                                paths,
                                result,
                                isRefused,
                                nanos));
            }
        }
    }

    private void write(Tracer tracer, String line) {
        byte[] bytes = line.getBytes(StandardCharsets.ISO_8859_1);
        if (bytes.length > LINE_LIMIT) {
            tracer.lost.incrementAndGet();
            return;
        }
        try (NativeMemory memory = new NativeMemory(LINE_LIMIT + 8)) {
            memory.putInt(LINE_LIMIT, tracer.out);
            memory.putInt(LINE_LIMIT + 4, POLLOUT);
            if (kernel.call(Nr.poll, memory.address(LINE_LIMIT), 1, 0) != 1
                    || (memory.getShort(LINE_LIMIT + 6) & POLLOUT) == 0) {
                tracer.lost.incrementAndGet();
                return;
            }
            long lost = tracer.lost.get();
            if (lost > 0 && tracer.lost.compareAndSet(lost, 0)) {
                String note = tracer.filter.json() ? "{\"lost\":" + lost + "}\n" : "[" + lost + " calls lost]\n";
                byte[] said = note.getBytes(StandardCharsets.US_ASCII);
                memory.putBytes(0, said);
                kernel.call(Nr.write, tracer.out, memory.address(), said.length);
            }
            memory.putBytes(0, bytes);
            kernel.call(Nr.write, tracer.out, memory.address(), bytes.length);
        }
    }
}
