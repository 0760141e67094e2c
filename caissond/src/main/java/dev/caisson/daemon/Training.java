package dev.caisson.daemon;

import com.google.protobuf.Empty;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import dev.caisson.backend.Backends;
import dev.caisson.oci.InvalidSpecException;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Root;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecReader;
import dev.caisson.oci.SpecTemplate;
import dev.caisson.oci.SpecWriter;
import dev.caisson.ttrpc.AnyTypes;
import dev.caisson.ttrpc.CallOptions;
import dev.caisson.ttrpc.Methods;
import dev.caisson.ttrpc.ServiceNames;
import dev.caisson.ttrpc.ServiceRegistry;
import dev.caisson.ttrpc.TtrpcClient;
import dev.caisson.ttrpc.TtrpcServer;
import dev.caisson.ttrpc.netty.UnixTransport;
import dev.caisson.ttrpc.proto.forward.ForwardRequest;
import dev.caisson.ttrpc.proto.task.*;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;

/**
 * Drives a daemon through a container's life as containerd and as callers of the command line would, while it records which classes
 * that needs. Run by
 * {@code install-runtime} only: {@code Training PREFIX STATE-DIRECTORY WORK-DIRECTORY}.
 */
final class Training {
    private static final CallOptions OPTIONS = CallOptions.timeout(Duration.ofSeconds(20));

    private final Path work;
    private final TtrpcClient task;

    private Training(Path work, TtrpcClient task) {
        this.work = work;
        this.task = task;
    }

    public static void main(String[] args) throws Exception {
        Path prefix = Path.of(args[0]);
        Path state = Path.of(args[1]);
        Path work = Path.of(args[2]);
        try (UnixTransport transport = new UnixTransport()) {
            Path events = work.resolve("events.sock");
            ServiceRegistry registry = ServiceRegistry.builder()
                    .service(
                            ServiceNames.EVENTS,
                            Methods.builder()
                                    .unary("Forward", ForwardRequest.parser(), (ctx, q) -> Empty.getDefaultInstance())
                                    .build())
                    .build();
            TtrpcServer server = new TtrpcServer(registry, Executors.newVirtualThreadPerTaskExecutor());
            try (var _ = transport.listen(events, server)) {
                Path bundle = work.resolve("bundle");
                makeBundle(bundle, prefix);
                shim(prefix, state, bundle, events, "-info");
                String address = shim(prefix, state, bundle, events, "start");
                try (TtrpcClient client = connect(transport, address)) {
                    new Training(work, client).youth(bundle);
                }
                Process recorded = succeed(prefix, state, work);
                try (TtrpcClient client = connect(transport, address)) {
                    new Training(work, client).rest();
                }
                shim(prefix, state, bundle, events, "delete");
                for (int i = 0; i < 2; i++) {
                    shim(prefix, state, bundle, events, "-info");
                    try (TtrpcClient client = connect(transport, shim(prefix, state, bundle, events, "start"))) {
                        Training training = new Training(work, client);
                        training.youth(bundle);
                        training.rest();
                    }
                    shim(prefix, state, bundle, events, "delete");
                }
                for (List<String> verb : List.of(
                        List.of("create", "--bundle", bundle.toString(), "training"),
                        List.of("start", "training"),
                        List.of("state", "training"),
                        List.of("exec", "training", "/caisson", "-v"),
                        List.of("list"),
                        List.of("kill", "training", "KILL"),
                        List.of("delete", "--force", "training"),
                        List.of("run", "--bundle", bundle.toString(), "-d", "training"),
                        List.of("delete", "--force", "training"))) {
                    caisson(prefix, state, verb);
                }
                // The first container of that wall waits for a sandbox process, which is the one that is recorded.
                Path trapBundle = work.resolve("trap-bundle");
                makeTrapBundle(trapBundle, bundle);
                try {
                    caisson(prefix, state, List.of("run", "--bundle", trapBundle.toString(), "training-trap"));
                } catch (IOException e) {
                    System.err.println("no archive for sandbox processes: " + e.getMessage());
                }
                caisson(prefix, state, List.of("daemon", "leave"));
                recorded.waitFor();
            }
        }
        System.exit(0);
    }

