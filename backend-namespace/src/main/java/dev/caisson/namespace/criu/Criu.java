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
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.PidFds;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.namespace.criu.CriuRequest.Joined;
import dev.caisson.namespace.criu.CriuSession.Answer;
import dev.caisson.namespace.criu.rpc.CriuReq;
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
 * Checkpoint and restore of one container by CRIU, which is run for one request each time (criu.org/RPC, {@code swrk}): its command line
 * does not hand out the master of a restored terminal. Whoever launches is its parent, and so that of what it restores.
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

    /** Of what goes on without this process's help. */
    private static final CriuSession.Steps NO_STEPS = new CriuSession.Steps() {
        @Override
        public void namespacesMade(int init) {}

        @Override
        public void terminal(Fd master) {
            master.close();
        }
    };

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
        makeDirectory(what, asked.images());
        makeDirectory(what, asked.work());
        int pid = init.pid();
        CriuReq dump = CriuRequest.dump(
                spec,
                asked,
                pid,
                masked -> isFile(Path.of("/proc/" + pid + "/root" + masked)),
                nodes(),
                joined(what),
                freezer,
                config());
        LaunchPlan plan = CriuPlan.dump(
                program(what), asked.images().toString(), asked.work().toString(), asked.status());
        if (!asked.is(Option.PRE_DUMP)) {
            writeStreams(what, asked.images(), pid);
        }
        Launch criu = launcher.spawn(launcher.nextId(), "criu " + request.id(), plan, 0, Set.of(Launcher.Flag.SELF));
        Path log = asked.work().resolve(CriuRequest.DUMP_LOG);
        try {
            int criuPid = (int) criu.awaitNote(Notes.BORN, MOST_TIME);
            int service = (int) criu.awaitNote(Notes.SERVICE, MOST_TIME);
            await(what, criu, ask(what, criu, criuPid, service, dump, NO_STEPS), log);
        } catch (ContainerFault e) {
            criu.kill(SIGKILL);
            throw e;
        }
    }

    /** Runs what belongs between the making of the namespaces and that of the processes. */
    public interface InNamespaces {
        /** @param pid of the container's first process, which does not run its program yet */
        void run(int pid) throws ContainerFault;
    }

    /**
     * @param group path of the container's version 2 group below the root of the hierarchy; null without one
     * @param inNamespaces null where there is nothing to do
     * @return the restored init, which runs already; who launched has the master of its terminal
     */
    public Launch restore(
            Checkpoint asked, Path rootfs, @Nullable String group, Cgroups cgroups, @Nullable InNamespaces inNamespaces)
            throws ContainerFault {
        String what = "restore container " + request.id();
        makeDirectory(what, asked.work());
        Map<String, Integer> inherited = inherited(what, asked.images());
        List<Joined> joined = joined(what);
        List<String> handedOn = new ArrayList<>();
        for (Joined j : joined) {
            String key = CriuRequest.key(j.type());
            if (key != null) {
                inherited.put(key, CriuPlan.FIRST_NAMESPACE + handedOn.size());
                handedOn.add(j.path());
            }
        }
        CriuReq restore = CriuRequest.restore(
                spec, request.bundle(), asked, rootfs.toString(), inherited, nodes(), joined, group, config());
        LaunchPlan plan = CriuPlan.restore(
                program(what),
                asked.images().toString(),
                asked.work().toString(),
                rootfs.toString(),
                mountPoints(),
                handedOn);
        Launch criu = launcher.spawn(
                launcher.nextId(), "criu " + request.id(), plan, request.io(), Set.of(Launcher.Flag.SELF));
        try (RestoreSteps steps = new RestoreSteps(what, hasTerminal(), inNamespaces)) {
            int pid = (int) criu.awaitNote(Notes.BORN, MOST_TIME);
            int service = (int) criu.awaitNote(Notes.SERVICE, MOST_TIME);
            cgroups.make(pid);
            Path log = asked.work().resolve(CriuRequest.RESTORE_LOG);
            int init = await(what, criu, ask(what, criu, pid, service, restore, steps), log);
            return adopt(init, steps.master());
        } catch (ContainerFault e) {
            criu.kill(SIGKILL);
            throw e;
        }
    }

    /** The socket is closed behind the answer: after memory alone, CRIU would wait for a next request. */
    private static @Nullable Answer ask(
            String what, Launch criu, int pid, int service, CriuReq request, CriuSession.Steps steps)
            throws ContainerFault {
        try (Fd socket = take(what, pid, service)) {
            criu.gateInBuild(GO);
            criu.awaitLaunched(MOST_TIME);
            return CriuSession.run(what, socket, request, MOST_TIME.toSeconds(), steps);
        }
    }

    private Launch adopt(int pid, @Nullable Fd master) throws ContainerFault {
        LaunchPlan adoption = master == null
                ? CriuPlan.adopt(pid)
                : CriuPlan.adopt(pid, (int) ProcessHandle.current().pid(), master.number());
        int io = master == null ? 0 : request.io(); // what is no terminal is CRIU's to hand on
        Launch init = launcher.spawn(request.launch(), "init " + request.id(), adoption, io, Set.of());
        try {
            init.awaitNote(Notes.PID, MOST_TIME);
        } catch (ContainerFault e) { // its terminal has not arrived where it was to go, and it runs already
            init.kill(SIGKILL);
            throw e;
        }
        if (master != null) {
            init.gateInBuild(GO);
        }
        return init;
    }

    private boolean hasTerminal() {
        ProcessSpec process = spec.process();
        return process != null && process.terminal();
    }

    /** The daemon's end of the socket that CRIU's process has made. */
    private static Fd take(String what, int pid, int number) throws ContainerFault {
        try (Fd process = PidFds.open(pid)) {
            if (process == null) {
                throw new ContainerFault(Kind.FAILED, what + ": take the socket to CRIU: process " + pid + " is gone");
            }
            return PidFds.getFd(process, number);
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, what + ": take the socket to CRIU: " + e.getMessage(), e);
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

    /** @return the pid that it says; 0 for none */
    private int await(String what, Launch criu, @Nullable Answer answer, Path log) throws ContainerFault {
        if (!criu.awaitExit(MOST_TIME)) {
            throw new ContainerFault(Kind.FAILED, what + ": CRIU did not end within " + MOST_TIME);
        }
        ProcessExit exit = criu.exit().getNow(null);
        criu.forget();
        if (answer != null && answer.success()) {
            return answer.init();
        }
        String reason = CriuLog.reason(lines(launcher.here(log)));
        if (reason == null && answer != null && !answer.error().isEmpty()) {
            reason = CriuLog.shortened(answer.error());
        }
        String ended = exit == null ? "ended" : "ended with " + exit.code();
        throw new ContainerFault(
                Kind.FAILED, what + ": CRIU " + (reason == null ? ended : "says: " + reason) + " (log: " + log + ")");
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
