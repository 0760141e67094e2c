package dev.caisson.namespace;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.Processes;
import dev.caisson.linux.cgroup.CgroupMode;
import dev.caisson.linux.cgroup.CgroupState;
import dev.caisson.oci.Resources;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** A container of a user to whom no cgroup was delegated: what stands in for its group. */
final class NoCgroup {
    private NoCgroup() {}

    /** The state of a container without a group. */
    static CgroupState state(CgroupMode mode) {
        return new CgroupState(mode, null, Map.of(), List.of());
    }

    static boolean is(CgroupState state) {
        return state.unified() == null && state.controllers().isEmpty();
    }

    /** Whether a configuration can do without: it neither names a group nor asks for what only one can give. */
    static boolean isEnough(String cgroupsPath, Resources resources) {
        return cgroupsPath.isEmpty()
                && resources.memory() == null
                && resources.cpu() == null
                && (resources.pids() == null || resources.pids().limit() == null)
                && resources.blockIo() == null
                && resources.hugepageLimits().isEmpty()
                && resources.network() == null
                && resources.rdma().isEmpty()
                && resources.unified().isEmpty();
    }

    static boolean isRefusal(ErrnoException e) {
        return e.errno() == Errno.EACCES
                || e.errno() == Errno.EPERM
                || e.errno() == Errno.EROFS
                || e.errno() == Errno.ENOENT;
    }

    /**
     * The process by which a container without a group is found again.
     *
     * @param start its start time, in ticks since boot, against reuse of the pid
     */
    record Init(int pid, long start) {
        private static final String PID = "init.pid";
        private static final String START = "init.start";

        static @Nullable Init of(int pid) throws ErrnoException {
            OptionalLong start = Processes.startTime(pid);
            return start.isPresent() ? new Init(pid, start.getAsLong()) : null;
        }

        static @Nullable Init read(Map<String, String> record) {
            String pid = record.get(PID);
            String start = record.get(START);
            return pid == null || start == null ? null : new Init(Integer.parseInt(pid), Long.parseLong(start));
        }

        Map<String, String> record() {
            return Map.of(PID, Integer.toString(pid), START, Long.toString(start));
        }

        /** All processes of its container. */
        List<Integer> processes() throws ErrnoException {
            OptionalLong now = Processes.startTime(pid);
            return now.isPresent() && now.getAsLong() == start ? inPidNamespaceOf(pid) : List.of();
        }
    }

    /** The processes in the pid namespace of one, and in those below that are seen from here, by pid. */
    private static List<Integer> inPidNamespaceOf(int init) {
        List<Integer> found = new ArrayList<>();
        try {
            String namespace = HostFiles.readlink("/proc/" + init + "/ns/pid");
            if (namespace.equals(HostFiles.readlink("/proc/self/ns/pid"))) {
                return List.of(init);
            }
            List<HostFiles.Entry> entries = HostFiles.listIfPresent("/proc");
            for (HostFiles.Entry entry : entries == null ? List.<HostFiles.Entry>of() : entries) {
                String name = entry.name();
                if (Character.isDigit(name.charAt(0)) && isIn(name, namespace)) {
                    found.add(Integer.valueOf(name));
                }
            }
        } catch (ErrnoException e) {
            return List.of(); // it has ended
        }
        found.sort(null);
        return found;
    }

    private static boolean isIn(String pid, String namespace) {
        try {
            return HostFiles.readlink("/proc/" + pid + "/ns/pid").equals(namespace);
        } catch (ErrnoException e) {
            return false; // ended, or somebody else's
        }
    }

    /** Whether a program is where distributions put it. */
    static boolean isInstalled(String path) {
        return Files.isExecutable(Path.of(path));
    }
}
