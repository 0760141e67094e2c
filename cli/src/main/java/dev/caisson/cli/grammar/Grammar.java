package dev.caisson.cli.grammar;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** All verbs and flags: runc's, and those of crun's that callers use. The one source of parsing, help, completion and manual pages. */
public final class Grammar {
    private static final int MANY = Integer.MAX_VALUE;

    static final Flag HELP = Flag.of("help,h", null, "show help");

    /** Flags before the verb. */
    public static final List<Flag> GLOBALS = List.of(
            Flag.of("root", "DIR", "directory for the containers' state"),
            Flag.of("log", "FILE", "file that errors are appended to, besides standard error"),
            Flag.of("log-format", "text|json", "format of the log"),
            Flag.of("debug", null, "log more"),
            Flag.of("systemd-cgroup", null, "let systemd make the cgroups"),
            Flag.of("rootless", "true|false|auto", "tolerate what an unprivileged user may not do"),
            Flag.hidden("cgroup-manager", "cgroupfs|systemd|disabled", "crun's spelling of --systemd-cgroup"),
            Flag.hidden("criu", "PATH", "ignored, as by runc"),
            Flag.of("version,v", null, "print the version"));

    private static final Flag BUNDLE = Flag.of("bundle,b", "DIR", "the bundle, instead of the working directory");
    private static final Flag CONSOLE = Flag.of("console-socket", "PATH", "socket that gets the terminal's master");
    private static final Flag PIDFD = Flag.of("pidfd-socket", "PATH", "socket that gets a descriptor of the process");
    private static final Flag PID_FILE = Flag.of("pid-file", "PATH", "file for the process's id");
    private static final Flag PRESERVE = Flag.of("preserve-fds", "N", "descriptors from 3 on that the process gets");
    private static final Flag DETACH = Flag.of("detach,d", null, "return when the process runs");
    private static final Flag NO_SUBREAPER = Flag.of("no-subreaper", null, "accepted; there is never one");
    private static final Flag NO_PIVOT = Flag.of("no-pivot", null, "do not use pivot_root(2)");
    private static final Flag NO_KEYRING = Flag.of("no-new-keyring", null, "keep the caller's session keyring");
    private static final Flag ANY_CONFIG = Flag.hidden("config,f", "FILE", "crun: another file than config.json");

    private static final List<Flag> MAKE =
            List.of(BUNDLE, CONSOLE, PIDFD, PID_FILE, NO_PIVOT, NO_KEYRING, PRESERVE, ANY_CONFIG);
    private static final Flag FORMAT = Flag.of("format,f", "table|json", "format of the output");

    private static final List<Flag> CRIU = List.of(
            Flag.of("image-path", "DIR", "where the image is"),
            Flag.of("work-path", "DIR", "where CRIU writes its log"),
            Flag.of("parent-path", "DIR", "the image before this one"),
            Flag.of("leave-running", null, "let the container run on"),
            Flag.of("tcp-established", null, "with open TCP connections"),
            Flag.hidden("tcp-skip-in-flight", null, "without connections that are being made"),
            Flag.hidden("tcp-close", null, "without open TCP connections"),
            Flag.hidden("link-remap", null, "with deleted files that are open"),
            Flag.of("ext-unix-sk", null, "with unix sockets to the outside"),
            Flag.of("shell-job", null, "with a terminal"),
            Flag.hidden("lazy-pages", null, "memory on demand"),
            Flag.hidden("status-fd", "N", "where to say that pages can be asked for"),
            Flag.hidden("page-server", "ADDRESS", "where memory is sent"),
            Flag.of("file-locks", null, "with file locks"),
            Flag.of("pre-dump", null, "memory only"),
            Flag.hidden("manage-cgroups-mode", "MODE", "soft, full, strict or ignore"),
            Flag.hidden("empty-ns", "NAMESPACE", "leave a namespace out"),
            Flag.hidden("auto-dedup", null, "without pages that the parent has"),
            Flag.hidden("lsm-profile", "PROFILE", "another profile"),
            Flag.hidden("lsm-mount-context", "LABEL", "another label"));
    private static final List<Flag> RESTORE = with(CRIU, BUNDLE, DETACH, PID_FILE, CONSOLE, NO_SUBREAPER, NO_PIVOT);

