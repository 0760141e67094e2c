package dev.caisson.kvm.plan;

import dev.caisson.linux.Mounts;
import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The files that a machine's process has: a root of its own in memory, with what it is made of read-only, its own directory, and some devices. Pure.
 *
 * @param stage an empty directory of the host's where the root is put together; inside {@code own}
 * @param own the directory that it may write to
 * @param parts what else there is, read-only
 * @param devices device nodes
 */
public record Jail(String stage, String own, List<Part> parts, List<String> devices) {
    private static final int AT_FDCWD = -100;
    private static final int S_IFREG = 0x8000;
    private static final int READABLE = 0755;
    private static final int SAFE = Mounts.MS_NOSUID | Mounts.MS_NODEV;

    public Jail {
        parts = List.copyOf(parts);
        devices = List.copyOf(devices);
    }

    /**
     * Something of the host's that is there under the same path.
     *
     * @param link what a symbolic link says; null for a file or directory, which is bound
     */
    public record Part(
            String path, boolean directory, @Nullable String link) {}

    /** Makes it, in a mount namespace of its own; {@link #enter} goes there. */
    void build(PlanBuilder p) {
        p.call(
                "make mounts private",
                Sys.MOUNT,
                Arg.ZERO,
                p.string("/"),
                Arg.ZERO,
                Arg.of(Mounts.MS_REC | Mounts.MS_PRIVATE),
                Arg.ZERO);
        p.call(
                "mount tmpfs on " + stage,
                Sys.MOUNT,
                p.string("tmpfs"),
                p.string(stage),
                p.string("tmpfs"),
                Arg.of(SAFE),
                p.string("mode=755,size=1m"));
        directories(p);
        for (Part part : parts) {
            if (part.link() != null) {
                p.call(
                        "make link " + part.path(),
                        Sys.SYMLINKAT,
                        p.string(part.link()),
                        Arg.of(AT_FDCWD),
                        p.string(stage + part.path()));
            } else {
                bind(p, part.path(), part.directory(), SAFE | Mounts.MS_RDONLY);
            }
        }
        bind(p, own, true, SAFE | Mounts.MS_NOEXEC);
        for (String device : devices) {
            bind(p, device, false, Mounts.MS_NOSUID | Mounts.MS_NOEXEC);
        }
        p.call(
                "mount proc",
                Sys.MOUNT,
                p.string("proc"),
                p.string(stage + "/proc"),
                p.string("proc"),
                Arg.of(SAFE | Mounts.MS_NOEXEC | Mounts.MS_RDONLY),
                p.string("hidepid=2"));
    }

    /** All that something is put into or onto, from above. */
    private void directories(PlanBuilder p) {
        Set<String> all = new LinkedHashSet<>(List.of("/proc", "/tmp"));
        for (Part part : parts) {
            add(all, part.directory() && part.link() == null ? part.path() : parent(part.path()));
        }
        add(all, own);
        devices.forEach(each -> add(all, parent(each)));
        for (String each : all) {
            p.call(
                    "make directory " + stage + each,
                    Sys.MKDIRAT,
                    Arg.of(AT_FDCWD),
                    p.string(stage + each),
                    Arg.of(READABLE));
        }
    }

    private static String parent(String path) {
        return path.substring(0, path.lastIndexOf('/'));
    }

    private static void add(Set<String> to, String path) {
        List<String> upwards = new ArrayList<>();
        for (String each = path; !each.isEmpty(); each = parent(each)) {
            upwards.addFirst(each);
        }
        to.addAll(upwards);
    }

    private void bind(PlanBuilder p, String path, boolean directory, int flags) {
        String target = stage + path;
        if (!directory) {
            makeFile(p, target);
        }
        p.call("bind " + path, Sys.MOUNT, p.string(path), p.string(target), Arg.ZERO, Arg.of(Mounts.MS_BIND), Arg.ZERO);
        p.call(
                "restrict " + path,
                Sys.MOUNT,
                Arg.ZERO,
                p.string(target),
                Arg.ZERO,
                Arg.of(Mounts.MS_REMOUNT | Mounts.MS_BIND | flags),
                Arg.ZERO);
    }

    private static void makeFile(PlanBuilder p, String target) {
        p.call(
                "make file " + target,
                Sys.MKNODAT,
                Arg.of(AT_FDCWD),
                p.string(target),
                Arg.of(S_IFREG | 0444),
                Arg.ZERO);
    }

    /** Makes it the root; nothing of the host's files can be reached by a path any more. */
    void enter(PlanBuilder p) {
        p.call("change to " + stage, Sys.CHDIR, p.string(stage));
        p.call("pivot_root to " + stage, Sys.PIVOT_ROOT, p.string("."), p.string("."));
        p.call("detach host's root", Sys.UMOUNT2, p.string("."), Arg.of(Mounts.MNT_DETACH));
        p.call("change to /", Sys.CHDIR, p.string("/"));
        p.call(
                "make / read-only",
                Sys.MOUNT,
                Arg.ZERO,
                p.string("/"),
                Arg.ZERO,
                Arg.of(Mounts.MS_REMOUNT | Mounts.MS_BIND | SAFE | Mounts.MS_RDONLY),
                Arg.ZERO);
    }
}
