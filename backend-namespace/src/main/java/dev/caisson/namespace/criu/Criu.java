package dev.caisson.namespace.criu;

import dev.caisson.backend.Backend.CreateRequest;
import dev.caisson.backend.Checkpoint;
import dev.caisson.backend.Checkpoint.Option;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.ProcessExit;
import dev.caisson.linux.Errno;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.namespace.criu.CriuCommand.Joined;
import dev.caisson.namespace.plan.CriuPlan;
import dev.caisson.namespace.plan.CriuPlan.MountPoint;
import dev.caisson.namespace.plan.Notes;
import dev.caisson.oci.InvalidSpecException;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Spec;
import dev.caisson.oci.TextListJson;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Checkpoint and restore of one container by CRIU, which is run as a program: its command line can do all that its RPC mode can, but for
 * handing out the master of a restored terminal. Whoever launches is its parent, and so that of what it restores.
 */
public final class Criu {
    private static final Duration MOST_TIME = Duration.ofHours(1);
    private static final int SIGKILL = 9;
    private static final byte GO = 'g';
    private static final String STREAMS = "descriptors.json";
    private static final int MOST_STREAM_BYTES = 1 << 16;
    private static final int MOST_LOG_BYTES = 16 << 20;
    private static final String CONFIG = "/etc/criu/runc.conf";
    private static final List<String> DIRECTORIES =
            List.of("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin");

    private final CreateRequest request;
    private final Spec spec;
    private final Launcher launcher;
    private final boolean bindsNodes;

    /** @param bindsNodes whether device nodes in the container are the host's */
    public Criu(CreateRequest request, Launcher launcher, boolean bindsNodes) {
        this.request = request;
        this.spec = request.spec();
        this.launcher = launcher;
        this.bindsNodes = bindsNodes;
    }

    /** Puts CRIU, a process, into the cgroups that the container is to have. */
    public interface Cgroups {
        void make(int pid) throws ContainerFault;
    }

    /** @param freezer directory of the container's version 2 group; null without one */
    public void dump(Launch init, Checkpoint asked, @Nullable String freezer) throws ContainerFault {
        String what = "checkpoint container " + request.id();
        requireSupported(what);
        makeDirectory(what, asked.images());
        makeDirectory(what, asked.work());
        int pid = init.pid();
        List<String> argv = CriuCommand.dump(
                program(what),
                spec,
                asked,
                pid,
                masked -> isFile(Path.of("/proc/" + pid + "/root" + masked)),
                nodes(),
                joined(what),
                freezer,
                config());
        if (!asked.is(Option.PRE_DUMP)) {
            writeStreams(what, asked.images(), pid);
        }
        Launch criu = launcher.spawn(
                launcher.nextId(),
                "criu " + request.id(),
                CriuPlan.dump(argv, asked.status()),
                0,
                Set.of(Launcher.Flag.SELF));
        await(what, criu, asked.work().resolve(CriuCommand.DUMP_LOG));
    }

    /** Runs what belongs between the making of the namespaces and that of the processes. */
    public interface InNamespaces {
        /** @param pid of the container's first process, which does not run its program yet */
        void run(int pid) throws ContainerFault;
    }

