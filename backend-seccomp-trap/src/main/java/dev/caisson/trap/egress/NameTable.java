package dev.caisson.trap.egress;

import dev.caisson.linux.bpf.EgressProgram;
import dev.caisson.linux.bpf.EgressRule;
import dev.caisson.linux.direct.NativeMemory;
import org.jspecify.annotations.Nullable;

/** The addresses that a policy's names have, in memory that the kernel's programs read. Thread-safe. */
final class NameTable {
    /** For who asked before us and uses what was said then. */
    private static final long GRACE_SECONDS = 60;

    private static final long LONGEST_SECONDS = 24 * 3600;

    private final EgressPolicy policy;
    private final NativeMemory memory;
    private final @Nullable InternetAddress[] addresses;
    /** When each is forgotten (nanoTime). */
    private final long[] ends;

    /** @param memory of {@link EgressPolicy#tableSize}, which is nobody else's to write to */
    NameTable(EgressPolicy policy, NativeMemory memory) {
        this.policy = policy;
        this.memory = memory;
        int slots = policy.names().size() * EgressPolicy.SLOTS;
        this.addresses = new InternetAddress[slots];
        this.ends = new long[slots];
    }

    /** Whether a name that may be sent to has this address. */
    synchronized boolean allows(int protocol, InternetAddress address, int port) {
        for (EgressRule rule : policy.rules()) {
            for (int s = rule.slot(); s >= 0 && s < rule.slot() + rule.slots() && rule.isOf(protocol, port); s++) {
                if (address.equals(addresses[s])) {
                    return true;
                }
            }
        }
        return false;
    }

    /** A name has these addresses, and those of before for a while. */
    synchronized void learn(int name, NameQuery.Answer answer, long now) {
        long seconds = Math.min(Math.max(answer.seconds(), GRACE_SECONDS) + GRACE_SECONDS, LONGEST_SECONDS);
        for (InternetAddress address : answer.addresses()) {
            int slot = slot(name, address, now);
            ends[slot] = now + seconds * 1_000_000_000L;
            if (!address.equals(addresses[slot])) {
                put(slot, address);
            }
        }
    }

    /** Where it is, or else one that is free, or else the one that ends first. */
    private int slot(int name, InternetAddress address, long now) {
        int first = name * EgressPolicy.SLOTS;
        int best = first;
        for (int s = first; s < first + EgressPolicy.SLOTS; s++) {
            if (address.equals(addresses[s])) {
                return s;
            }
            if (addresses[best] != null && (addresses[s] == null || ends[s] - now < ends[best] - now)) {
                best = s;
            }
        }
        return best;
    }

    /** Forgets what has ended. */
    synchronized void expire(long now) {
        for (int s = 0; s < addresses.length; s++) {
            if (addresses[s] != null && ends[s] - now <= 0) {
                put(s, null);
            }
        }
    }

    /** The word by which a slot has an address is taken away first and comes last. */
    private void put(int slot, @Nullable InternetAddress address) {
        addresses[slot] = address;
        int at = slot * EgressProgram.SLOT;
        memory.putInt(at + 8, 0);
        long high = address == null ? 0 : Long.reverseBytes(address.high());
        long low = address == null ? 0 : Long.reverseBytes(address.low());
        memory.putLong(at, high);
        memory.putInt(at + 12, (int) (low >>> 32));
        memory.putInt(at + 8, (int) low);
    }

    /** Nobody uses it any more. */
    synchronized void close() {
        memory.close();
    }
}
