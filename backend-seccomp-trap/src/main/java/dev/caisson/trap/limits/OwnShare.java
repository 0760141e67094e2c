package dev.caisson.trap.limits;

import dev.caisson.linux.MountInfo;
import dev.caisson.linux.direct.KernelCalls;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whether a thread of this process may make way for the process's other ones (SCHED_IDLE), and only for them: its control group has a share of the processors
 * of its own, whatever the policies of the threads in it are, and the thread may return (RLIMIT_NICE, or CAP_SYS_NICE). Thread-safe.
 */
public final class OwnShare {
    private static final int GETPID = 39;
    private static final String LIMIT = "Max nice priority";
    /** As getrlimit(2) says it: nice 0. */
    private static final long ORDINARY = 20;

    private final GroupFiles files;
    private @Nullable Boolean isThere;

    /** @param hostProc a descriptor of the host's /proc */
    public OwnShare(int hostProc) {
        files = new GroupFiles(hostProc);
    }

    /** Looks once. */
    public synchronized boolean isThere() {
        if (isThere == null) {
            try (KernelCalls kernel = new KernelCalls()) {
                isThere = look(kernel);
            }
        }
        return isThere;
    }

    private boolean look(KernelCalls kernel) {
        List<MountInfo> mounts = MountInfo.parse(files.text(kernel, "self/mountinfo"));
        GroupChain group = GroupChain.of(mounts, files.text(kernel, "self/cgroup"), "cpu");
        if (group == null || !mayReturn(files.text(kernel, "self/limits"), files.text(kernel, "self/status"))) {
            return false;
        }
        String own = group.directories().getFirst();
        return isOf(own, kernel.call(GETPID))
                && files.read(kernel, own + (group.isUnified() ? "/cpu.weight" : "/cpu.shares")) != null;
    }

    /** Whether a group is one process's, by its name ({@code SandboxGroup}). */
    static boolean isOf(String directory, long pid) {
        String name = directory.substring(directory.lastIndexOf('/') + 1);
        return name.equals(Long.toString(pid)) || name.endsWith("-" + pid);
    }

    /**
     * @param limits the text of /proc/PID/limits
     * @param status that of /proc/PID/status
     */
    static boolean mayReturn(String limits, String status) {
        if (EffectiveCapabilities.have(status, EffectiveCapabilities.SYS_NICE)) {
            return true;
        }
        for (String line : limits.split("\n", -1)) {
            if (line.startsWith(LIMIT)) {
                String soft = line.substring(LIMIT.length()).strip().split(" ", 2)[0];
                return soft.equals("unlimited") || GroupFiles.number(soft, 0) >= ORDINARY;
            }
        }
        return false;
    }
}
