package dev.caisson.kvm.vmm;

/**
 * What a container may use at most, as far as its machine has to do with it.
 *
 * @param memoryMib {@link #ANY} where there is no limit
 * @param milliProcessors thousandths of a processor; {@link #ANY} where there is no limit
 */
public record ContainerLimits(long memoryMib, long milliProcessors) {
    /** No limit but the machine's size. */
    public static final long ANY = -1;

    public static final ContainerLimits NONE = new ContainerLimits(ANY, ANY);

    /** What {@link #parse} takes. */
    public String text() {
        return memoryMib + " " + milliProcessors;
    }

    /** @throws IllegalArgumentException it is no {@link #text} */
    public static ContainerLimits parse(String text) {
        String[] words = text.split(" ", -1);
        if (words.length != 2) {
            throw new IllegalArgumentException("no limits of a container: " + text);
        }
        return new ContainerLimits(Long.parseLong(words[0]), Long.parseLong(words[1]));
    }
}
