package dev.caisson.trap.proc;

import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.limits.ProcessorText;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The texts of the files of /proc that are not about a process. */
public final class ProcText {
    /** What uname(2) and /proc say the kernel is. */
    public static final String RELEASE = "6.18.0-caisson";

    public static final String VERSION = "#1 SMP caisson seccomp-trap";

    private static final List<String> NAMES = List.of(
            "cmdline",
            "cpuinfo",
            "devices",
            "filesystems",
            "loadavg",
            "meminfo",
            "mounts",
            "stat",
            "swaps",
            "uptime",
            "version");
    private static final long START = System.nanoTime();

    private ProcText() {}

    static List<String> names() {
        return NAMES;
    }

    /** The text of a file, or null when there is none of that name. */
    static @Nullable String of(GuestCall c, String name) {
        return switch (name) {
            case "cmdline" -> "caisson\n";
            case "cpuinfo" -> {
                String machine = host(c, name);
                yield machine == null ? null : ProcessorText.cpuinfo(machine, shown(c));
            }
            case "meminfo" -> {
                String machine = host(c, name);
                yield machine == null
                        ? null
                        : c.container().limits().memory(c.kernel()).meminfo(machine);
            }
            case "devices" ->
                "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n";
            case "filesystems" ->
                "nodev\ttmpfs\nnodev\tproc\nnodev\tsysfs\nnodev\tdevpts\nnodev\toverlay\nnodev\tmqueue\n";
            case "loadavg" -> "0.00 0.00 0.00 1/1 1\n";
            case "stat" -> cpuStat(shown(c));
            case "swaps" -> "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
            case "uptime" -> uptime();
            case "version" -> "Linux version " + RELEASE + " (caisson) " + VERSION + "\n";
            case "sys/kernel/ostype" -> "Linux\n";
            case "sys/kernel/osrelease" -> RELEASE + "\n";
            case "sys/kernel/version" -> VERSION + "\n";
            case "sys/kernel/hostname" -> hostName(c) + "\n";
            case "sys/kernel/core_pattern" -> "core\n";
            case "sys/kernel/domainname" -> "(none)\n";
            case "sys/kernel/cap_last_cap" -> "40\n";
            case "sys/kernel/pid_max" -> "4194304\n";
            case "sys/kernel/threads-max" -> "127000\n";
            case "sys/kernel/ngroups_max" -> "65536\n";
            case "sys/kernel/overflowuid", "sys/kernel/overflowgid", "sys/fs/overflowuid", "sys/fs/overflowgid" ->
                "65534\n";
            case "sys/kernel/randomize_va_space" -> "2\n";
            case "sys/kernel/random/boot_id" -> c.container().bootId();
            // The host's, which is a new one for each reader.
            case "sys/kernel/random/uuid" -> host(c, name);
            case "sys/kernel/random/entropy_avail", "sys/kernel/random/poolsize" -> "256\n";
            case "sys/kernel/seccomp/actions_avail" -> "kill_process kill_thread trap errno trace log allow\n";
            case "sys/kernel/sem" -> "32000\t1024000000\t500\t32000\n";
            case "sys/kernel/shmmax", "sys/kernel/shmall" -> "18446744073692774399\n";
            case "sys/kernel/shmmni" -> "4096\n";
            case "sys/kernel/msgmax" -> "8192\n";
            case "sys/kernel/msgmnb" -> "16384\n";
            case "sys/kernel/yama/ptrace_scope" -> "1\n";
            case "sys/vm/overcommit_memory" -> "0\n";
            case "sys/vm/overcommit_ratio" -> "50\n";
            case "sys/vm/max_map_count" -> "65530\n";
            case "sys/vm/mmap_min_addr" -> "65536\n";
            case "sys/vm/swappiness" -> "60\n";
            case "sys/fs/file-max" -> "9223372036854775807\n";
            case "sys/fs/nr_open" -> "1048576\n";
            case "sys/fs/pipe-max-size" -> "1048576\n";
            case "sys/fs/inotify/max_user_watches" -> "65536\n";
            case "sys/fs/inotify/max_user_instances" -> "128\n";
            case "sys/fs/inotify/max_queued_events" -> "16384\n";
            case "sys/net/core/somaxconn" -> "4096\n";
            case "sys/net/ipv4/ip_local_port_range" -> "32768\t60999\n";
            case "sys/net/ipv4/tcp_max_syn_backlog" -> "1024\n";
            default -> null;
        };
    }

    private static @Nullable String host(GuestCall c, String name) {
        c.putPath(GuestCall.TEXT, name);
        return ProcFiles.readAll(
                c, c.kernel().call(Nr.openat, c.hostProc(), c.memory().address(GuestCall.TEXT), 0x80000));
    }

    /** Seconds for which this kernel has been there. */
    public static double seconds() {
        return (System.nanoTime() - START) / 1e9;
    }

    private static String uptime() {
        return String.format(Locale.ROOT, "%.2f %.2f%n", seconds(), seconds());
    }

    private static BitSet shown(GuestCall c) {
        return c.container().limits().shown(c.kernel(), Runtime.getRuntime().availableProcessors());
    }

    private static String cpuStat(BitSet shown) {
        StringBuilder text = new StringBuilder("cpu  0 0 0 " + (long) (seconds() * 100) + " 0 0 0 0 0 0\n");
        for (int i = shown.nextSetBit(0); i >= 0; i = shown.nextSetBit(i + 1)) {
            text.append("cpu")
                    .append(i)
                    .append(" 0 0 0 ")
                    .append((long) (seconds() * 100))
                    .append(" 0 0 0 0 0 0\n");
        }
        long boot = System.currentTimeMillis() / 1000 - (long) seconds();
        return text.append("intr 0\nctxt 0\nbtime ")
                .append(boot)
                .append("\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n")
                .toString();
    }

    private static String hostName(GuestCall c) {
        int at = GuestCall.DATA;
        return c.kernel().call(63 /* uname */, c.memory().address(at)) == 0
                ? c.path(at + 65, c.memory().stringLength(at + 65, at + 130))
                : "localhost";
    }
}