    /**
     * @param group path of the container's version 2 group below the root of the hierarchy; null without one
     * @param inNamespaces null where there is nothing to do
     * @return the restored init, which runs already
     */
    public Launch restore(
            Checkpoint asked, Path rootfs, @Nullable String group, Cgroups cgroups, @Nullable InNamespaces inNamespaces)
            throws ContainerFault {
        if (inNamespaces == null) {
            return restore(asked, rootfs, group, cgroups, null, null);
        }
        String what = "restore container " + request.id();
        try (RestoreHooks hooks = RestoreHooks.in(request.scratch())) {
            return restore(asked, rootfs, group, cgroups, hooks, inNamespaces);
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, what + ": prepare for its hooks: " + Errno.describe(e), e);
        }
    }

    private Launch restore(
            Checkpoint asked,
            Path rootfs,
            @Nullable String group,
            Cgroups cgroups,
            @Nullable RestoreHooks hooks,
            @Nullable InNamespaces inNamespaces)
            throws ContainerFault {
        String what = "restore container " + request.id();
        requireSupported(what);
        makeDirectory(what, asked.work());
        Path pidFile = request.scratch().resolve("criu.pid");
        List<Joined> joined = joined(what);
        Map<String, Integer> inherited = inherited(what, asked.images());
        List<String> handedOn = new ArrayList<>();
        for (Joined j : joined) {
            String key = CriuCommand.key(j.type());
            if (key != null) {
                inherited.put(key, CriuPlan.FIRST_NAMESPACE + handedOn.size());
                handedOn.add(j.path());
            }
        }
        List<String> argv = CriuCommand.restore(
                program(what),
                spec,
                request.bundle(),
                asked,
                rootfs.toString(),
                pidFile,
                inherited,
                nodes(),
                joined,
                group,
                hooks == null ? null : hooks.script(),
                config());
        LaunchPlan plan = CriuPlan.restore(argv, rootfs.toString(), mountPoints(), handedOn);
        Launch criu = launcher.spawn(
                launcher.nextId(), "criu " + request.id(), plan, request.io(), Set.of(Launcher.Flag.SELF));
        try {
            cgroups.make((int) criu.awaitNote(Notes.BORN, MOST_TIME));
            criu.gateInBuild(GO);
            if (hooks != null && inNamespaces != null) {
                var _ = criu.exit().thenRun(hooks::over);
                hooks.serve(inNamespaces);
            }
            await(what, criu, asked.work().resolve(CriuCommand.RESTORE_LOG));
        } catch (ContainerFault e) {
            criu.kill(SIGKILL);
            throw e;
        }
        LaunchPlan adoption = CriuPlan.adopt(pid(what, pidFile));
        Launch init = launcher.spawn(request.launch(), "init " + request.id(), adoption, 0, Set.of());
        init.awaitNote(Notes.PID, MOST_TIME);
        return init;
    }

    private void requireSupported(String what) throws ContainerFault {
        ProcessSpec process = spec.process();
        if (process != null && process.terminal()) {
            throw new ContainerFault(
                    Kind.UNSUPPORTED, what + ": it has a terminal, which this version does not restore");
        }
    }

    private String program(String what) throws ContainerFault {
        for (String directory : DIRECTORIES) {
            Path path = Path.of(directory, "criu");
            if (Files.isExecutable(launcher.here(path))) {
                return path.toString();
            }
        }
        throw new ContainerFault(
                Kind.UNSUPPORTED, what + ": CRIU is not installed: no criu in " + String.join(":", DIRECTORIES));
    }

    private @Nullable String config() {
        return Files.exists(launcher.here(Path.of(CONFIG))) ? CONFIG : null;
    }

    private void await(String what, Launch criu, Path log) throws ContainerFault {
        criu.awaitLaunched(MOST_TIME);
        if (!criu.awaitExit(MOST_TIME)) {
            criu.kill(SIGKILL);
            throw new ContainerFault(Kind.FAILED, what + ": CRIU did not end within " + MOST_TIME);
        }
        ProcessExit exit = criu.exit().getNow(null);
        criu.forget();
        if (exit == null || exit.code() != 0) {
            String reason = CriuLog.reason(lines(launcher.here(log)));
            String ended = exit == null ? "ended" : "ended with " + exit.code();
            throw new ContainerFault(
                    Kind.FAILED,
                    what + ": CRIU " + (reason == null ? ended : "says: " + reason) + " (log: " + log + ")");
        }
    }

    private static List<String> lines(Path log) {
        try (InputStream in = Files.newInputStream(log)) {
            return new String(in.readNBytes(MOST_LOG_BYTES), StandardCharsets.ISO_8859_1)
                    .lines()
                    .toList();
        } catch (IOException e) {
            return List.of(); // it did not come that far
        }
    }

    private int pid(String what, Path pidFile) throws ContainerFault {
        try {
            return Integer.parseInt(Files.readString(pidFile).strip());
        } catch (IOException | NumberFormatException e) {
            throw new ContainerFault(Kind.FAILED, what + ": read its pid from " + pidFile + ": " + e.getMessage(), e);
        }
    }

    private void makeDirectory(String what, Path directory) throws ContainerFault {
        try {
            Files.createDirectories(launcher.here(directory));
        } catch (IOException e) {
            throw new ContainerFault(
                    Kind.FAILED, what + ": create directory " + directory + ": " + Errno.describe(e), e);
        }
    }

    private List<String> nodes() {
        return bindsNodes ? CriuPlan.hostNodes(spec) : List.of();
    }

    private static boolean isFile(Path path) {
        return Files.exists(path) && !Files.isDirectory(path);
    }

    /** Namespaces that are not the container's own. */
    private List<Joined> joined(String what) throws ContainerFault {
        List<Joined> joined = new ArrayList<>();
        for (Linux.Namespace n : spec.linux().namespaces()) {
            if (n.path() == null) {
                continue;
            }
            try {
                Object inode = Files.getAttribute(launcher.here(Path.of(n.path())), "unix:ino");
                joined.add(new Joined(n.type(), n.path(), ((Number) inode).longValue()));
            } catch (IOException e) {
                throw new ContainerFault(
                        Kind.FAILED, what + ": look at namespace " + n.path() + ": " + Errno.describe(e), e);
            }
        }
        return joined;
    }

    private void writeStreams(String what, Path images, int pid) throws ContainerFault {
        List<String> links = new ArrayList<>();
        try {
            for (int fd = 0; fd < 3; fd++) {
                links.add(HostFiles.readlink("/proc/" + pid + "/fd/" + fd));
            }
            Files.writeString(launcher.here(images.resolve(STREAMS)), TextListJson.write(links));
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, what + ": note its streams: " + e.getMessage(), e);
        }
    }

    /** The pipes of the image's streams become those of whoever restores. */
    private Map<String, Integer> inherited(String what, Path images) throws ContainerFault {
        Map<String, Integer> inherited = new LinkedHashMap<>();
        Path file = images.resolve(STREAMS);
        try (InputStream in = Files.newInputStream(launcher.here(file))) {
            List<String> links = TextListJson.read(in.readNBytes(MOST_STREAM_BYTES), STREAMS, CriuPlan.STREAMS.size());
            for (int i = 0; i < links.size(); i++) {
                if (links.get(i).matches("pipe:\\[[0-9]+]")) {
                    inherited.put(links.get(i), CriuPlan.STREAMS.get(i));
                }
            }
            return inherited;
        } catch (InvalidSpecException e) {
            throw new ContainerFault(Kind.INVALID, what + ": " + images + ": " + e.getMessage(), e);
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, what + ": read " + file + ": " + Errno.describe(e), e);
        }
    }

    /** Those of the configuration, but for what lies in a file system that is made anew. */
    private List<MountPoint> mountPoints() {
        List<MountPoint> points = new ArrayList<>();
        List<String> fresh = new ArrayList<>();
        for (Mount m : spec.mounts()) {
            String path = m.destination();
            if (fresh.stream().anyMatch(f -> path.startsWith(f + "/"))) {
                continue;
            }
            boolean isDirectory = !m.isBind()
                    || Files.isDirectory(launcher.here(request.bundle().resolve(String.valueOf(m.source()))));
            points.add(new MountPoint(path, isDirectory));
            fresh.add(path);
        }
        return points;
    }
}
