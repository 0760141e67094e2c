package dev.caisson.linux.cgroup;

import dev.caisson.linux.CgroupDevicePrograms;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One container's groups: a directory in every mounted hierarchy, under the same path.
 *
 * <p>Holds no descriptor and caches nothing, so any process may {@link #open} the same groups, and there is nothing to close.
 * Calls may come from any thread; a caller that changes one container from two threads at a time orders them itself.
 */
public final class Cgroup {
    private static final String MEMORY = "memory";
    /** Before Linux 4.15 the kernel did not tell. */
    private static final String DELEGATED_FILES = "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n";

    private final CgroupState state;
    /** One entry per hierarchy, version 2 first and memory last. */
    private final List<String> directories;

    private Cgroup(CgroupState state) {
        this.state = state;
        this.directories = inOrderOfJoining(state);
    }

    private static List<String> inOrderOfJoining(CgroupState state) {
        Set<String> ordered = new LinkedHashSet<>();
        String memory = state.controllers().get(MEMORY);
        if (state.unified() != null) {
            ordered.add(state.unified());
        }
        for (String directory : state.controllers().values()) {
            // Joined last, so that what happens until then is not charged to a small limit.
            if (!directory.equals(memory)) {
                ordered.add(directory);
            }
        }
        if (memory != null) {
            ordered.add(memory);
        }
        return List.copyOf(ordered);
    }

    /** As {@link #create(CgroupLayout, CgroupPath, Set)} for limits that need no version 2 controller of a hybrid host. */
    public static Cgroup create(CgroupLayout layout, CgroupPath path) throws ErrnoException, CgroupException {
        return create(layout, path, Set.of());
    }

    /**
     * Makes a container's directories with all parents that are missing. On version 2 the controllers are enabled on the way
     * down: all of them on a pure host, the wanted ones on a hybrid host, whose root is otherwise left as it is. On version 1
     * an empty cpuset takes over its parent's. If anything fails, what was made is removed again.
     *
     * @param wanted the controllers that limits will need, see {@link CgroupLimits#controllers}
     * @throws CgroupException if the group exists and holds processes or is frozen, or can hold only threads
     * @throws ErrnoException EACCES, EPERM or EROFS without the right to create groups there
     */
    public static Cgroup create(CgroupLayout layout, CgroupPath path, Set<String> wanted)
            throws ErrnoException, CgroupException {
        return create(layout, path, wanted, false, null, () -> {});
    }

    /**
     * As {@link #create(CgroupLayout, CgroupPath, Set)}, where the parents that are missing are made for whoever comes next, too.
     *
     * @param parents who keeps them; null if they go with this group
     * @param unifiedMade called as soon as the version 2 group is there, if the host has one: it is made first. Whoever is in it when the
     *     rest fails is killed
     */
    public static Cgroup create(
            CgroupLayout layout,
            CgroupPath path,
            Set<String> wanted,
            @Nullable ParentGroups parents,
            Runnable unifiedMade)
            throws ErrnoException, CgroupException {
        return create(layout, path, wanted, false, parents, unifiedMade);
    }

    /**
     * As {@link #create(CgroupLayout, CgroupPath, Set)} for groups that a service manager has made for this container, which may hold
     * its process already; what is missing, as hierarchies that the manager leaves alone, is made.
     */
    public static Cgroup adopt(CgroupLayout layout, CgroupPath path, Set<String> wanted, @Nullable ParentGroups parents)
            throws ErrnoException, CgroupException {
        return create(layout, path, wanted, true, parents, () -> {});
    }

    private static Cgroup create(
            CgroupLayout layout,
            CgroupPath path,
            Set<String> wanted,
            boolean adopted,
            @Nullable ParentGroups parents,
            Runnable unifiedMade)
            throws ErrnoException, CgroupException {
        CgroupCreation creation = new CgroupCreation(layout.mode(), adopted, parents);
        boolean joinable = false;
        try {
            for (CgroupHierarchy hierarchy : layout.unifiedFirst()) {
                creation.add(hierarchy, path.directory(hierarchy), wanted);
                if (hierarchy.unified()) {
                    joinable = true;
                    unifiedMade.run();
                }
            }
        } catch (ErrnoException | CgroupException e) {
            if (joinable && !adopted) {
                creation.empty();
            }
            creation.undo();
            throw e;
        }
        return new Cgroup(creation.state());
    }

    /** What {@link #create} will have made if it succeeds: the same directories, none of which is looked at. */
    public static Cgroup expected(CgroupLayout layout, CgroupPath path) {
        String unified = null;
        Map<String, String> controllers = new LinkedHashMap<>();
        for (CgroupHierarchy hierarchy : layout.unifiedFirst()) {
            String directory = path.directory(hierarchy);
            if (hierarchy.unified()) {
                unified = directory;
            }
            hierarchy.controllers().forEach(controller -> controllers.put(controller, directory));
        }
        return new Cgroup(new CgroupState(layout.mode(), unified, controllers, List.of()));
    }

    /** The groups that another object, maybe of another process, has created. Looks at nothing. */
    public static Cgroup open(CgroupState state) {
        return new Cgroup(state);
    }

    /** What {@link #open} needs. */
    public CgroupState state() {
        return state;
    }

    /** The directory in the version 2 hierarchy, for CLONE_INTO_CGROUP and cgroup namespaces; null on a version 1 host. */
    public @Nullable String unifiedDirectory() {
        return state.unified();
    }

    /** A controller's directory, or null. */
    public @Nullable String directory(String controller) {
        return state.controllers().get(controller);
    }

    /** Every directory once, in the order in which a process should join them. */
    public List<String> directories() {
        return directories;
    }

    /** The files to which a process's id is written to join, in order. */
    public List<String> procsFiles() {
        List<String> files = new ArrayList<>(directories.size());
        for (String directory : directories) {
            files.add(directory + "/cgroup.procs");
        }
        return files;
    }

    /** Moves a process with all its threads into the groups. */
    public void join(int pid) throws ErrnoException {
        String text = Integer.toString(pid);
        for (String directory : directories) {
            HostFiles.write(directory + "/cgroup.procs", text);
        }
    }

    /**
     * Gives the version 2 group to a user, who may then divide it among groups of its own: the runtime-spec's "Cgroup
     * ownership". Only the directory and the files that the kernel lists as safe to delegate change hands; files that this
     * kernel does not have are skipped. Nothing to do on version 1, which cannot be delegated safely.
     *
     * @param uid of the container's root, as the host sees it
     */
    public void delegate(int uid) throws ErrnoException {
        if (state.unified() == null) {
            return;
        }
        String listed = HostFiles.textIfPresent("/sys/kernel/cgroup/delegate");
        HostFiles.chown(state.unified(), uid, -1);
        for (String file : CgroupLayout.lines(listed == null ? DELEGATED_FILES : listed)) {
            Errno errno = HostFiles.tryChown(state.unified() + "/" + file, uid, -1);
            if (!errno.ok() && errno != Errno.ENOENT) {
                throw new ErrnoException(errno, "chown", state.unified() + "/" + file);
            }
        }
    }

    /**
     * Carries out a plan, in order, up to the first failure.
     *
     * @throws ErrnoException naming the file and the text that was refused
     * @throws CgroupException where more can be said than the errno does
     */
    public void apply(List<CgroupStep> steps) throws ErrnoException, CgroupException {
        new CgroupWriter(state).apply(steps);
    }

    /**
     * Makes a program the group's only device filter (version 2). Running processes never see a moment without one.
     *
     * @param instructions of an eBPF program of type cgroup/device
     * @throws CgroupException if there is no version 2 group
     * @throws ErrnoException EPERM without the right to attach programs, as in a user namespace
     */
    public void attachDeviceProgram(byte[] instructions) throws ErrnoException, CgroupException {
        String directory = state.unified();
        if (directory == null) {
            throw new CgroupException("attach device program: the group is not in a version 2 hierarchy");
        }
        try (Fd group = HostFiles.open(directory, HostFiles.O_RDONLY | HostFiles.O_DIRECTORY, 0);
                Fd program = CgroupDevicePrograms.load(instructions, "caisson_devices")) {
            CgroupDevicePrograms.attach(group, program);
        }
    }

    /** Present values that the plan of an update needs. */
    public CgroupCurrent current() throws ErrnoException {
        String memory = state.controllers().get(MEMORY);
        String cpu = state.controllers().get("cpu");
        String cpuMax = cpu != null && cpu.equals(state.unified()) ? CgroupFile.text(cpu, "cpu.max") : null;
        if (memory == null) {
            return new CgroupCurrent(cpuMax, null, null);
        }
        if (memory.equals(state.unified())) {
            return new CgroupCurrent(
                    cpuMax, CgroupFile.number(memory, "memory.max"), CgroupFile.number(memory, "memory.current"));
        }
        Long limit = CgroupFile.number(memory, "memory.limit_in_bytes");
        // Version 1 spells "no limit" as the largest multiple of the page size.
        boolean none = limit != null && limit > Long.MAX_VALUE - (1 << 20);
        return new CgroupCurrent(
                cpuMax, none ? Long.valueOf(-1) : limit, CgroupFile.number(memory, "memory.usage_in_bytes"));
    }

    /** The processes in this group and all groups below, as this process's pid namespace numbers them, sorted. */
    public int[] pids() throws ErrnoException {
        return new CgroupProcesses(state, directories).pids();
    }

    /**
     * Stops all tasks and returns when they have stopped.
     *
     * @throws CgroupException after the time-out, with all tasks running again
     */
    public void freeze(Duration timeout) throws ErrnoException, CgroupException {
        CgroupFreezer.of(state).freeze(timeout);
    }

    /** Lets all tasks run again. */
    public void thaw() throws ErrnoException, CgroupException {
        CgroupFreezer.of(state).thaw();
    }

    /** Whether all tasks have stopped. */
    public boolean frozen() throws ErrnoException, CgroupException {
        return CgroupFreezer.of(state).frozen();
    }

    /**
     * Sends SIGKILL to every process of the group and of all groups below, stopped ones too. Returns without waiting for their
     * end; {@link #remove} does.
     */
    public void killAll() throws ErrnoException, CgroupException {
        new CgroupProcesses(state, directories).killAll();
    }

    /**
     * Removes the group's directories, what was created below them, and the parents that were made for it and are empty. Waits
     * for dying processes. Already removed is success.
     *
     * @throws ErrnoException EBUSY after the time-out, naming the processes that are still there; the other hierarchies have
     *     been cleaned nevertheless
     */
    public void remove(Duration timeout) throws ErrnoException {
        remove(timeout, null);
    }

    /** As {@link #remove(Duration)}; tells who keeps the parents that nothing of this container is below them any more. */
    public void remove(Duration timeout, @Nullable ParentGroups parents) throws ErrnoException {
        new CgroupRemoval(timeout).remove(directories, state.created());
        removed(parents);
    }

    /** Somebody else has removed the group's {@link #directories}, as {@link #remove(Duration, ParentGroups)} would. */
    public void removed(@Nullable ParentGroups parents) throws ErrnoException {
        if (parents != null) {
            parents.released(directories);
        }
    }

    /** How many processes the kernel has killed here for lack of memory, since creation. */
    public long oomKills() throws ErrnoException {
        String directory = state.controllers().get(MEMORY);
        if (directory == null) {
            return 0;
        }
        String file = directory.equals(state.unified()) ? "memory.events" : "memory.oom_control";
        String text = CgroupFile.text(directory, file);
        return text == null ? 0 : CgroupFile.value(text, "oom_kill");
    }

    /** Reads all statistics; what the kernel does not offer is absent. */
    public CgroupStats stats() throws ErrnoException {
        return CgroupStatsReader.read(state);
    }
}
