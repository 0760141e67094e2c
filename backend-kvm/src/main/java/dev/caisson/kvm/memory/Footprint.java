package dev.caisson.kvm.memory;

import java.util.BitSet;

/**
 * Which pages of a guest's memory something has touched, by their numbers in the memory file. Its text has a line for each run of pages: {@code own} or
 * {@code seen}, the first one's number, and how many they are.
 *
 * @param own those that were written to
 * @param seen those that were at most read; the kernel may count pages beside these
 */
public record Footprint(BitSet own, BitSet seen) {
    private static final String OWN = "own";
    private static final String SEEN = "seen";
    /** Characters of a text. */
    public static final int TEXT_LIMIT = 8 << 20;

    /** Pages in a row. */
    public interface Run {
        void of(long first, long count);
    }

    /** @throws IllegalArgumentException it is no text of one, or has pages that a memory of so many has not */
    public static Footprint parse(String text, int pages) {
        if (text.length() > TEXT_LIMIT) {
            throw new IllegalArgumentException("a footprint of " + text.length() + " characters");
        }
        Footprint parsed = new Footprint(new BitSet(), new BitSet());
        for (String line : text.split("\n", -1)) {
            if (!line.isEmpty()) {
                parsed.add(line, pages);
            }
        }
        return parsed;
    }

    private void add(String line, int pages) {
        String[] words = line.split(" ", 4);
        boolean isOwn = words[0].equals(OWN);
        if (words.length != 3 || !(isOwn || words[0].equals(SEEN))) {
            throw wrong(line);
        }
        int first;
        int count;
        try {
            first = Integer.parseInt(words[1]);
            count = Integer.parseInt(words[2]);
        } catch (NumberFormatException e) {
            throw wrong(line);
        }
        if (first < 0 || count <= 0 || count > pages - first) {
            throw wrong(line);
        }
        (isOwn ? own : seen).set(first, first + count);
    }

    private static IllegalArgumentException wrong(String line) {
        return new IllegalArgumentException("a footprint with the line \""
                + line.substring(0, Math.min(line.length(), 80)).replaceAll("[^ -~]", "?") + "\"");
    }

    /** What {@link #parse} takes. */
    public String text() {
        StringBuilder text = new StringBuilder();
        write(text, OWN, own);
        write(text, SEEN, seen);
        return text.toString();
    }

    private static void write(StringBuilder text, String kind, BitSet pages) {
        runs(
                pages,
                (first, count) -> text.append(kind)
                        .append(' ')
                        .append(first)
                        .append(' ')
                        .append(count)
                        .append('\n'));
    }

    private static void runs(BitSet pages, Run run) {
        for (int first = pages.nextSetBit(0); first >= 0; ) {
            int end = pages.nextClearBit(first);
            run.of(first, end - first);
            first = pages.nextSetBit(end);
        }
    }

    /** All of it as the guest's kernel numbers pages: the part above the space for devices lies higher there. */
    public void frames(Run each) {
        BitSet all = (BitSet) own.clone();
        all.or(seen);
        long low = GuestMemory.HOLE / GuestMemory.PAGE;
        runs(all, (first, count) -> {
            long below = Math.clamp(low - first, 0, count);
            if (below > 0) {
                each.of(first, below);
            }
            if (below < count) {
                each.of(first + below - low + GuestMemory.HIGH / GuestMemory.PAGE, count - below);
            }
        });
    }
}
