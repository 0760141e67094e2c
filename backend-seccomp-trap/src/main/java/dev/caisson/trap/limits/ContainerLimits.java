package dev.caisson.trap.limits;

import dev.caisson.linux.MountInfo;
import dev.caisson.linux.direct.KernelCalls;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a container may use and does use, read from its control groups each time, so that a change shows at once. The files are reached
 * through the host's procfs: {@code self/root} is the first thread's, which never leaves the host's root. Thread-safe.
 */
public final class ContainerLimits {
    /** No controller of version 1, and so the hierarchy of version 2 where there is one. */
    private static final String UNIFIED = "unified";

    private final GroupFiles files;
    private final int init;
    private @Nullable Map<String, GroupChain> chains;

    /**
     * @param hostProc a descriptor of the host's /proc
     * @param init host pid of the container's first process
     */
    public ContainerLimits(int hostProc, int init) {
        files = new GroupFiles(hostProc);
        this.init = init;
    }

    /** Memory and swap; no limits where there is no group. */
    public MemoryUse memory(KernelCalls kernel) {
        GroupChain chain = chain(kernel, "memory");
        if (chain == null) {
            return MemoryUse.NONE;
        }
        String own = chain.directories().getFirst();
        String stat = files.read(kernel, own + "/memory.stat");
        if (!chain.isUnified()) {
            // The least of all groups, and of memory and swap together.
            long limit = GroupFiles.field(stat, "hierarchical_memory_limit");
            long both = GroupFiles.field(stat, "hierarchical_memsw_limit");
            long used = GroupFiles.number(files.read(kernel, own + "/memory.usage_in_bytes"), 0);
            long usedBoth = GroupFiles.number(files.read(kernel, own + "/memory.memsw.usage_in_bytes"), used);
            return new MemoryUse(
                    limit < 0 ? MemoryUse.UNLIMITED : limit,
                    used,
                    Math.max(0, GroupFiles.field(stat, "total_cache")),
                    Math.max(0, GroupFiles.field(stat, "total_inactive_file")),
                    both < 0 || limit < 0 ? MemoryUse.UNLIMITED : both - limit,
                    Math.max(0, usedBoth - used));
        }
        long limit = MemoryUse.UNLIMITED;
        long swap = MemoryUse.UNLIMITED;
        for (String directory : chain.directories()) {
            limit = Math.min(
                    limit, GroupFiles.number(files.read(kernel, directory + "/memory.max"), MemoryUse.UNLIMITED));
            swap = Math.min(
                    swap, GroupFiles.number(files.read(kernel, directory + "/memory.swap.max"), MemoryUse.UNLIMITED));
        }
        return new MemoryUse(
                limit,
                GroupFiles.number(files.read(kernel, own + "/memory.current"), 0),
                Math.max(0, GroupFiles.field(stat, "file")),
                Math.max(0, GroupFiles.field(stat, "inactive_file")),
                swap,
                GroupFiles.number(files.read(kernel, own + "/memory.swap.current"), 0));
    }

    /** How many processors' time the container may use, rounded up; {@link Integer#MAX_VALUE} without a limit. */
    public int processors(KernelCalls kernel) {
        GroupChain chain = chain(kernel, "cpu");
        int least = Integer.MAX_VALUE;
        if (chain == null) {
            return least;
        }
        for (String directory : chain.directories()) {
            long quota = -1;
            long period = 0;
            if (chain.isUnified()) {
                String[] words = String.valueOf(files.read(kernel, directory + "/cpu.max"))
                        .strip()
                        .split(" ", -1);
                if (words.length == 2) {
                    quota = GroupFiles.number(words[0], -1);
                    period = GroupFiles.number(words[1], 0);
                }
            } else {
                quota = GroupFiles.number(files.read(kernel, directory + "/cpu.cfs_quota_us"), -1);
                period = quota <= 0 ? 0 : GroupFiles.number(files.read(kernel, directory + "/cpu.cfs_period_us"), 0);
            }
            if (quota > 0 && period > 0) {
                least = (int) Math.min(least, (quota + period - 1) / period);
            }
        }
        return least;
    }

    /**
     * The processors that a guest is shown: those of its cpuset, and no more of them than it may use the time of.
     *
     * @param all how many the machine has
     */
    public BitSet shown(KernelCalls kernel, int all) {
        GroupChain chain = chain(kernel, "cpuset");
        String list = chain == null
                ? null
                : files.read(
                        kernel,
                        chain.directories().getFirst()
                                + (chain.isUnified() ? "/cpuset.cpus.effective" : "/cpuset.effective_cpus"));
        return ProcessorText.first(ProcessorText.set(list, all), processors(kernel));
    }

    /** Processes and threads in the container; 0 where nobody counts them. */
    public int tasks(KernelCalls kernel) {
        GroupChain chain = chain(kernel, "pids");
        return chain == null
                ? 0
                : (int) Math.min(
                        GroupFiles.number(files.read(kernel, chain.directories().getFirst() + "/pids.current"), 0),
                        Short.MAX_VALUE);
    }

    /** Whether somebody wants the container, or a group that it is in, to stand still. A host may have both versions' means for it. */
    public boolean isFreezing(KernelCalls kernel) {
        GroupChain first = chain(kernel, "freezer");
        // A group of version 1 says so of its parents' wish too.
        String state = first == null || first.isUnified()
                ? null
                : files.read(kernel, first.directories().getFirst() + "/freezer.state");
        if (state != null && !state.startsWith("THAWED")) {
            return true;
        }
        GroupChain second = chain(kernel, UNIFIED);
        if (second != null) {
            for (String directory : second.directories()) {
                String frozen = files.read(kernel, directory + "/cgroup.freeze");
                if (frozen != null && frozen.startsWith("1")) {
                    return true;
                }
            }
        }
        return false;
    }

    private synchronized @Nullable GroupChain chain(KernelCalls kernel, String controller) {
        if (chains == null) {
            Map<String, GroupChain> found = new HashMap<>();
            List<MountInfo> mounts = MountInfo.parse(files.text(kernel, "self/mountinfo"));
            String groups = files.text(kernel, init + "/cgroup");
            for (String each : List.of("memory", "cpu", "cpuset", "pids", "freezer", UNIFIED)) {
                GroupChain chain = GroupChain.of(mounts, groups, each);
                if (chain != null) {
                    found.put(each, chain);
                }
            }
            chains = Map.copyOf(found);
        }
        return chains.get(controller);
    }
}
