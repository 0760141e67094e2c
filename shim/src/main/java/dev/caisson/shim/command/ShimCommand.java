package dev.caisson.shim.command;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.caisson.backend.Backends;
import dev.caisson.backend.ConfigFile;
import dev.caisson.backend.ContainerFault;
import dev.caisson.linux.Errno;
import dev.caisson.oci.InvalidSpecException;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecReader;
import dev.caisson.shim.link.CommandCall;
import dev.caisson.shim.pod.Pod;
import dev.caisson.shim.pod.PodInfo;
import dev.caisson.shim.pod.PodRegistry;
import dev.caisson.shim.task.Identifiers;
import dev.caisson.shim.task.Task;
import dev.caisson.shim.task.TaskLifecycle;
import dev.caisson.shim.task.Tasks;
import dev.caisson.shim.translate.RuntimeOptions;
import dev.caisson.shim.translate.Timestamps;
import dev.caisson.ttrpc.AnyTypes;
import dev.caisson.ttrpc.proto.bootstrap.BootstrapParams;
import dev.caisson.ttrpc.proto.bootstrap.BootstrapResult;
import dev.caisson.ttrpc.proto.bootstrap.Extension;
import dev.caisson.ttrpc.proto.task.DeleteResponse;
import dev.caisson.ttrpc.proto.types.RuntimeInfo;
import dev.caisson.ttrpc.proto.types.RuntimeVersion;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Answers {@code containerd-shim-caisson-v2 start}, {@code delete} and {@code -info}. */
public final class ShimCommand {
    private static final String GROUP_RUNC = "io.containerd.runc.v2.group";
    private static final String GROUP_CRI = "io.kubernetes.cri.sandbox-id";
    private static final int KILLED = 137;
    private static final int KEY_BYTES = 12;

    /** Not with its user: security providers take milliseconds of a daemon's start, and most starts need none. */
    private static final class Digest {
        /** Never fed itself. */
        static final MessageDigest SHA_256 = sha256();
    }

    /** How monitors are started. */
    public record MonitorLaunch(String executable, String stateDirectory, String daemonProgram) {}

    private final PodRegistry pods;
    private final TaskLifecycle lifecycle;
    private final Backends backends;
    private final MonitorLaunch monitor;
    private final Path sockets;
    private final String version;

    public ShimCommand(
            PodRegistry pods,
            TaskLifecycle lifecycle,
            Backends backends,
            MonitorLaunch monitor,
            Path sockets,
            String version) {
        this.pods = pods;
        this.lifecycle = lifecycle;
        this.backends = backends;
        this.monitor = monitor;
        this.sockets = sockets;
        this.version = version;
    }

    /** Serves one invocation. {@code delete} blocks; {@code start} works on a few small files. */
    public void run(CommandCall call) {
        ShimArguments args =
                ShimArguments.parse(call.argv().subList(1, call.argv().size()));
        try {
            switch (args.action()) {
                case "start" -> start(call, args);
                case "delete" -> delete(call, args);
                case "info" -> info(call);
                default -> {
                    call.err("usage: " + call.argv().getFirst() + " [flags] start|delete, or -v, or -info");
                    call.end(1);
                }
            }
        } catch (ContainerFault e) {
            fail(call, String.valueOf(e.getMessage()));
        } catch (IOException e) {
            fail(call, args.action() + " " + args.get("id") + ": " + Errno.describe(e));
        } catch (RuntimeException e) {
            fail(call, args.action() + " " + args.get("id") + ": " + e);
        } catch (OutOfMemoryError e) {
            fail(call, args.action() + " " + args.get("id") + ": caissond is out of memory");
        }
    }

    private static void fail(CommandCall call, String message) {
        // No newline: containerd quotes it in a sentence of its own.
        call.errText("caisson: " + message);
        call.end(1);
    }

    // ---- start ----