    private static TtrpcClient connect(UnixTransport transport, String address) throws IOException {
        return transport.connect(Path.of(address.substring("unix://".length())), Duration.ofSeconds(5));
    }

    /** Another daemon, which finds the first one's container, and is recorded. */
    private static Process succeed(Path prefix, Path state, Path work) throws IOException, InterruptedException {
        // Not by leaving: a monitor might start a daemon of its own before this one.
        ProcessBuilder builder = new ProcessBuilder(
                prefix.resolve("libexec/caissond").toString(), "--state-dir", state.toString(), "--take-over");
        builder.environment()
                .put(
                        "CAISSOND_JAVA_OPTIONS",
                        "-XX:AOTMode=record -XX:AOTConfiguration=" + work.resolve("caissond.aotconf"));
        builder.environment()
                .put(
                        "CAISSON_SANDBOX_JAVA_OPTIONS",
                        "-XX:AOTMode=record -XX:AOTConfiguration=" + work.resolve("sandbox.aotconf"));
        Process recorded = builder.redirectErrorStream(true)
                .redirectOutput(work.resolve("recorded.log").toFile())
                .start();
        String pid = Long.toString(recorded.pid());
        while (!pid.equals(Files.readString(state.resolve("caissond.pid")))) {
            if (!recorded.isAlive()) {
                throw new IOException(
                        "the second daemon did not take over: " + Files.readString(work.resolve("recorded.log")));
            }
            Thread.sleep(10);
        }
        return recorded;
    }

