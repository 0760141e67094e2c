package dev.caisson.cli.grammar;

import static dev.caisson.cli.grammar.Flag.hidden;
import static dev.caisson.cli.grammar.Flag.of;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** All verbs and flags: runc's, and those of crun's that callers use. The one source of parsing, help, completion and manual pages. */
public final class Grammar {
    private static final int MANY = Integer.MAX_VALUE;

    static final Flag HELP = of("help,h", null, "show help");

    /** Flags before the verb. */
    public static final List<Flag> GLOBALS = List.of(
            of("root", "DIR", "directory for the containers' state"),
            of("log", "FILE", "file that errors are appended to, besides standard error"),
            of("log-format", "text|json", "format of the log"),
            of("debug", null, "log more"),
            of("systemd-cgroup", null, "let systemd make the cgroups"),
            of("rootless", "true|false|auto", "tolerate what an unprivileged user may not do"),
            hidden("cgroup-manager", "cgroupfs|systemd|disabled", "crun's spelling of --systemd-cgroup"),
            hidden("criu", "PATH", "ignored, as by runc"),
            of("version,v", null, "print the version"));

    private static final Flag BUNDLE = of("bundle,b", "DIR", "the bundle, instead of the working directory");
    private static final Flag CONSOLE = of("console-socket", "PATH", "socket that gets the terminal's master");
    private static final Flag PIDFD = of("pidfd-socket", "PATH", "socket that gets a descriptor of the process");
    private static final Flag PID_FILE = of("pid-file", "PATH", "file for the process's id");
    private static final Flag PRESERVE = of("preserve-fds", "N", "descriptors from 3 on that the process gets");
    private static final Flag DETACH = of("detach,d", null, "return when the process runs");
    private static final Flag NO_SUBREAPER = of("no-subreaper", null, "accepted; there is never one");
    private static final Flag NO_PIVOT = of("no-pivot", null, "do not use pivot_root(2)");
    private static final Flag NO_KEYRING = of("no-new-keyring", null, "keep the caller's session keyring");
    private static final Flag ANY_CONFIG = hidden("config,f", "FILE", "crun: another file than config.json");

    private static final List<Flag> MAKE =
            List.of(BUNDLE, CONSOLE, PIDFD, PID_FILE, NO_PIVOT, NO_KEYRING, PRESERVE, ANY_CONFIG);
    private static final Flag FORMAT = of("format,f", "table|json", "format of the output");

    private static final Map<String, Verb> VERBS = new LinkedHashMap<>();

