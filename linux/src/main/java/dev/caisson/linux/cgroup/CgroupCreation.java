package dev.caisson.linux.cgroup;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.Processes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The directories of one container while they are being made. */
final class CgroupCreation {
    /** A parent may be removed by the container that made it between our two mkdirs; more often than this is no accident. */
    private static final int MKDIR_ATTEMPTS = 16;

    private static final int EMPTY_ROUNDS = 100;
    private static final Duration EMPTY_TIME = Duration.ofMillis(20);

    private final CgroupMode mode;
    private final boolean adopted;
    private final @Nullable ParentGroups parents;
    private final List<String> created = new ArrayList<>();
    /** All that were made here: the container's own, and their parents. */
    private final Set<String> fresh = new HashSet<>();

    private final Map<String, String> controllers = new LinkedHashMap<>();
    private @Nullable String unified;
    private boolean parentsMissing;

    /**
     * @param adopted whether somebody else has made the group for this container, and put its process there
     * @param parents who keeps the parents that are made; null if they go with this container
     */
    CgroupCreation(CgroupMode mode, boolean adopted, @Nullable ParentGroups parents) {
        this.mode = mode;
        this.adopted = adopted;
        this.parents = parents;
    }

    void add(CgroupHierarchy hierarchy, String directory, Set<String> wanted) throws ErrnoException, CgroupException {
        if (hierarchy.unified()) {
            unified = directory;
        }
        for (String controller : hierarchy.controllers()) {
            controllers.put(controller, directory);
        }
        boolean made = makeDirectory(directory, hierarchy.mountPoint(), false);
        if (parents != null) {
            parents.used(directory);
        }
        if (!made && !adopted) {
            checkUnused(directory);
        }
        if (hierarchy.unified()) {
            enable(hierarchy, directory, wanted);
            checkDomain(directory);
        } else if (hierarchy.controllers().contains("cpuset")) {
            inheritCpuset(directory, hierarchy.mountPoint());
        }
    }

    CgroupState state() {
        return new CgroupState(mode, unified, controllers, created);
    }

    /** Kills whoever is in the new version 2 group already, or is still born into it, so that it can be removed. */
    void empty() throws ErrnoException {
        String directory = unified;
        if (directory == null || !created.contains(directory)) {
            return;
        }
        for (int round = 0; round < EMPTY_ROUNDS; round++) {
            if (!HostFiles.tryWrite(directory + "/cgroup.kill", "1").ok()) { // since Linux 5.14
                String pids = HostFiles.textIfPresent(directory + "/cgroup.procs");
                for (String pid : CgroupLayout.lines(pids == null ? "" : pids)) {
                    var _ = Processes.kill(Integer.parseInt(pid), Processes.SIGKILL);
                }
            }
            try {
                new CgroupRemoval(EMPTY_TIME).remove(List.of(directory), List.of());
                return;
            } catch (ErrnoException e) {
                // born behind the kill: once more
            }
        }
    }

    /** Takes back what was made; nobody is in it. */
    void undo() throws ErrnoException {
        for (String directory : created.reversed()) {
            HostFiles.tryRmdir(directory);
        }
        if (parents != null) {
            parents.released(List.copyOf(controllers.values()));
        }
    }

    /**
     * Makes a directory with its parents and returns whether it is new. Tried from below, since usually only the last is missing, but not
     * where another hierarchy had no parent either.
     */
    private boolean makeDirectory(String directory, String mountPoint, boolean parent) throws ErrnoException {
        if (parentsMissing && CgroupHierarchy.parentOf(directory).length() > mountPoint.length()) {
            makeDirectory(CgroupHierarchy.parentOf(directory), mountPoint, true);
        }
        for (int attempt = 0; ; attempt++) {
            Errno errno =
                    parent && parents != null ? makeParent(parents, directory) : HostFiles.tryMkdir(directory, 0755);
            switch (errno) {
                case SUCCESS -> {
                    fresh.add(directory);
                    if (!parent || parents == null) {
                        created.add(directory);
                    }
                    return true;
                }
                case EEXIST -> {
                    return false;
                }
                case ENOENT -> {
                    String above = CgroupHierarchy.parentOf(directory);
                    if (above.length() <= mountPoint.length() || attempt == MKDIR_ATTEMPTS) {
                        throw new ErrnoException(errno, "mkdir", directory);
                    }
                    makeDirectory(above, mountPoint, true);
                    parentsMissing = true;
                }
                default -> throw new ErrnoException(errno, "mkdir", directory);
            }
        }
    }