    private static void caisson(Path prefix, Path state, List<String> verb) throws IOException, InterruptedException {
        List<String> argv =
                new ArrayList<>(List.of(prefix.resolve("bin/caisson").toString()));
        argv.addAll(verb);
        ProcessBuilder command = new ProcessBuilder(argv)
                .redirectInput(new File("/dev/null"))
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD);
        command.environment().put("CAISSON_STATE_DIR", state.toString());
        int status = command.start().waitFor();
        if (status != 0) {
            throw new IOException(String.join(" ", argv) + ": exit status " + status);
        }
    }

    private static void makeBundle(Path bundle, Path prefix) throws IOException {
        Path root = bundle.resolve("rootfs");
        Files.createDirectories(root.resolve("etc"));
        Files.copy(prefix.resolve("bin/caisson"), root.resolve("caisson-init"));
        Files.copy(prefix.resolve("bin/caisson"), root.resolve("caisson"));
        Files.writeString(root.resolve("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
        Spec.Builder spec = SpecTemplate.rootful(true).toBuilder();
        ProcessSpec.Builder process = java.util.Objects.requireNonNull(spec.process).toBuilder();
        process.args = List.of("/caisson-init");
        process.terminal = false;
        process.rlimits = List.of();
        spec.process = process.build();
        spec.root = new Root("rootfs", false);
        Linux.Builder linux = spec.linux.toBuilder();
        linux.cgroupsPath = "/caisson-training/" + ProcessHandle.current().pid();
        spec.linux = linux.build();
        List<Mount> mounts = new ArrayList<>(spec.mounts);
        mounts.removeIf(m -> "cgroup".equals(m.type()));
        mounts.add(Mount.of("/etc/hosts", "/etc/hosts", "bind", List.of("rbind", "ro")));
        spec.mounts = mounts;
        Files.write(bundle.resolve("config.json"), SpecWriter.write(spec.build()));
    }

    /** A program behind the trap wall, in the same root file system. */
    private static void makeTrapBundle(Path bundle, Path other) throws IOException {
        Files.createDirectories(bundle);
        Spec.Builder spec;
        try {
            spec = SpecReader.read(Files.readAllBytes(other.resolve("config.json"))).toBuilder();
        } catch (InvalidSpecException e) {
            throw new IOException(e);
        }
        ProcessSpec.Builder process = java.util.Objects.requireNonNull(spec.process).toBuilder();
        process.args = List.of("/caisson", "-v");
        spec.process = process.build();
        spec.root = new Root(other.resolve("rootfs").toString(), false);
        spec.annotations = Map.of(Backends.ANNOTATION, "seccomp-trap");
        Files.write(bundle.resolve("config.json"), SpecWriter.write(spec.build()));
    }

    private static String shim(Path prefix, Path state, Path bundle, Path events, String action)
            throws IOException, InterruptedException {
        List<String> argv = new ArrayList<>(
                List.of(prefix.resolve("bin/containerd-shim-caisson-v2").toString()));
        if (!action.equals("-info")) {
            argv.addAll(List.of("-namespace", "training", "-id", "training", "-address", events.toString()));
        }
        argv.add(action);
        ProcessBuilder command = new ProcessBuilder(argv).directory(bundle.toFile());
        command.environment().put("CAISSON_STATE_DIR", state.toString());
        command.environment().put("TTRPC_ADDRESS", events.toString());
        Process p = command.start();
        p.getOutputStream().close();
        String out = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        String err = new String(p.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
        if (p.waitFor() != 0) {
            throw new IOException(action + ": " + err);
        }
        return out;
    }

    private <R extends MessageLite> R call(String method, MessageLite request, Parser<R> answers)
            throws InterruptedException {
        return task.call(ServiceNames.TASK_V2, method, request, answers, OPTIONS);
    }

    private void youth(Path bundle) throws InterruptedException {
        call(
                "Create",
                CreateTaskRequest.newBuilder()
                        .setId("training")
                        .setBundle(bundle.toString())
                        .setStdout("file://" + work.resolve("out"))
                        .build(),
                CreateTaskResponse.parser());
        call("Start", StartRequest.newBuilder().setId("training").build(), StartResponse.parser());
        for (int i = 0; i < 3; i++) {
            exec("exec" + i);
        }
        stats();
    }

    private void stats() throws InterruptedException {
        call("Stats", StatsRequest.newBuilder().setId("training").build(), StatsResponse.parser());
    }

    private void rest() throws InterruptedException {
        stats();
        exec("exec-of-successor");
        call("State", StateRequest.newBuilder().setId("training").setExecId("").build(), StateResponse.parser());
        call("Pids", PidsRequest.newBuilder().setId("training").build(), PidsResponse.parser());
        call("Pause", PauseRequest.newBuilder().setId("training").build(), Empty.parser());
        call("Resume", ResumeRequest.newBuilder().setId("training").build(), Empty.parser());
        call("Connect", ConnectRequest.newBuilder().setId("training").build(), ConnectResponse.parser());
        call("Kill", KillRequest.newBuilder().setId("training").setSignal(9).build(), Empty.parser());
        call("Wait", WaitRequest.newBuilder().setId("training").build(), WaitResponse.parser());
        call("Delete", DeleteRequest.newBuilder().setId("training").build(), DeleteResponse.parser());
        call("Shutdown", ShutdownRequest.newBuilder().setId("training").build(), Empty.parser());
    }

    private void exec(String id) throws InterruptedException {
        ProcessSpec.Builder process = new ProcessSpec.Builder();
        process.args = List.of("/caisson", "-v");
        process.env = List.of("PATH=/");
        process.cwd = "/";
        call(
                "Exec",
                ExecProcessRequest.newBuilder()
                        .setId("training")
                        .setExecId(id)
                        .setSpec(AnyTypes.pack(
                                AnyTypes.PROCESS,
                                com.google.protobuf.ByteString.copyFrom(SpecWriter.writeProcess(process.build()))))
                        .build(),
                Empty.parser());
        call("Start", StartRequest.newBuilder().setId("training").setExecId(id).build(), StartResponse.parser());
        call("Wait", WaitRequest.newBuilder().setId("training").setExecId(id).build(), WaitResponse.parser());
        call(
                "Delete",
                DeleteRequest.newBuilder().setId("training").setExecId(id).build(),
                DeleteResponse.parser());
    }
}