    private static final Map<String, Verb> VERBS = new LinkedHashMap<>();

    static {
        add("create", "CONTAINER", 1, 1, MAKE, "Build a container, whose program waits for start.");
        add(
                "run",
                "CONTAINER",
                1,
                1,
                with(MAKE, DETACH, Flag.of("keep", null, "do not delete the container at its end"), NO_SUBREAPER),
                "Create and start a container, wait for its end and delete it.");
        add("start", "CONTAINER", 1, 1, List.of(), "Let a created container's program run.");
        add("state", "CONTAINER", 1, 1, List.of(), "Print what a container is and does, as JSON.");
        add(
                "kill",
                "CONTAINER [SIGNAL]",
                1,
                2,
                List.of(Flag.hidden("all,a", null, "to every process of the container")),
                "Send a signal, TERM unless another is named, to a container's first process.");
        add(
                "delete",
                "CONTAINER",
                1,
                1,
                List.of(Flag.of("force,f", null, "kill what still runs; a container that is not there is no error")),
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
                                Flag.of("cwd", "DIR", "working directory"),
                                Flag.of("env,e", "NAME=VALUE", "one more variable; may be repeated"),
                                Flag.of("tty,t", null, "with a terminal"),
                                Flag.of("user,u", "UID[:GID]", "as this user"),
                                Flag.of("additional-gids,g", "GID", "one more group; may be repeated"),
                                Flag.of("process,p", "FILE", "a process object of the runtime-spec"),
                                DETACH,
                                PID_FILE,
                                Flag.of("process-label", "LABEL", "SELinux label"),
                                Flag.of("apparmor", "PROFILE", "AppArmor profile"),
                                Flag.of("no-new-privs", null, "set no_new_privs"),
                                Flag.of("cap,c", "CAPABILITY", "one more capability; may be repeated"),
                                PRESERVE,
                                Flag.of(
                                        "cgroup",
                                        "[CONTROLLER:]PATH",
                                        "a cgroup below the container's; may be repeated"),
                                Flag.of("ignore-paused", null, "also in a paused container"),
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
        add(
                "list",
                "",
                0,
                0,
                List.of(FORMAT, Flag.of("quiet,q", null, "ids only")),
                "Show all containers of this root.");
        add("pause", "CONTAINER", 1, 1, List.of(), "Freeze all processes of a container.");
        add("resume", "CONTAINER", 1, 1, List.of(), "Thaw a paused container.");
        add(
                "update",
                "CONTAINER",
                1,
                1,
                List.of(
                        Flag.of("resources,r", "FILE", "a resources object of the runtime-spec; - for standard input"),
                        Flag.of("blkio-weight", "N", "block IO weight, 10 to 1000"),
                        Flag.of("cpu-period", "US", "period of the CPU quota"),
                        Flag.of("cpu-quota", "US", "CPU time within a period; -1 for no limit"),
                        Flag.of("cpu-burst", "US", "unused CPU time that may be saved up"),
                        Flag.of("cpu-share", "N", "CPU shares against other containers"),
                        Flag.of("cpu-rt-period", "US", "period of the real-time quota"),
                        Flag.of("cpu-rt-runtime", "US", "real-time CPU time within a period"),
                        Flag.of("cpu-idle", "0|1", "run only when nothing else does"),
                        Flag.of("cpuset-cpus", "LIST", "processors"),
                        Flag.of("cpuset-mems", "LIST", "memory nodes"),
                        Flag.of("memory", "BYTES", "memory limit; units k, m, g; -1 for no limit"),
                        Flag.of("memory-reservation", "BYTES", "memory that reclaim spares"),
                        Flag.of("memory-swap", "BYTES", "limit of memory and swap together"),
                        Flag.hidden("kernel-memory", "BYTES", "ignored"),
                        Flag.hidden("kernel-memory-tcp", "BYTES", "ignored"),
                        Flag.of("pids-limit", "N", "number of tasks; -1 for no limit"),
                        Flag.of("l3-cache-schema", "TEXT", "Intel RDT: L3 cache"),
                        Flag.of("mem-bw-schema", "TEXT", "Intel RDT: memory bandwidth")),
                "Change a container's limits.");
        add(
                "events",
                "CONTAINER",
                1,
                1,
                List.of(
                        Flag.of("interval", "DURATION", "time between statistics (5s)"),
                        Flag.of("stats", null, "print once")),
                "Print statistics and out-of-memory events, one JSON object per line.");
        add(
                "trace",
                "CONTAINER",
                1,
                1,
                List.of(
                        Flag.of("json", null, "one object per line"),
                        Flag.of("call", "NAMES", "only these calls, a comma between several"),
                        Flag.of("path", "PATH", "only where a path begins so"),
                        Flag.of("pid", "PID", "only this process or thread, as the container counts")),
                "Print the system calls that the seccomp-trap wall answers, as they are made.");
        add(
                "policy",
                "record|enforce|off CONTAINER [FILE]",
                2,
                3,
                List.of(),
                "Print what a container asks the seccomp-trap wall for, or let it ask for nothing else.");
        add(
                "console",
                "CONTAINER",
                1,
                1,
                List.of(),
                "Print the last lines that the virtual machine of a container wrote to its console.");
        VERBS.put(
                "debug",
                new Verb(
                        "debug",
                        "CONTAINER [COMMAND [ARG...]]",
                        1,
                        MANY,
                        true,
                        List.of(CONSOLE, Flag.of("tty,t", null, "with a terminal")),
                        "Run a shell, or a command, in the system of a container's virtual machine, beside its containers and with all rights there."));
        add(
                "dump",
                "CONTAINER FILE",
                2,
                2,
                List.of(),
                "Write the memory of a container's virtual machine to a new file, an ELF core for crash and gdb.");
        add(
                "metrics",
                "CONTAINER",
                1,
                1,
                List.of(),
                "Print what the virtual machine of a container counts, in Prometheus' text format.");
        add(
                "template",
                "build|list|verify|remove [NAME]",
                1,
                2,
                List.of(
                        Flag.of("memory", "BYTES", "memory of the machine (512m); units m, g"),
                        Flag.of("processors", "N", "processors of the machine (1)"),
                        Flag.of("cards", "N", "most interfaces that a pod may have, 0 to 3 (3)")),
                "Make a virtual machine that pods' machines go on from, or look after those that there are.");
        add(
                "spec",
                "",
                0,
                0,
                List.of(BUNDLE, Flag.of("rootless", null, "for an unprivileged user")),
                "Write a config.json to start from.");
        add(
                "mounts",
                "add|remove CONTAINER FILE",
                3,
                3,
                List.of(),
                "Add the mounts of a JSON list to a running container, or remove them; - for standard input.");
        add(
                "devices",
                "add|remove CONTAINER FILE",
                3,
                3,
                List.of(),
                "Add the devices of a JSON list to a running container, or remove them; - for standard input.");
        add("checkpoint", "CONTAINER", 1, 1, CRIU, "Save a container's processes to files, by CRIU, and end it.");
        add("restore", "CONTAINER", 1, 1, RESTORE, "Make a container from what checkpoint saved, by CRIU.");
        add("features", "", 0, 0, List.of(), "Print what this runtime understands, as JSON.");
        add("completion", "bash|zsh|fish", 1, 1, List.of(), "Print what makes a shell complete this command line.");
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