    private void start(CommandCall call, ShimArguments args) throws ContainerFault, IOException {
        String id = Identifiers.require("id", args.get("id"));
        String namespace = Identifiers.require("namespace", args.get("namespace"));
        @Nullable BootstrapParams params = bootstrap(call.stdin(), id, namespace);
        String ttrpc = call.variable("TTRPC_ADDRESS");
        if (params != null && !params.getContainerdTtrpcAddress().isEmpty()) {
            ttrpc = params.getContainerdTtrpcAddress();
        }
        Path bundle = Path.of(call.cwd());
        Member member = member(bundle, id);
        String key = key(args.get("address"), namespace, member.group());
        Path directory = sockets;
        if (params != null && params.hasSocketDir() && !params.getSocketDir().isEmpty()) {
            directory = Files.createDirectories(Path.of(params.getSocketDir()));
        }
        String socket = directory.resolve(key).toString();
        Pod pod = pods.open(new PodInfo(
                key,
                namespace,
                member.group(),
                ttrpc,
                socket,
                Backends.byProgram(call.argv().getFirst())));
        String address = "unix://" + socket;
        byte[] answer = answer(params != null, address);
        List<String> cgroups = ShimCgroup.find(shimCgroup(call.stdin(), params));
        boolean starts = pod.link() == null;
        if (starts) {
            // Of two commands that come here for one pod the second finds the first one's monitor serving.
            call.startMonitor(
                    monitor.executable(),
                    socket,
                    List.of("caisson-monitor", monitor.stateDirectory(), monitor.daemonProgram(), key),
                    started -> started(call, pod, started, cgroups, answer));
        }
        try {
            // containerd 1.6 and 1.7 look for it when they restart.
            Files.writeString(bundle.resolve("address"), address);
            if (starts) {
                pods.store(pod);
            }
        } catch (IOException e) {
            // Its monitor, which may have attached by now, is ended by the command that started it.
            if (starts && pod.content().isEmpty()) {
                pods.end(pod);
            }
            throw e;
        }
        if (!starts || cgroups.isEmpty()) {
            call.finish(answer);
        }
        if (member.json() != null) {
            // Last of all: to hand work to another thread takes longer than all the rest.
            lifecycle.creation().specsAhead().read(bundle.toString(), member.json());
        }
    }

    private void started(CommandCall call, Pod pod, CommandCall.Started monitor, List<String> cgroups, byte[] answer) {
        if (monitor.errno() != 0) {
            endUnused(pod);
            PodInfo info = pod.info();
            fail(
                    call,
                    "start monitor of " + info.group() + " at " + info.socket() + ": "
                            + Errno.of(monitor.errno()).description());
        } else if (!cgroups.isEmpty()) {
            place(call, monitor.pid(), monitor.served() ? List.of() : cgroups, answer);
        }
    }

    private static void place(CommandCall call, int monitorPid, List<String> cgroups, byte[] answer) {
        try {
            ShimCgroup.join(cgroups, monitorPid);
            call.finish(answer);
        } catch (ContainerFault e) {
            fail(call, String.valueOf(e.getMessage()));
        }
    }

    private void endUnused(Pod pod) {
        if (pod.link() == null && pod.content().isEmpty()) {
            pods.end(pod);
        }
    }

    /** An Any decodes as BootstrapParams too: it is one only if it names this id and namespace. */
    private static @Nullable BootstrapParams bootstrap(byte[] stdin, String id, String namespace) {
        try {
            BootstrapParams p = BootstrapParams.parseFrom(stdin);
            return p.getInstanceId().equals(id) && p.getNamespace().equals(namespace) ? p : null;
        } catch (InvalidProtocolBufferException e) {
            return null;
        }
    }

    /** The cgroup that the options want the monitor in. What is wrong with the options, Create says. */
    private static String shimCgroup(byte[] stdin, @Nullable BootstrapParams params) {
        try {
            if (params == null) {
                return stdin.length == 0
                        ? ""
                        : RuntimeOptions.of(Any.parseFrom(stdin)).shimCgroup();
            }
            for (Extension extension : params.getExtensionsList()) {
                String cgroup = RuntimeOptions.of(extension.getValue()).shimCgroup();
                if (!cgroup.isEmpty()) {
                    return cgroup;
                }
            }
            return "";
        } catch (InvalidProtocolBufferException | ContainerFault e) {
            return "";
        }
    }

    private static byte[] answer(boolean bootstrap, String address) {
        if (!bootstrap) {
            // Understood by every containerd up to 2.2: a plain address stands for ttrpc and Task version 2.
            return address.getBytes(StandardCharsets.UTF_8);
        }
        return BootstrapResult.newBuilder()
                .setVersion(3)
                .setAddress(address)
                .setProtocol("ttrpc")
                .build()
                .toByteArray();
    }

