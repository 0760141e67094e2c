package dev.caisson.linux.cgroup;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.Processes;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Finds and kills the processes of one container's groups, with those of all groups below. */
final class CgroupProcesses {
    private final CgroupState state;
    private final List<String> directories;

    /** @param directories as {@link Cgroup#directories} */
    CgroupProcesses(CgroupState state, List<String> directories) {
        this.state = state;
        this.directories = directories;
    }

    /** The group of one hierarchy that stands for all when processes are looked for. */
    private String primary() {
        return state.unified() != null ? state.unified() : directories.getFirst();
    }

    /** The processes in this group and all groups below, as this process's pid namespace numbers them, sorted. */
    int[] pids() throws ErrnoException {
        return pids(primary());
    }

    private static int[] pids(String directory) throws ErrnoException {
        PidList pids = new PidList();
        CgroupTree.walk(directory, group -> {
            String text = CgroupFile.text(group, "cgroup.procs");
            if (text != null) {
                pids.addLines(text);
            }
        });
        return pids.sorted();
    }

    private static final class PidList {
        private int[] pids = new int[16];
        private int count;

        void addLines(String text) {
            for (String line : CgroupLayout.lines(text)) {
                int pid = Integer.parseInt(line);
                // 0 stands for a process outside of this pid namespace.
                if (pid != 0) {
                    if (count == pids.length) {
                        pids = Arrays.copyOf(pids, count * 2);
                    }
                    pids[count++] = pid;
                }
            }
        }

        int[] sorted() {
            int[] result = Arrays.copyOf(pids, count);
            Arrays.sort(result);
            return result;
        }
    }

    /**
     * Sends SIGKILL to every process of the group and of all groups below, stopped ones too. Returns without waiting for their
     * end; {@link CgroupRemoval} waits.
     */
    void killAll() throws ErrnoException, CgroupException {
        boolean killed = false;
        if (state.unified() != null) {
            // Atomic against fork, since Linux 5.14.
            Errno errno = HostFiles.tryWrite(state.unified() + "/cgroup.kill", "1");
            killed = errno.ok();
            if (!killed && errno != Errno.ENOENT) {
                throw new ErrnoException(errno, "write", state.unified() + "/cgroup.kill");
            }
        }
        CgroupFreezer.Version1 v1Freezer = CgroupFreezer.version1(state);
        if (!killed) {
            killFrozen(v1Freezer);
        } else if (directories.size() > 1) {
            // A process that had joined only some groups when its creator died is not in the version 2 one.
            killEach(directories.getLast());
        }
        if (v1Freezer != null) {
            CgroupTree.walk(v1Freezer.directory(), group -> new CgroupFreezer.Version1(group).thaw());
        }
    }

    private void killFrozen(CgroupFreezer.@Nullable Version1 freezer) throws ErrnoException {
        if (freezer != null) {
            try {
                freezer.freeze(Duration.ofSeconds(1));
            } catch (CgroupException unstoppable) {
                // Killed running, then.
                killEach(primary());
            }
        }
        for (String directory : directories) {
            killEach(directory);
        }
    }

    /** Goes on while new processes appear, which a fork may have made after the list was read. */
    private static void killEach(String directory) throws ErrnoException {
        int[] before = new int[0];
        while (true) {
            int[] pids = pids(directory);
            if (!hasNew(pids, before)) {
                return;
            }
            for (int pid : pids) {
                Processes.kill(pid, Processes.SIGKILL);
            }
            before = pids;
        }
    }

    private static boolean hasNew(int[] pids, int[] before) {
        for (int pid : pids) {
            if (Arrays.binarySearch(before, pid) < 0) {
                return true;
            }
        }
        return false;
    }
}
