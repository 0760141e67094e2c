package dev.caisson.agent;

import dev.caisson.backend.Backends;
import dev.caisson.backend.state.RecordStore;
import dev.caisson.linux.Fd;
import dev.caisson.shim.link.FrameLoop;
import dev.caisson.shim.link.LinkServer;
import dev.caisson.shim.pod.Pod;
import dev.caisson.shim.pod.PodInfo;
import dev.caisson.shim.pod.PodRegistry;
import dev.caisson.shim.task.TaskLifecycle;
import dev.caisson.shim.task.TaskService;
import dev.caisson.ttrpc.Methods;
import dev.caisson.ttrpc.RequestContext;
import dev.caisson.ttrpc.ServerOptions;
import dev.caisson.ttrpc.ServiceNames;
import dev.caisson.ttrpc.ServiceRegistry;
import dev.caisson.ttrpc.TtrpcException;
import dev.caisson.ttrpc.TtrpcServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Everything that a running agent consists of: caissond's Task service for one pod, and the guest's service. */
final class Agent {
    /** What the boot plan starts the monitor with ({@code dev.caisson.image.BootPlan}). */
    static final String POD = "guest";

    /** Inherited from the monitor that started this process: says that a start is under way; see monitor/src/loop.c. */
    private static final int START_LOCK_FD = 3;

    private final Path state;
    private final LinkServer links;
    private final VolumeChanges changes = new VolumeChanges();

    Agent(Path state, HostPorts host) throws IOException {
        this.state = state;
        ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor();
        RecordStore store = new RecordStore(state);
        PodRegistry pods = new PodRegistry(store, executor);
        TaskLifecycle lifecycle = new TaskLifecycle(store, new Backends(), executor);
        Methods tasks = new TaskService(lifecycle, pods, executor).methods();
        GuestService guest = new GuestService(
                new Bundles(state.resolve("bundles")),
                new Streams(state.resolve("streams"), host),
                lifecycle,
                new Identity(state, host.unixPrefix() == null),
                changes);
        TtrpcServer server = new TtrpcServer(
                ServiceRegistry.builder()
                        .service(ServiceNames.TASK_V2, tasks)
                        .service(ServiceNames.GUEST, guest.methods())
                        .build(),
                executor,
                ServerOptions.DEFAULT.withFailures(Agent::logFailure));
        pods.serve(new AgentPods(lifecycle), () -> server);
        Pod pod = pods.open(new PodInfo(POD, "guest", "guest", "", "", PodInfo.DEFAULT_BACKEND));
        // It is there as long as the machine, with or without containers.
        pod.sandboxLive(true);
        pods.store(pod);
        links = new LinkServer(new FrameLoop("link-loop"), pods);
    }

    void start() throws IOException {
        links.listen(state.resolve("caissond.sock"));
        releaseStartLock();
        changes.hearAgain();
    }

    private static void releaseStartLock() throws IOException {
        Path fd = Path.of("/proc/self/fd/" + START_LOCK_FD);
        if (Files.isSymbolicLink(fd) && Files.readSymbolicLink(fd).endsWith("start.lock")) {
            Fd.adopt(START_LOCK_FD, "start lock").close();
        }
    }

    private static void logFailure(RequestContext request, Throwable failure) {
        if (!(failure instanceof TtrpcException)) {
            System.getLogger(Agent.class.getName())
                    .log(System.Logger.Level.ERROR, request.service() + "/" + request.method() + " failed", failure);
        }
    }
}
