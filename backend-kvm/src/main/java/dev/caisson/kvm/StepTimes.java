package dev.caisson.kvm;

/** How long each step of something took, for the log: whoever asks why a pod's start is slow finds it there. Of one thread. */
final class StepTimes {
    private static final long MILLI = 1_000_000;

    private final StringBuilder text = new StringBuilder();
    private long last = System.nanoTime();

    /** Says what has happened since the last step, or since the beginning. */
    void done(String step) {
        long now = System.nanoTime();
        text.append(text.isEmpty() ? "" : ", ")
                .append(step)
                .append(' ')
                .append((now - last) / MILLI)
                .append(" ms");
        last = now;
    }

    @Override
    public String toString() {
        return text.toString();
    }
}
