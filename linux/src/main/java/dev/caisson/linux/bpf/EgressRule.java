package dev.caisson.linux.bpf;

/**
 * Where something may be sent. Addresses are of IPv6; those of IPv4 are as {@code ::ffff:a.b.c.d}.
 *
 * @param protocol IPPROTO_TCP or IPPROTO_UDP, 0 for either
 * @param high first eight bytes of the address, the first of them the most significant
 * @param low the others
 * @param prefix how many bits count, 0 to 128
 * @param slot in place of an address: the first of the table's slots with addresses; -1 for none
 * @param slots how many
 * @param firstPort the lowest
 * @param lastPort the highest
 */
public record EgressRule(
        int protocol, long high, long low, int prefix, int slot, int slots, int firstPort, int lastPort) {
    /** {@code ::ffff:0:0} of its low half. */
    public static final long MAPPED = 0xffff_0000_0000L;

    static final int MAPPED_PREFIX = 96;

    public EgressRule {
        if (prefix < 0 || prefix > 128 || firstPort < 0 || lastPort > 0xffff || firstPort > lastPort) {
            throw new IllegalArgumentException("prefix " + prefix + ", ports " + firstPort + " to " + lastPort);
        }
    }

    /** Whether it is about addresses of IPv4, or may be. */
    boolean isInet4() {
        return slot >= 0 || (prefix >= MAPPED_PREFIX && high == 0 && (low & 0xffff_ffff_0000_0000L) == MAPPED);
    }

    /** Whether an address, a protocol and a port are within; of slots that is not known here. */
    public boolean holds(int protocol, long high, long low, int port) {
        boolean four = high == 0 && (low & 0xffff_ffff_0000_0000L) == MAPPED;
        return slot < 0
                && (!four || isInet4())
                && isOf(protocol, port)
                && ((this.high ^ high) & mask(prefix)) == 0
                && ((this.low ^ low) & mask(prefix - Long.SIZE)) == 0;
    }

    /** Whether it is about a protocol and a port. */
    public boolean isOf(int protocol, int port) {
        return (this.protocol == 0 || this.protocol == protocol) && port >= firstPort && port <= lastPort;
    }

    static long mask(int bits) {
        return bits <= 0 ? 0 : bits >= Long.SIZE ? -1 : -1L << (Long.SIZE - bits);
    }
}
