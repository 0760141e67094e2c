package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import org.jspecify.annotations.Nullable;

/** The three sets of select(2), as they were read, and how its caller is told in them. */
final class SelectSets implements PollWork.Telling {
    /** What is asked of poll(2) for each set, and what of its answers counts there (fs/select.c): POLLIN..., POLLOUT..., POLLPRI. */
    private static final int[] ASKED = {0x1 | 0x40 | 0x80, 0x4 | 0x100 | 0x200, 0x2};

    private static final int POLLERR = 0x8;
    private static final int POLLHUP = 0x10;
    private static final int[] COUNTED = {
        ASKED[0] | POLLHUP | POLLERR | PolledFiles.POLLNVAL,
        ASKED[1] | POLLERR | PolledFiles.POLLNVAL,
        ASKED[2] | PolledFiles.POLLNVAL
    };
    private static final int SETS = ASKED.length;
    private static final int BITS = 64;

    private final long[] addresses;
    private final long[][] sets;
    private final int words;
    /** The file that each place of the call's files stands for. */
    private final int[] numbers = new int[PolledFiles.MOST];

    private int count;

    private SelectSets(int size, long[] addresses) {
        this.words = (size + BITS - 1) / BITS;
        this.addresses = addresses;
        this.sets = new long[SETS][words];
    }

    /**
     * Reads them.
     *
     * @param size at most {@link PolledFiles#MOST}
     * @param addresses of the sets; 0 for an empty one
     */
    static @Nullable SelectSets read(GuestCall c, int size, long... addresses) {
        SelectSets all = new SelectSets(size, addresses);
        for (int i = 0; i < SETS; i++) {
            if (addresses[i] != 0) {
                if (c.read(addresses[i], GuestCall.TEXT, all.words * Long.BYTES) != 0) {
                    return null;
                }
                for (int word = 0; word < all.words; word++) {
                    all.sets[i][word] = c.memory().getLong(GuestCall.TEXT + word * Long.BYTES);
                }
                if (size % BITS != 0) {
                    all.sets[i][all.words - 1] &= (1L << size % BITS) - 1;
                }
            }
        }
        return all;
    }

    /** Adds what is in them; false: only the kernel can say. */
    boolean addTo(PolledFiles files, GuestCall c) {
        for (int fd = 0; fd < words * BITS; fd++) {
            int asked = 0;
            for (int i = 0; i < SETS; i++) {
                asked |= has(i, fd) ? ASKED[i] : 0;
            }
            if (asked != 0) {
                numbers[count++] = fd;
                if (!files.add(c, fd, asked)) {
                    return false;
                }
            }
        }
        return true;
    }

    private boolean has(int set, int fd) {
        return (sets[set][fd / BITS] >>> fd % BITS & 1) != 0;
    }

    @Override
    public int count(int[] found) {
        int total = 0;
        for (int set = 0; set < SETS; set++) {
            for (int i = 0; i < count; i++) {
                total += isThere(set, i, found) ? 1 : 0;
            }
        }
        return total;
    }

    private boolean isThere(int set, int place, int[] found) {
        return has(set, numbers[place]) && (found[place] & COUNTED[set]) != 0;
    }

    @Override
    public long tell(GuestCall c, int[] found) {
        for (int set = 0; set < SETS; set++) {
            if (addresses[set] == 0 || words == 0) {
                continue;
            }
            long[] bits = new long[words];
            for (int i = 0; i < count; i++) {
                bits[numbers[i] / BITS] |= isThere(set, i, found) ? 1L << numbers[i] % BITS : 0;
            }
            for (int word = 0; word < words; word++) {
                c.memory().putLong(GuestCall.TEXT + word * Long.BYTES, bits[word]);
            }
            if (c.write(addresses[set], GuestCall.TEXT, words * Long.BYTES) != 0) {
                return -Errno.EFAULT.number();
            }
        }
        return 0;
    }
}
