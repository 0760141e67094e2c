package dev.caisson.trap.filter;

/** What a call that succeeds leaves behind that the kernel charges the sandbox process for, and not the guest. */
public enum Holding {
    NOTHING("-"),
    /** An open file, an inode, a name. */
    ONE("one"),
    /** As many bytes as the fourth argument says, of an extended attribute. */
    BYTES("arg3");

    private final String word;

    Holding(String word) {
        this.word = word;
    }

    static Holding parse(String word) {
        for (Holding each : values()) {
            if (each.word.equals(word)) {
                return each;
            }
        }
        throw new IllegalArgumentException("not what a call may hold: " + word);
    }
}
