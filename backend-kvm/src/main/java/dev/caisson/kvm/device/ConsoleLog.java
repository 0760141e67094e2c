package dev.caisson.kvm.device;

import java.nio.charset.StandardCharsets;

/** The last bytes that a guest wrote to its console, for messages about it. Any thread; a guest that floods it only loses its own lines. */
public final class ConsoleLog implements SerialPort.Sink {
    private static final int CAPACITY = 1 << 16;

    private final byte[] ring = new byte[CAPACITY];
    private long written;

    @Override
    public synchronized void put(int octet) {
        ring[(int) (written++ % CAPACITY)] = (byte) octet;
        notifyAll();
    }

    /** What there is, at most 64 KiB. Bytes that are no UTF-8 become U+FFFD. */
    public synchronized String text() {
        int length = (int) Math.min(written, CAPACITY);
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = ring[(int) ((written - length + i) % CAPACITY)];
        }
        return new String(bytes, StandardCharsets.UTF_8);
    }

    /** The last lines, without control characters. */
    public String lastLines(int count) {
        String[] lines = text().replace("\r", "").split("\n", -1);
        StringBuilder last = new StringBuilder();
        for (int i = Math.max(0, lines.length - count); i < lines.length; i++) {
            last.append(lines[i].replaceAll("\\p{Cntrl}", "?")).append('\n');
        }
        return last.toString().strip();
    }

    /**
     * Waits until some text is in it.
     *
     * @return whether it came in time
     */
    public synchronized boolean await(String text, long nanos) throws InterruptedException {
        long end = System.nanoTime() + nanos;
        while (!text().contains(text)) {
            long left = end - System.nanoTime();
            if (left <= 0) {
                return false;
            }
            wait(Math.max(1, Math.min(left / 1_000_000, 100)));
        }
        return true;
    }
}
