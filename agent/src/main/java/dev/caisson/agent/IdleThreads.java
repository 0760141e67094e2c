package dev.caisson.agent;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Threads of the Java virtual machine's own that look every five seconds whether there is something to do, which nobody is in a hurry for: what they wait for
 * otherwise wakes them at once. Each time a processor of the machine's has to be woken for them costs some exits, so their timers go off when it runs anyway, or
 * after a minute.
 */
final class IdleThreads {
    /** As the kernel knows them: HotSpot's names, cut to 15 bytes. */
    private static final Set<String> NAMES = Set.of("C1 CompilerThre", "VM Periodic Tas");

    private static final String SLACK = Long.toString(TimeUnit.MINUTES.toNanos(1));

    private IdleThreads() {}

    /** Gives their timers slack (proc_pid_timerslack_ns(5)). It is no error when that cannot be done. */
    static void relax() {
        try {
            List<HostFiles.Entry> threads = HostFiles.listIfPresent("/proc/self/task");
            for (HostFiles.Entry each : threads == null ? List.<HostFiles.Entry>of() : threads) {
                String name = HostFiles.textIfPresent("/proc/self/task/" + each.name() + "/comm");
                if (name != null && NAMES.contains(name.strip())) {
                    var _ = HostFiles.tryWrite("/proc/" + each.name() + "/timerslack_ns", SLACK);
                }
            }
        } catch (ErrnoException e) {
            System.getLogger(IdleThreads.class.getName()).log(System.Logger.Level.DEBUG, e.getMessage());
        }
    }
}
