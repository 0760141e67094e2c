package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;

import dev.caisson.oci.IdMapping;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The option words of a mount, sorted by what the kernel needs them for (runtime-spec, "Linux mount options").
 *
 * @param flags MS_* of mount(2)
 * @param attrSet MOUNT_ATTR_* to set on the mount itself, for binds
 * @param attrClear MOUNT_ATTR_* to clear on the mount itself
 * @param recursiveSet MOUNT_ATTR_* to set on the whole tree
 * @param recursiveClear MOUNT_ATTR_* to clear on the whole tree
 * @param propagation MS_SHARED and the like with MS_REC, in the order given
 * @param data what is left, for the file system
 * @param idmap id-mapped: with the mount's own mappings or the container's
 * @param idmapUids mappings that the option itself gives (crun's form); empty for none
 * @param idmapGids as idmapUids
 * @param copyUp fill a new tmpfs with what it covers
 */
public record MountOptions(
        long flags,
        long attrSet,
        long attrClear,
        long recursiveSet,
        long recursiveClear,
        List<Long> propagation,
        String data,
        boolean bind,
        boolean recursiveBind,
        Idmap idmap,
        List<IdMapping> idmapUids,
        List<IdMapping> idmapGids,
        boolean copyUp) {
    /** Whether, and how far, a mount is id-mapped. */
    public enum Idmap {
        NONE,
        MOUNT,
        RECURSIVE
    }

    /** set or clear this MS_ flag; and the mount attribute with the same meaning, if there is one. */
    private record Word(boolean clear, long flag, long attr) {}

    private static Word set(long flag, long attr) {
        return new Word(false, flag, attr);
    }

    private static Word clear(long flag, long attr) {
        return new Word(true, flag, attr);
    }

    // spotless:off
    private static final Map<String, Word> WORDS = Map.ofEntries(
            Map.entry("async", clear(MS_SYNCHRONOUS, 0)),           Map.entry("sync", set(MS_SYNCHRONOUS, 0)),
            Map.entry("atime", clear(MS_NOATIME, MOUNT_ATTR__ATIME)), Map.entry("noatime", set(MS_NOATIME, MOUNT_ATTR_NOATIME)),
            Map.entry("dev", clear(MS_NODEV, MOUNT_ATTR_NODEV)),    Map.entry("nodev", set(MS_NODEV, MOUNT_ATTR_NODEV)),
            Map.entry("diratime", clear(MS_NODIRATIME, MOUNT_ATTR_NODIRATIME)), Map.entry("nodiratime", set(MS_NODIRATIME, MOUNT_ATTR_NODIRATIME)),
            Map.entry("dirsync", set(MS_DIRSYNC, 0)),
            Map.entry("exec", clear(MS_NOEXEC, MOUNT_ATTR_NOEXEC)), Map.entry("noexec", set(MS_NOEXEC, MOUNT_ATTR_NOEXEC)),
            Map.entry("iversion", set(MS_I_VERSION, 0)),            Map.entry("noiversion", clear(MS_I_VERSION, 0)),
            Map.entry("lazytime", set(MS_LAZYTIME, 0)),             Map.entry("nolazytime", clear(MS_LAZYTIME, 0)),
            Map.entry("loud", clear(MS_SILENT, 0)),                 Map.entry("silent", set(MS_SILENT, 0)),
            Map.entry("mand", set(MS_MANDLOCK, 0)),                 Map.entry("nomand", clear(MS_MANDLOCK, 0)),
            Map.entry("relatime", set(MS_RELATIME, MOUNT_ATTR_RELATIME)), Map.entry("norelatime", clear(MS_RELATIME, 0)),
            Map.entry("strictatime", set(MS_STRICTATIME, MOUNT_ATTR_STRICTATIME)), Map.entry("nostrictatime", clear(MS_STRICTATIME, MOUNT_ATTR__ATIME)),
            Map.entry("remount", set(MS_REMOUNT, 0)),
            Map.entry("ro", set(MS_RDONLY, MOUNT_ATTR_RDONLY)),     Map.entry("rw", clear(MS_RDONLY, MOUNT_ATTR_RDONLY)),
            Map.entry("suid", clear(MS_NOSUID, MOUNT_ATTR_NOSUID)), Map.entry("nosuid", set(MS_NOSUID, MOUNT_ATTR_NOSUID)),
            Map.entry("symfollow", clear(MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW)), Map.entry("nosymfollow", set(MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW)));

    private static final Map<String, Word> RECURSIVE = Map.ofEntries(
            Map.entry("rro", set(0, MOUNT_ATTR_RDONLY)),            Map.entry("rrw", clear(0, MOUNT_ATTR_RDONLY)),
            Map.entry("rnosuid", set(0, MOUNT_ATTR_NOSUID)),        Map.entry("rsuid", clear(0, MOUNT_ATTR_NOSUID)),
            Map.entry("rnodev", set(0, MOUNT_ATTR_NODEV)),          Map.entry("rdev", clear(0, MOUNT_ATTR_NODEV)),
            Map.entry("rnoexec", set(0, MOUNT_ATTR_NOEXEC)),        Map.entry("rexec", clear(0, MOUNT_ATTR_NOEXEC)),
            Map.entry("rnodiratime", set(0, MOUNT_ATTR_NODIRATIME)), Map.entry("rdiratime", clear(0, MOUNT_ATTR_NODIRATIME)),
            Map.entry("rnoatime", set(0, MOUNT_ATTR_NOATIME)),      Map.entry("ratime", clear(0, MOUNT_ATTR__ATIME)),
            Map.entry("rrelatime", set(0, MOUNT_ATTR_RELATIME)),    Map.entry("rnorelatime", clear(0, MOUNT_ATTR__ATIME)),
            Map.entry("rstrictatime", set(0, MOUNT_ATTR_STRICTATIME)), Map.entry("rnostrictatime", clear(0, MOUNT_ATTR__ATIME)),
            Map.entry("rnosymfollow", set(0, MOUNT_ATTR_NOSYMFOLLOW)), Map.entry("rsymfollow", clear(0, MOUNT_ATTR_NOSYMFOLLOW)));

    private static final Map<String, Long> PROPAGATION = Map.of(
            "private", MS_PRIVATE, "rprivate", MS_PRIVATE | MS_REC, "slave", MS_SLAVE, "rslave", MS_SLAVE | MS_REC,
            "shared", MS_SHARED, "rshared", MS_SHARED | MS_REC, "unbindable", MS_UNBINDABLE, "runbindable", MS_UNBINDABLE | MS_REC);

    /** Words of the atime family: they share one field of mount_setattr(2), so setting one clears the others. */
    private static final List<String> ATIME = List.of("noatime", "relatime", "strictatime", "rnoatime", "rrelatime", "rstrictatime");
    // spotless:on

    /** Every word that is understood, for {@code features}. */
    public static List<String> known() {
        List<String> all = new ArrayList<>(List.of("bind", "defaults", "idmap", "rbind", "ridmap", "tmpcopyup"));
        all.addAll(WORDS.keySet());
        all.addAll(RECURSIVE.keySet());
        all.addAll(PROPAGATION.keySet());
        all.sort(null);
        return all;
    }

    public static MountOptions parse(List<String> options) {
        long flags = 0;
        long attrSet = 0;
        long attrClear = 0;
        long recursiveSet = 0;
        long recursiveClear = 0;
        boolean bind = false;
        boolean recursiveBind = false;
        boolean copyUp = false;
        Idmap idmap = Idmap.NONE;
        List<IdMapping> uids = new ArrayList<>();
        List<IdMapping> gids = new ArrayList<>();
        List<Long> propagation = new ArrayList<>();
        StringBuilder data = new StringBuilder();
        for (String option : options) {
            Word word = WORDS.get(option);
            Word recursive = RECURSIVE.get(option);
            Long prop = PROPAGATION.get(option);
            if (word != null) {
                flags = word.clear ? flags & ~word.flag : flags | word.flag;
                attrSet = word.clear ? attrSet & ~word.attr : attrSet | word.attr;
                attrClear = word.clear ? attrClear | word.attr : attrClear & ~word.attr;
                if (ATIME.contains(option)) {
                    attrClear |= MOUNT_ATTR__ATIME;
                }
            } else if (recursive != null) {
                recursiveSet = recursive.clear ? recursiveSet & ~recursive.attr : recursiveSet | recursive.attr;
                recursiveClear = recursive.clear ? recursiveClear | recursive.attr : recursiveClear & ~recursive.attr;
                if (ATIME.contains(option)) {
                    recursiveClear |= MOUNT_ATTR__ATIME;
                }
            } else if (prop != null) {
                propagation.add(prop);
            } else {
                switch (option) {
                    case "bind" -> bind = true;
                    case "rbind" -> {
                        bind = true;
                        recursiveBind = true;
                    }
                    case "idmap" -> idmap = Idmap.MOUNT;
                    case "ridmap" -> idmap = Idmap.RECURSIVE;
                    case "tmpcopyup" -> copyUp = true;
                    case "defaults", "" -> {
                        // nothing to say to the kernel
                    }
                    default -> {
                        if (option.startsWith("idmap=") || option.startsWith("ridmap=")) {
                            idmap = option.startsWith("r") ? Idmap.RECURSIVE : Idmap.MOUNT;
                            inlineMappings(option.substring(option.indexOf('=') + 1), uids, gids);
                            continue;
                        }
                        // For whoever makes the mount, not for the kernel.
                        if (!option.startsWith("X-containerd.")) {
                            data.append(data.isEmpty() ? "" : ",").append(option);
                        }
                    }
                }
            }
        }
        return new MountOptions(
                flags,
                attrSet,
                attrClear,
                recursiveSet,
                recursiveClear,
                List.copyOf(propagation),
                data.toString(),
                bind,
                recursiveBind,
                idmap,
                List.copyOf(uids),
                List.copyOf(gids),
                copyUp);
    }

    /**
     * {@code uids=A-B-N#A-B-N;gids=...}: ids in the file system, ids that they become, how many. What cannot be understood is
     * left out; {@link Requirements} refuses it before.
     */
    private static void inlineMappings(String text, List<IdMapping> uids, List<IdMapping> gids) {
        for (String part : text.split(";", -1)) {
            List<IdMapping> to = part.startsWith("uids=") ? uids : gids;
            for (String triple : part.substring(part.indexOf('=') + 1).split("#", -1)) {
                IdMapping mapping = inlineMapping(triple);
                if (mapping != null) {
                    to.add(mapping);
                }
            }
        }
    }

    static @Nullable IdMapping inlineMapping(String triple) {
        String[] numbers = triple.split("-", -1);
        if (numbers.length != 3) {
            return null;
        }
        long[] n = new long[3];
        for (int i = 0; i < 3; i++) {
            if (numbers[i].isEmpty() || numbers[i].length() > 10) {
                return null;
            }
            for (int k = 0; k < numbers[i].length(); k++) {
                if (numbers[i].charAt(k) < '0' || numbers[i].charAt(k) > '9') {
                    return null;
                }
            }
            n[i] = Long.parseLong(numbers[i]);
        }
        return new IdMapping(n[0], n[1], n[2]);
    }
}
