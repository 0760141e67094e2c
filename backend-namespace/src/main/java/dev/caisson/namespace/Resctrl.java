package dev.caisson.namespace;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.oci.Linux;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A container's class of service and its monitoring group in resctrl (runtime-spec, config-linux, "Intel RDT"; Linux,
 * Documentation/filesystems/resctrl.rst). Where it is follows from the configuration, so nothing has to be remembered.
 */
final class Resctrl {
    private static final String TYPE = "resctrl";
    private static final int MODE = 0755;
    /** The kernel's own names beside classes. */
    private static final Set<String> RESERVED = Set.of("info", "mon_groups", "mon_data");

    /** What the kernel does with a mounted resctrl. */
    interface Tree {
        /** @return SUCCESS, EEXIST, or why there is no such group */
        Errno mkdir(String path);

        Errno rmdir(String path);

        boolean exists(String path);

        String read(String path) throws ErrnoException;

        void write(String path, String text) throws ErrnoException;

        /** Thread ids of a process; none when it has ended. */
        List<Integer> tasks(int pid) throws ErrnoException;
    }

    /** The kernel's own. */
    static final Tree KERNEL = new Tree() {
        @Override
        public Errno mkdir(String path) {
            return HostFiles.tryMkdir(path, MODE);
        }

        @Override
        public Errno rmdir(String path) {
            return HostFiles.tryRmdir(path);
        }

        @Override
        public boolean exists(String path) {
            return HostFiles.exists(path);
        }

        @Override
        public String read(String path) throws ErrnoException {
            return HostFiles.text(path);
        }

        @Override
        public void write(String path, String text) throws ErrnoException {
            HostFiles.write(path, text);
        }

        @Override
        public List<Integer> tasks(int pid) throws ErrnoException {
            List<HostFiles.Entry> entries = HostFiles.listIfPresent("/proc/" + pid + "/task");
            return entries == null
                    ? List.of()
                    : entries.stream().map(e -> Integer.valueOf(e.name())).toList();
        }
    };

    private final Tree tree;
    private final Linux.IntelRdt wanted;
    private final String group;
    private final @Nullable String monitoring;
    /** Whether the class is this container's alone. */
    private final boolean own;

    private Resctrl(Tree tree, String mountPoint, Linux.IntelRdt wanted, String id) {
        this.tree = tree;
        this.wanted = wanted;
        String closId = wanted.closId();
        this.own = closId == null || closId.isEmpty();
        this.group = own ? mountPoint + "/" + id : "/".equals(closId) ? mountPoint : mountPoint + "/" + closId;
        this.monitoring = wanted.enableMonitoring() ? group + "/mon_groups/" + id : null;
    }

    /**
     * @param mountInfo text of /proc/self/mountinfo
     * @return null when the configuration asks for nothing
     * @throws ResctrlException when it asks and no resctrl is mounted
     */
    static @Nullable Resctrl of(Linux.@Nullable IntelRdt wanted, String id, String mountInfo, Tree tree)
            throws ResctrlException {
        if (wanted == null) {
            return null;
        }
        String mountPoint = mountPoint(mountInfo);
        if (mountPoint == null) {
            throw new ResctrlException(
                    "linux.intelRdt: no resctrl is mounted on this host (mount -t resctrl resctrl /sys/fs/resctrl)");
        }
        for (String name : new String[] {id, wanted.closId()}) {
            if (name != null && RESERVED.contains(name)) {
                throw new ResctrlException("linux.intelRdt: " + name + " cannot be the name of a class");
            }
        }
        return new Resctrl(tree, mountPoint, wanted, id);
    }

    /** Whether there is anything to remove. */
    static boolean isMounted() {
        try {
            return mountPoint(HostFiles.text("/proc/self/mountinfo")) != null;
        } catch (ErrnoException e) {
            return false;
        }
    }

    /** Where the first resctrl is mounted; proc_pid_mountinfo(5). */
    static @Nullable String mountPoint(String mountInfo) {
        for (String line : mountInfo.split("\n", -1)) {
            int separator = line.indexOf(" - " + TYPE + " ");
            String[] fields = line.split(" ", 6);
            if (separator > 0 && fields.length == 6) {
                return fields[4];
            }
        }
        return null;
    }

    /** What a process of the container writes 0 to: the class first, since its monitoring groups are for its own tasks only. */
    List<String> taskFiles() {
        return monitoring == null ? List.of(group + "/tasks") : List.of(group + "/tasks", monitoring + "/tasks");
    }

    /** Makes what is missing, or says what of an existing class is not as wanted; after a failure nothing of it is left. */
    void make() throws ResctrlException, ErrnoException {
        List<String> lines = lines();
        boolean made = false;
        if (!tree.exists(group)) {
            if (!own && lines.isEmpty()) {
                throw new ResctrlException(
                        "linux.intelRdt.closID: there is no class " + group + ", and no schema to make one with");
            }
            made = mkdir("create class of service", group);
        }
        try {
            if (made || own) {
                for (String line : lines) {
                    tree.write(group + "/schemata", line + "\n");
                }
            } else {
                ResctrlSchema.requireSame(lines, tree.read(group + "/schemata"), group);
            }
            if (monitoring != null) {
                mkdir("create monitoring group", monitoring);
            }
        } catch (ErrnoException | ResctrlException e) {
            if (made) {
                var _ = tree.rmdir(group); // the first failure is the one to tell
            }
            throw e;
        }
    }

    private List<String> lines() {
        List<String> lines = new ArrayList<>();
        for (String text : new String[] {wanted.l3CacheSchema(), wanted.memBwSchema()}) {
            if (text != null) {
                lines.addAll(text.lines().filter(line -> !line.isBlank()).toList());
            }
        }
        lines.addAll(wanted.schemata());
        return lines;
    }

    /** @return whether it was not there */
    private boolean mkdir(String what, String path) throws ErrnoException {
        Errno errno = tree.mkdir(path);
        if (!errno.ok() && errno != Errno.EEXIST) {
            throw new ErrnoException(errno, what, path);
        }
        return errno.ok();
    }

    /** Moves a process that others have started. */
    void join(int pid) throws ErrnoException {
        for (String file : taskFiles()) {
            tree.write(file, Integer.toString(pid));
        }
    }

    /** {@link #join} of a process that may have ended (ESRCH), with its threads: a line moves one task only. */
    void joinIfThere(int pid) throws ErrnoException {
        for (int task : tree.tasks(pid)) {
            for (String file : taskFiles()) {
                try {
                    tree.write(file, Integer.toString(task));
                } catch (ErrnoException e) {
                    if (e.errno() != Errno.ESRCH) {
                        throw e;
                    }
                }
            }
        }
    }

    /** Writes the schemas that are wanted into the class, whosever it is, as runc's update does. */
    void update() throws ErrnoException {
        for (String line : lines()) {
            tree.write(group + "/schemata", line + "\n");
        }
    }

    /** What is gone already is fine; a class with a name of its own stays. */
    void remove() throws ErrnoException {
        if (monitoring != null) {
            rmdir(monitoring);
        }
        if (own) {
            rmdir(group);
        }
    }

    private void rmdir(String path) throws ErrnoException {
        Errno errno = tree.rmdir(path);
        if (!errno.ok() && errno != Errno.ENOENT) {
            throw new ErrnoException(errno, "remove resctrl group", path);
        }
    }
}