    static {
        add("create", "CONTAINER", 1, 1, MAKE, "Build a container, whose program waits for start.");
        add(
                "run",
                "CONTAINER",
                1,
                1,
                with(MAKE, DETACH, of("keep", null, "do not delete the container at its end"), NO_SUBREAPER),
                "Create and start a container, wait for its end and delete it.");
        add("start", "CONTAINER", 1, 1, List.of(), "Let a created container's program run.");
        add("state", "CONTAINER", 1, 1, List.of(), "Print what a container is and does, as JSON.");
        add(
                "kill",
                "CONTAINER [SIGNAL]",
                1,
                2,
                List.of(hidden("all,a", null, "to every process of the container")),
                "Send a signal, TERM unless another is named, to a container's first process.");
        add(
                "delete",
                "CONTAINER",
                1,
                1,
                List.of(of("force,f", null, "kill what still runs; a container that is not there is no error")),
                "Remove what is left of a container.");
        VERBS.put(
                "exec",
                new Verb(
                        "exec",
                        "CONTAINER [COMMAND [ARG...]]",
                        1,
                        MANY,
                        true,
                        List.of(
                                CONSOLE,
                                PIDFD,
                                of("cwd", "DIR", "working directory"),
                                of("env,e", "NAME=VALUE", "one more variable; may be repeated"),
                                of("tty,t", null, "with a terminal"),
                                of("user,u", "UID[:GID]", "as this user"),
                                of("additional-gids,g", "GID", "one more group; may be repeated"),
                                of("process,p", "FILE", "a process object of the runtime-spec"),
                                DETACH,
                                PID_FILE,
                                of("process-label", "LABEL", "SELinux label"),
                                of("apparmor", "PROFILE", "AppArmor profile"),
                                of("no-new-privs", null, "set no_new_privs"),
                                of("cap,c", "CAPABILITY", "one more capability; may be repeated"),
                                PRESERVE,
                                of("cgroup", "[CONTROLLER:]PATH", "a cgroup below the container's"),
                                of("ignore-paused", null, "also in a paused container"),
                                NO_SUBREAPER),
                        "Run one more process in a running container."));
        VERBS.put(
                "ps",
                new Verb(
                        "ps",
                        "CONTAINER [PS-OPTION...]",
                        1,
                        MANY,
                        true,
                        List.of(FORMAT),
                        "Show the processes of a container."));
        add("list", "", 0, 0, List.of(FORMAT, of("quiet,q", null, "ids only")), "Show all containers of this root.");
        add("pause", "CONTAINER", 1, 1, List.of(), "Freeze all processes of a container.");
        add("resume", "CONTAINER", 1, 1, List.of(), "Thaw a paused container.");
        add(
                "update",
                "CONTAINER",
                1,
                1,
                List.of(
                        of("resources,r", "FILE", "a resources object of the runtime-spec; - for standard input"),
                        of("blkio-weight", "N", "block IO weight, 10 to 1000"),
                        of("cpu-period", "US", "period of the CPU quota"),
                        of("cpu-quota", "US", "CPU time within a period; -1 for no limit"),
                        of("cpu-burst", "US", "unused CPU time that may be saved up"),
                        of("cpu-share", "N", "CPU shares against other containers"),
                        of("cpu-rt-period", "US", "period of the real-time quota"),
                        of("cpu-rt-runtime", "US", "real-time CPU time within a period"),
                        of("cpu-idle", "0|1", "run only when nothing else does"),
                        of("cpuset-cpus", "LIST", "processors"),
                        of("cpuset-mems", "LIST", "memory nodes"),
                        of("memory", "BYTES", "memory limit; units k, m, g; -1 for no limit"),
                        of("memory-reservation", "BYTES", "memory that reclaim spares"),
                        of("memory-swap", "BYTES", "limit of memory and swap together"),
                        hidden("kernel-memory", "BYTES", "ignored"),
                        hidden("kernel-memory-tcp", "BYTES", "ignored"),
                        of("pids-limit", "N", "number of tasks; -1 for no limit"),
                        of("l3-cache-schema", "TEXT", "Intel RDT: L3 cache"),
                        of("mem-bw-schema", "TEXT", "Intel RDT: memory bandwidth")),
                "Change a container's limits.");
        add(
                "events",
                "CONTAINER",
                1,
                1,
                List.of(of("interval", "DURATION", "time between statistics (5s)"), of("stats", null, "print once")),
                "Print statistics and out-of-memory events, one JSON object per line.");
        add(
                "spec",
                "",
                0,
                0,
                List.of(BUNDLE, of("rootless", null, "for an unprivileged user")),
                "Write a config.json to start from.");
        add("features", "", 0, 0, List.of(), "Print what this runtime understands, as JSON.");
    }

    private Grammar() {}

    private static void add(String name, String synopsis, int least, int most, List<Flag> flags, String help) {
        VERBS.put(name, new Verb(name, synopsis, least, most, false, flags, help));
    }

    private static List<Flag> with(List<Flag> flags, Flag... more) {
        List<Flag> all = new ArrayList<>(flags);
        all.addAll(List.of(more));
        return all;
    }

    /** The verbs in the order of help texts. */
    public static List<Verb> verbs() {
        return List.copyOf(VERBS.values());
    }

    static @Nullable Verb verb(String name) {
        return VERBS.get(name);
    }
}
