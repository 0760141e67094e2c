package dev.caisson.trap.limits;

import dev.caisson.linux.MountInfo;
import dev.caisson.linux.direct.KernelCalls;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * What guests may still make this process hold. The kernel charges this process's own control group with what it makes for them: open files, texts of
 * /proc, inodes, names and links of file systems in memory, what is in a pipe that it writes. At the group's limit it would be killed, and all containers of
 * the pod with it. So whatever makes more asks here before, and is refused (ENOMEM) while less than a reserve is left that the kernel cannot
 * reclaim. Looked at by a thread of its own, which has never become a caller and never left the host's root. Thread-safe.
 */
public final class SandboxMemory {
    /** No call that counts as one leaves more behind. */
    public static final int UNIT = 8192;

    private static final long RESERVE = 64L << 20;
    /** More than is wanted back, so that the next look is not the next call's. */
    private static final long RECLAIM_MORE = 32L << 20;

    private static final long RECLAIM_NANOS = 200_000_000;
    private static final long FEWEST = 256;
    private static final long MOST = 1 << 16;

    private final GroupFiles files;
    /** Units until the next look. */
    private final AtomicLong left = new AtomicLong(FEWEST);

    private volatile boolean isTight;
    private long asked;
    private long answered;
    private boolean isStarted;
    private @Nullable GroupChain chain;
    private long reclaimedAt = System.nanoTime() - RECLAIM_NANOS;

    /** @param hostProc a descriptor of the host's /proc */
    public SandboxMemory(int hostProc) {
        files = new GroupFiles(hostProc);
    }

    /** Begins to look. Without that nothing is refused. */
    public void start() {
        synchronized (this) {
            isStarted = true;
        }
        Thread.ofPlatform().daemon().name("own-memory").start(this::look);
    }

    /** Whether this process may be made to hold that much more, of {@link #UNIT} each; it is taken for held then. */
    public boolean mayHold(long units) {
        return (!isTight && left.addAndGet(-units) > 0) || ask();
    }

    /** Units that so many bytes are. */
    public static long units(long bytes) {
        return 1 + bytes / UNIT;
    }

    private synchronized boolean ask() {
        if (!isStarted) {
            return true;
        }
        long mine = ++asked;
        notifyAll();
        try {
            while (answered < mine) {
                wait();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return !isTight;
    }

    private void look() {
        KernelCalls kernel = new KernelCalls();
        try {
            while (true) {
                long last;
                synchronized (this) {
                    while (asked == answered) {
                        wait();
                    }
                    last = asked;
                }
                long room = room(kernel);
                left.set(until(room));
                synchronized (this) {
                    isTight = room <= 0;
                    answered = last;
                    notifyAll();
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Units until the next look: so many that half of the room is left then. */
    static long until(long room) {
        return Math.clamp(room / UNIT / 2, FEWEST, MOST);
    }

    /** What may be used before the reserve begins. */
    static long room(long limit, long used) {
        return limit - Math.min(RESERVE, limit / 2) - used;
    }

    private long room(KernelCalls kernel) {
        long room = measured(kernel);
        if (room <= 0 && System.nanoTime() - reclaimedAt >= RECLAIM_NANOS) {
            // What the kernel keeps only because nobody wanted the memory counts as well (names and inodes of disks).
            reclaim(kernel, RECLAIM_MORE - room);
            reclaimedAt = System.nanoTime();
            room = measured(kernel);
        }
        return room;
    }

    private long measured(KernelCalls kernel) {
        GroupChain group = chain == null ? find(kernel) : chain;
        String used = group == null ? null : files.read(kernel, usage(group));
        if (used == null) {
            group = find(kernel); // it was moved, or has just been put there
            used = group == null ? null : files.read(kernel, usage(group));
        }
        if (group == null || used == null) {
            return Long.MAX_VALUE;
        }
        String own = group.directories().getFirst();
        String limit = files.read(kernel, own + (group.isUnified() ? "/memory.max" : "/memory.limit_in_bytes"));
        long most = GroupFiles.number(limit, MemoryUse.UNLIMITED);
        long use = GroupFiles.number(used, 0);
        if (room(most, use) <= 0) {
            // Pages of files go at once when somebody wants them.
            String stat = files.read(kernel, own + "/memory.stat");
            String total = group.isUnified() ? "" : "total_";
            use -= Math.max(0, GroupFiles.field(stat, total + "inactive_file"))
                    + Math.max(0, GroupFiles.field(stat, total + "active_file"));
        }
        return room(most, use);
    }

    private static String usage(GroupChain group) {
        return group.directories().getFirst() + (group.isUnified() ? "/memory.current" : "/memory.usage_in_bytes");
    }

    private @Nullable GroupChain find(KernelCalls kernel) {
        List<MountInfo> mounts = MountInfo.parse(files.text(kernel, "self/mountinfo"));
        chain = GroupChain.of(mounts, files.text(kernel, "self/cgroup"), "memory");
        return chain;
    }

    private void reclaim(KernelCalls kernel, long bytes) {
        GroupChain group = chain;
        if (group != null) {
            String own = group.directories().getFirst();
            if (group.isUnified()) {
                files.write(kernel, own + "/memory.reclaim", Long.toString(bytes));
            } else {
                files.write(kernel, own + "/memory.force_empty", "0");
            }
        }
    }
}
