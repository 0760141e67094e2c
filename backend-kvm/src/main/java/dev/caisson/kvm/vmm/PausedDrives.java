package dev.caisson.kvm.vmm;

import java.io.IOException;
import java.util.BitSet;

/** Which of a machine's containers, known by their drives, are paused: while all are, and there is one, its processors stand still. Of one thread. */
final class PausedDrives {
    /** What stands still. */
    interface Processors {
        void hold() throws IOException, InterruptedException;

        void go();
    }

    private final Processors processors;
    private final BitSet taken = new BitSet();
    private final BitSet paused = new BitSet();
    private boolean holds;

    PausedDrives(Processors processors) {
        this.processors = processors;
    }

    /** A container comes: it is to run. */
    void inserted(int drive) throws IOException, InterruptedException {
        taken.set(drive);
        paused.clear(drive);
        look();
    }

    /** It has gone. */
    void ejected(int drive) throws IOException, InterruptedException {
        taken.clear(drive);
        paused.clear(drive);
        look();
    }

    /** @throws IllegalArgumentException there is no container */
    void pause(int drive) throws IOException, InterruptedException {
        if (!taken.get(drive)) {
            throw new IllegalArgumentException("drive " + drive + " is empty");
        }
        paused.set(drive);
        look();
    }

    /** Without a paused container it does nothing. */
    void resume(int drive) throws IOException, InterruptedException {
        paused.clear(drive);
        look();
    }

    /** Whether the processors stand still for it. */
    boolean holds() {
        return holds;
    }

    private void look() throws IOException, InterruptedException {
        boolean all = !taken.isEmpty() && taken.equals(paused);
        if (all && !holds) {
            processors.hold();
        } else if (!all && holds) {
            processors.go();
        }
        holds = all;
    }
}
