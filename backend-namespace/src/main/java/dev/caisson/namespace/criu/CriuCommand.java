package dev.caisson.namespace.criu;

import dev.caisson.backend.Checkpoint;
import dev.caisson.backend.Checkpoint.Option;
import dev.caisson.namespace.plan.CriuPlan;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.Spec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** The command lines of CRIU (criu(8), 3.17). What is outside of a container gets names that runc's images have as well. Pure. */
final class CriuCommand {
    static final String DUMP_LOG = "dump.log";
    static final String RESTORE_LOG = "restore.log";
    private static final String CONFIG_ANNOTATION = "org.criu.config";
    private static final String NULL = "/dev/null";

    private final Spec spec;
    private final Checkpoint asked;
    private final List<String> argv = new ArrayList<>();

    private CriuCommand(String program, Spec spec, Checkpoint asked, String verb) {
        this.spec = spec;
        this.asked = asked;
        argv.add(program);
        argv.add(verb);
    }

    /**
     * A namespace of the host's, which the container is in by path.
     *
     * @param inode its number in {@code /proc/PID/ns}
     */
    record Joined(NamespaceType type, String path, long inode) {}

    /**
     * @param pid init
     * @param nodes devices whose nodes in the container are the host's
     * @param isFile whether a masked path of the container is a file: those are covered by the host's null device
     * @param freezer the container's own version 2 group; null without one
     */
    static List<String> dump(
            String program,
            Spec spec,
            Checkpoint asked,
            int pid,
            Predicate<String> isFile,
            List<String> nodes,
            List<Joined> joined,
            @Nullable String freezer,
            @Nullable String config) {
        CriuCommand c = new CriuCommand(program, spec, asked, asked.is(Option.PRE_DUMP) ? "pre-dump" : "dump");
        c.add("--tree", Integer.toString(pid));
        c.common(DUMP_LOG, config);
        if (freezer != null) {
            c.add("--freeze-cgroup", freezer);
        }
        c.when(Option.LEAVE_RUNNING, "--leave-running");
        if (asked.parent() != null) {
            c.add("--prev-images-dir", asked.parent());
        }
        if (asked.parent() != null || asked.is(Option.PRE_DUMP)) {
            c.argv.add("--track-mem");
        }
        if (asked.pageServer() != null) {
            int colon = asked.pageServer().lastIndexOf(':');
            if (!asked.is(Option.LAZY_PAGES)) { // then CRIU is the server, and this is where it listens
                c.argv.add("--page-server");
            }
            c.add("--address", asked.pageServer().substring(0, colon));
            c.add("--port", asked.pageServer().substring(colon + 1));
        }
        if (asked.status() != null) {
            c.add("--status-fd", Integer.toString(CriuPlan.STATUS));
        }
        for (String inside : c.outside(nodes).keySet()) {
            c.add("--external", "mnt[" + inside + "]:" + inside);
        }
        for (String masked : spec.linux().maskedPaths()) {
            if (isFile.test(masked)) {
                c.add("--external", "mnt[" + masked + "]:" + NULL);
            }
        }
        for (Joined j : joined) {
            String key = key(j.type());
            if (key != null) {
                c.add("--external", name(j.type()) + "[" + j.inode() + "]:" + key);
            }
        }
        return c.argv;
    }

    /**
     * @param rootfs a mount point
     * @param pidFile gets the pid of the restored init
     * @param inherited what stands for descriptors of the image: number by CRIU's name for it
     * @param cgroup the group that the container's is replaced by; null without one
     * @param script is run at each step; null for none
     */
    static List<String> restore(
            String program,
            Spec spec,
            Path bundle,
            Checkpoint asked,
            String rootfs,
            Path pidFile,
            Map<String, Integer> inherited,
            List<String> nodes,
            List<Joined> joined,
            @Nullable String cgroup,
            @Nullable Path script,
            @Nullable String config) {
        CriuCommand c = new CriuCommand(program, spec, asked, "restore");
        c.common(RESTORE_LOG, config);
        if (script != null) {
            c.add("--action-script", script.toString());
        }
        // Its parent is to be the command's caller in the end, and never CRIU.
        c.argv.add("--restore-detached");
        c.argv.add("--restore-sibling");
        c.add("--pidfile", pidFile.toString());
        c.add("--root", rootfs);
        c.argv.add("--evasive-devices");
        if (cgroup != null) {
            c.add("--cgroup-root", cgroup);
        }
        if (asked.lsmProfile() != null) {
            c.add("--lsm-profile", asked.lsmProfile());
        }
        if (asked.lsmMountContext() != null) {
            c.add("--lsm-mount-context", asked.lsmMountContext());
        }
        Map<String, String> outside = c.outside(nodes);
        if (!spec.linux().maskedPaths().isEmpty()) {
            outside.put(NULL, NULL); // what the image calls the cover of every masked file
        }
        outside.forEach((name, source) -> c.add(
                "--external", "mnt[" + name + "]:" + bundle.resolve(source).normalize()));
        inherited.forEach((name, fd) -> c.add("--inherit-fd", "fd[" + fd + "]:" + name));
        for (Joined j : joined) {
            if (key(j.type()) == null) {
                c.add("--join-ns", name(j.type()) + ":" + j.path());
            }
        }
        return c.argv;
    }

    /** CRIU's name for a joined namespace that it does not enter itself; null for those that it does. */
    static @Nullable String key(NamespaceType type) {
        return switch (type) {
            case NETWORK -> "extRootNetNS";
            case PID -> "extRootPidNS";
            default -> null;
        };
    }

    /** As files in /proc/PID/ns are called. */
    private static String name(NamespaceType type) {
        return switch (type) {
            case NETWORK -> "net";
            case MOUNT -> "mnt";
            default -> type.wire();
        };
    }

    private void common(String log, @Nullable String config) {
        add("--images-dir", asked.images().toString());
        add("--work-dir", asked.work().toString());
        add("--log-file", log);
        argv.add("-v4");
        String mode = asked.cgroupsMode();
        argv.add("--manage-cgroups" + (mode == null ? "" : "=" + mode));
        String own = spec.annotations().getOrDefault(CONFIG_ANNOTATION, config);
        if (own != null) {
            add("--config", own);
        }
        when(Option.TCP_ESTABLISHED, "--tcp-established");
        when(Option.TCP_SKIP_IN_FLIGHT, "--skip-in-flight");
        when(Option.TCP_CLOSE, "--tcp-close");
        when(Option.LINK_REMAP, "--link-remap");
        when(Option.EXTERNAL_UNIX_SOCKETS, "--ext-unix-sk");
        when(Option.SHELL_JOB, "--shell-job");
        when(Option.FILE_LOCKS, "--file-locks");
        when(Option.AUTO_DEDUP, "--auto-dedup");
        when(Option.LAZY_PAGES, "--lazy-pages");
        if (asked.is(Option.EMPTY_NETWORK)) {
            add("--empty-ns", "net");
        }
    }

    /** What is mounted in the container from the host: path inside, and source. */
    private Map<String, String> outside(List<String> nodes) {
        Map<String, String> outside = new LinkedHashMap<>();
        for (Mount m : spec.mounts()) {
            if (m.isBind() && m.source() != null) {
                outside.put(m.destination(), m.source());
            }
        }
        for (String node : nodes) {
            outside.put(node, node);
        }
        return outside;
    }

    private void when(Option option, String word) {
        if (asked.is(option)) {
            argv.add(word);
        }
    }

    private void add(String name, String value) {
        argv.add(name);
        argv.add(value);
    }
}