    private static Errno makeParent(ParentGroups parents, String directory) throws ErrnoException {
        return HostFiles.exists(directory) ? Errno.EEXIST : parents.make(directory);
    }

    private static void checkUnused(String directory) throws ErrnoException, CgroupException {
        String processes = CgroupFile.text(directory, "cgroup.procs");
        if (processes != null && !processes.isBlank()) {
            throw new CgroupException("create cgroup " + directory + ": it exists and holds processes "
                    + String.join(" ", CgroupLayout.lines(processes)));
        }
        String v1 = CgroupFile.text(directory, "freezer.state");
        String v2 = CgroupFile.text(directory, "cgroup.freeze");
        if ((v1 != null && !v1.startsWith("THAWED")) || (v2 != null && v2.startsWith("1"))) {
            throw new CgroupException("create cgroup " + directory + ": it exists and is frozen");
        }
    }

    private void enable(CgroupHierarchy hierarchy, String directory, Set<String> wanted) {
        List<String> enabled = new ArrayList<>();
        for (String controller : hierarchy.controllers()) {
            if (mode == CgroupMode.V2 || wanted.contains(controller)) {
                enabled.add(controller);
            }
        }
        if (enabled.isEmpty()) {
            return;
        }
        List<String> ancestors = new ArrayList<>();
        String at = directory;
        do {
            at = CgroupHierarchy.parentOf(at);
            ancestors.add(at);
        } while (at.length() > hierarchy.mountPoint().length());
        String all = "+" + String.join(" +", enabled);
        for (String ancestor : ancestors.reversed()) {
            String file = ancestor + "/cgroup.subtree_control";
            if (!HostFiles.tryWrite(file, all).ok()) {
                // All or nothing: one controller that cannot be had must not cost the others. A limit that needs it
                // fails
                // later, by name.
                for (String controller : enabled) {
                    HostFiles.tryWrite(file, "+" + controller);
                }
            }
        }
    }

    private static void checkDomain(String directory) throws ErrnoException, CgroupException {
        String type = CgroupFile.text(directory, "cgroup.type");
        if (type != null && !type.startsWith("domain\n") && !type.startsWith("domain threaded")) {
            throw new CgroupException("create cgroup " + directory + ": its type is '" + type.strip()
                    + "' because of a threaded parent, so it cannot hold processes");
        }
    }

    /** Until both files are filled nothing can join a version 1 cpuset (cgroup-v1/cpusets.rst). */
    private void inheritCpuset(String directory, String mountPoint) throws ErrnoException {
        inheritCpuset(directory, mountPoint, "cpuset.cpus");
        inheritCpuset(directory, mountPoint, "cpuset.mems");
    }

    private String inheritCpuset(String directory, String mountPoint, String file) throws ErrnoException {
        // A new one is empty, or has its parent's (cgroup.clone_children).
        if (!fresh.contains(directory)) {
            String present = HostFiles.text(directory + "/" + file).strip();
            if (!present.isEmpty() || directory.length() <= mountPoint.length()) {
                return present;
            }
        }
        String parents = inheritCpuset(CgroupHierarchy.parentOf(directory), mountPoint, file);
        HostFiles.write(directory + "/" + file, parents);
        return parents;
    }
}
