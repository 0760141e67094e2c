package dev.caisson.kvm.guest;

/** How long a guest may go by what it was told of a shared file: the words of virtiofsd's {@code cache} and Kata's {@code virtio_fs_cache}. */
public enum CacheMode {
    /** No time at all: what the host does is seen by the next call. */
    NEVER("never", 0),
    /** Names and attributes for a second, as with virtiofsd: fewer than half of the sixteen requests that opening, reading and closing a file takes else. */
    AUTO("auto", 1);

    private final String word;
    private final long seconds;

    CacheMode(String word, long seconds) {
        this.word = word;
        this.seconds = seconds;
    }

    /** What it is called. */
    public String word() {
        return word;
    }

    /** How long names and attributes are good for. */
    public long seconds() {
        return seconds;
    }

    /**
     * The one that is called that.
     *
     * @throws IllegalArgumentException there is none
     */
    public static CacheMode of(String word) {
        for (CacheMode each : values()) {
            if (each.word.equals(word)) {
                return each;
            }
        }
        throw new IllegalArgumentException("a cache mode \"" + word + "\"");
    }
}