    /**
     * A container's configuration, and which pod the container belongs to.
     *
     * @param json null for one that cannot be read, which is its own pod: Create says what is wrong with it
     */
    @SuppressWarnings("ArrayRecordComponent") // passed on, and compared by nobody
    private record Member(byte @Nullable [] json, String group) {}

    private static Member member(Path bundle, String id) throws ContainerFault, IOException {
        try {
            return ConfigFile.with(bundle.resolve("config.json"), json -> new Member(json, group(json, id)));
        } catch (ConfigFile.MissingException e) {
            return new Member(null, id); // a sandbox bundle of containerd's shim sandbox controller has none
        }
    }

    private static String group(byte[] json, String id) throws ContainerFault {
        // Most lone containers do not name a group anywhere: no need to understand their configuration twice.
        String text = new String(json, StandardCharsets.ISO_8859_1);
        if (!text.contains(GROUP_RUNC) && !text.contains(GROUP_CRI)) {
            return id;
        }
        try {
            Spec spec = SpecReader.read(json);
            String group = spec.annotations().get(GROUP_RUNC);
            if (group == null) {
                group = spec.annotations().get(GROUP_CRI);
            }
            return group == null || group.isEmpty() ? id : Identifiers.require("sandbox id", group);
        } catch (InvalidSpecException e) {
            return id;
        }
    }

    private static String key(String address, String namespace, String group) {
        try {
            byte[] name = (address + "\n" + namespace + "\n" + group).getBytes(StandardCharsets.UTF_8);
            // A copy, since to look an algorithm up takes longer than to use it.
            return HexFormat.of().formatHex(((MessageDigest) Digest.SHA_256.clone()).digest(name), 0, KEY_BYTES);
        } catch (CloneNotSupportedException e) {
            throw new AssertionError("SHA-256 of every JDK can be copied", e);
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every JDK has SHA-256", e);
        }
    }

    // ---- delete ----

    private void delete(CommandCall call, ShimArguments args) throws ContainerFault, IOException {
        String id = Identifiers.require("id", args.get("id"));
        String namespace = args.get("namespace");
        int pid = 0;
        for (Pod pod : pods.pods()) {
            if (!pod.info().namespace().equals(namespace)) {
                continue;
            }
            Task task = Tasks.of(pod).get(id);
            if (task != null) {
                pid = task.initPid();
                lifecycle.removal().destroy(task);
            }
            // A monitor that serves nothing, its own pod's name included, was left by a start or a crash.
            if (pod.content().isEmpty()
                    && !pod.isSandboxLive()
                    && (task != null || pod.info().group().equals(id))) {
                pods.end(pod);
            }
        }
        call.out(DeleteResponse.newBuilder()
                .setPid(pid)
                .setExitStatus(KILLED)
                .setExitedAt(Timestamps.of(Instant.now()))
                .build()
                .toByteArray());
        call.end(0);
    }

    // ---- info ----

    private void info(CommandCall call) throws ContainerFault {
        RuntimeInfo.Builder info = runtimeInfo();
        if (call.stdin().length > 0) {
            try {
                info.setOptions(Any.parseFrom(call.stdin()));
            } catch (InvalidProtocolBufferException e) {
                throw new ContainerFault(
                        ContainerFault.Kind.INVALID, "-info: options on standard input: " + e.getMessage(), e);
            }
        }
        call.out(info.build().toByteArray());
        call.end(0);
    }

    /**
     * What {@code -info} answers, without the options that the caller gave. It is kept in a file too, so that a hung daemon does not keep
     * containerd from starting; behind what is in the file the command binary puts the options itself.
     */
    public byte[] storedInfo() throws ContainerFault {
        return runtimeInfo().build().toByteArray();
    }

    private RuntimeInfo.Builder runtimeInfo() throws ContainerFault {
        return RuntimeInfo.newBuilder()
                .setName("io.containerd.caisson.v2")
                .setVersion(RuntimeVersion.newBuilder().setVersion(version))
                .setFeatures(AnyTypes.pack(
                        AnyTypes.FEATURES,
                        ByteString.copyFromUtf8(backends.named("namespace").features())));
    }
}
