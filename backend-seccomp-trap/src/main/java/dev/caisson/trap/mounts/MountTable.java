package dev.caisson.trap.mounts;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which of the container's mounts its processes made, and what they may do with the others: the rules that the kernel has for mounts that come from a
 * more privileged namespace (mount_namespaces(7), "Restrictions"). Those that came with the configuration, and those that a daemon added, are locked:
 * they are not unmounted or moved, so that nothing below them is uncovered, and what restricts them stays, on their copies too. Pure; of one thread at a time.
 */
public final class MountTable {
    /**
     * What holds for a mount.
     *
     * @param locked whether it stays where it is for as long as its parent does
     * @param restrictions attributes that it keeps
     */
    private record Rule(boolean locked, int restrictions) {}

    private final Map<Integer, Rule> rules = new HashMap<>();
    private Map<Integer, MountInfo> now = Map.of();

    /** The mounts as they are; those that are new are somebody else's. */
    public void see(Map<Integer, MountInfo> mounts) {
        rules.keySet().retainAll(mounts.keySet());
        mounts.forEach((id, mount) -> rules.putIfAbsent(id, new Rule(true, mount.attributes())));
        now = mounts;
    }

    public int size() {
        return now.size();
    }

    public @Nullable MountInfo get(long id) {
        return now.get((int) id);
    }

    /** Whether it must neither be unmounted nor moved. */
    public boolean isLocked(long id) {
        Rule rule = rules.get((int) id);
        return rule == null || rule.locked();
    }

    /** The attributes of it that cannot be taken away. */
    public int restrictions(long id) {
        Rule rule = rules.get((int) id);
        return rule == null ? -1 : rule.restrictions();
    }

    /** How many mounts are at a path of a mount or below, itself included. */
    public int below(long id, String path) {
        return tree((int) id, path).size();
    }

    /** Whether a copy of that part of a mount alone would show what a locked one covers. */
    public boolean coversLocked(long id, String path) {
        return now.values().stream()
                .anyMatch(m -> m.parent() == (int) id
                        && m.id() != (int) id
                        && MountInfo.isWithin(m.point(), path)
                        && isLocked(m.id()));
    }

    /** A mount was made by the container. */
    public void made(long id) {
        rules.put((int) id, new Rule(false, 0));
    }

    /** A mount was copied, without those on it. */
    public void copied(long source, long id) {
        rules.put((int) id, new Rule(false, restrictions(source)));
    }

    /**
     * A part of a mount was copied with what is mounted there.
     *
     * @param source id of the mount
     * @param path which part
     * @param mounts as they are now
     * @param id of the copy
     */
    public void copied(long source, String path, Map<Integer, MountInfo> mounts, long id) {
        copied(source, id);
        MountInfo copy = mounts.get((int) id);
        if (copy != null) {
            copiedBelow((int) source, path, mounts, copy);
        }
        see(mounts);
    }

    /** A copy of something keeps to its rule; what is not recognized will be somebody else's, and so locked. */
    private void copiedBelow(int source, String path, Map<Integer, MountInfo> mounts, MountInfo copy) {
        Map<String, Rule> known = new HashMap<>();
        for (int each : tree(source, path)) {
            MountInfo m = now.get(each);
            if (m != null && each != source) {
                // Of several at one place the strictest counts.
                known.merge(key(m, path), rule(each), MountTable::both);
            }
        }
        for (MountInfo m : mounts.values()) {
            if (!now.containsKey(m.id()) && m.id() != copy.id() && copy.covers(m.point())) {
                Rule rule = known.get(key(m, copy.point()));
                if (rule != null) {
                    rules.put(m.id(), rule);
                }
            }
        }
    }

    private Rule rule(int id) {
        return rules.getOrDefault(id, new Rule(true, -1));
    }

    private static Rule both(Rule a, Rule b) {
        return new Rule(a.locked() || b.locked(), a.restrictions() | b.restrictions());
    }

    private static String key(MountInfo m, String top) {
        return m.device() + " " + m.root() + " " + MountInfo.below(m.point(), top);
    }

    /** A mount, and all mounts on it at a path or below, and on those. */
    private Set<Integer> tree(int id, String path) {
        Set<Integer> all = new HashSet<>(Set.of(id));
        boolean grows = true;
        while (grows) {
            grows = false;
            for (MountInfo m : now.values()) {
                boolean isOn = m.parent() == id ? MountInfo.isWithin(m.point(), path) : all.contains(m.parent());
                if (isOn && all.add(m.id())) {
                    grows = true;
                }
            }
        }
        return all;
    }
}
