package dev.caisson.trap.policy;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/** Those who write down what a container asks for, each thing once, as lines of a policy. Thread-safe. */
public final class Recorders {
    private static final int WRITE = 1;
    private static final int POLL = 7;
    private static final short POLLOUT = 4;
    private static final int MOST_NAMES = 16384;
    private static final int LINE = 4200;

    /** One of them. */
    public static final class Recorder {
        private final int out;
        private final Set<String> known = ConcurrentHashMap.newKeySet();

        private Recorder(int out) {
            this.out = out;
        }
    }

    private final KernelCalls kernel = new KernelCalls();
    private final List<Recorder> recorders = new CopyOnWriteArrayList<>();

    public boolean areThere() {
        return !recorders.isEmpty();
    }

    /** Begins to write to a descriptor, which must stay open until {@link #remove}. */
    public Recorder add(int out) {
        Recorder recorder = new Recorder(out);
        recorders.add(recorder);
        return recorder;
    }

    public void remove(Recorder recorder) {
        recorders.remove(recorder);
    }

    /** Something was asked for. */
    public void note(Subject subject, String name) {
        String line = subject.word() + " " + name + "\n";
        if (line.length() > LINE || name.indexOf('\n') >= 0) {
            return; // no policy can name it
        }
        for (Recorder r : recorders) {
            // Who does not read is told when it comes again.
            if (r.known.size() < MOST_NAMES && r.known.add(line) && !write(r.out, line)) {
                r.known.remove(line);
            }
        }
    }

    /** Never waits for a reader. */
    private boolean write(int out, String line) {
        byte[] bytes = line.getBytes(StandardCharsets.ISO_8859_1);
        try (NativeMemory memory = new NativeMemory(bytes.length + 16)) {
            int poll = (bytes.length + 7) & ~7;
            memory.putInt(poll, out);
            memory.putInt(poll + 4, POLLOUT);
            if (kernel.call(POLL, memory.address(poll), 1, 0) != 1 || (memory.getShort(poll + 6) & POLLOUT) == 0) {
                return false;
            }
            memory.putBytes(0, bytes);
            return kernel.call(WRITE, out, memory.address(), bytes.length) == bytes.length;
        }
    }
}
