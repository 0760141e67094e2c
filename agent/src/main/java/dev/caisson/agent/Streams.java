package dev.caisson.agent;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.linux.Errno;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.shim.link.MonitorLink;
import dev.caisson.shim.pod.Pod;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Fifos of the containers' processes, and what connects them with the host. Thread-safe; the caller sees to it that ids are names. */
final class Streams {
    private static final Duration CONNECT_TIME = Duration.ofSeconds(30);
    private static final String TAG = Launcher.WALL_TAG + "relay ";
    private static final int SIGKILL = 9;
    /** How /proc/PID/syscall begins for a process that waits in read(2); of one that runs it says so. */
    private static final String IN_READ = "0 ";

    private static final long NAP_MILLIS = 5;

    private final Path directory;
    private final HostPorts host;

    Streams(Path directory, HostPorts host) {
        this.directory = directory;
        this.host = host;
    }

    /** A process's directory. An exec's id is no container's own name, whatever it is. */
    private Path of(String id, String execId) {
        return directory.resolve(id).resolve(execId.isEmpty() ? "init" : "exec-" + execId);
    }

    /** Makes a fifo and says where it is. */
    String make(String id, String execId, int stream) throws ContainerFault {
        Path fifo = of(id, execId).resolve(Integer.toString(stream));
        try {
            Files.createDirectories(fifo.getParent());
            HostFiles.mkfifo(fifo.toString(), 0600);
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "make fifo " + fifo + ": " + Errno.describe(e), e);
        }
        return fifo.toString();
    }

    /**
     * Connects a process's fifos with ports of the host's, and no others; returns when they are.
     *
     * @param ports by stream, 0 for none
     */
    void connect(Pod pod, String id, String execId, int... ports) throws ContainerFault {
        MonitorLink link = pod.link();
        if (link == null) {
            throw new ContainerFault(Kind.UNAVAILABLE, "connect streams of " + id + ": the monitor is not attached");
        }
        endRelays(link, tag(id, execId));
        // All begin before one is waited for: each is a process, and a call to the host.
        List<Launch> relays = new ArrayList<>();
        for (int stream = 0; stream < ports.length; stream++) {
            if (ports[stream] != 0) {
                relays.add(relay(link, id, execId, stream, ports[stream]));
            }
        }
        for (Launch each : relays) {
            each.awaitLaunched(CONNECT_TIME);
        }
    }

    /** Of a machine that was written down: whom they were connected with is gone, and nobody writes to the fifos yet. */
    private static void endRelays(MonitorLink link, String tag) {
        for (Map.Entry<String, Launch> each : link.walls().entrySet()) {
            if (each.getKey().startsWith(tag)) {
                each.getValue().kill(SIGKILL);
                each.getValue().awaitExit(CONNECT_TIME);
            }
        }
    }

    /**
     * Waits until what came out of the fifos of containers, which are paused, has been sent to the host.
     *
     * @throws ContainerFault WRONG_STATE while there are streams that are not their inits'
     */
    void settle(Pod pod, List<String> ids) throws ContainerFault {
        MonitorLink link = pod.link();
        if (link == null) {
            throw new ContainerFault(Kind.UNAVAILABLE, "settle streams of " + ids + ": the monitor is not attached");
        }
        Map<Launch, String> outputs = new LinkedHashMap<>();
        for (Map.Entry<String, Launch> each : link.walls().entrySet()) {
            String tag = each.getKey();
            Launch relay = each.getValue();
            if (!tag.startsWith(TAG) || relay.exit().isDone()) {
                continue;
            }
            String of = null;
            for (String id : ids) {
                of = tag.startsWith(tag(id, "")) ? id : of;
            }
            if (of == null) {
                throw new ContainerFault(
                        Kind.WRONG_STATE,
                        "something else than " + String.join(" and ", ids)
                                + " runs in their machine, or a process of an exec");
            }
            if (!tag.endsWith(" 0")) {
                outputs.put(relay, of);
            }
        }
        for (Map.Entry<Launch, String> each : outputs.entrySet()) {
            awaitIdle(each.getValue(), each.getKey());
        }
    }

    /** A relay that waits for more has sent what it had; the calls of one that sends are known by their number as well. */
    private static void awaitIdle(String id, Launch relay) throws ContainerFault {
        long end = System.nanoTime() + CONNECT_TIME.toNanos();
        while (!relay.exit().isDone()) {
            try {
                String call = HostFiles.textIfPresent("/proc/" + relay.pid() + "/syscall");
                if (call == null || call.startsWith(IN_READ)) {
                    return;
                }
                Thread.sleep(NAP_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new ContainerFault(Kind.UNAVAILABLE, "settle streams of " + id + ": interrupted", e);
            } catch (IOException e) {
                throw new ContainerFault(Kind.FAILED, "look at a stream of " + id + ": " + Errno.describe(e), e);
            }
            if (System.nanoTime() > end) {
                throw new ContainerFault(Kind.FAILED, "nobody reads what " + id + " has written");
            }
        }
    }

    private static String tag(String id, String execId) {
        return TAG + id + " " + execId + " ";
    }

    private Launch relay(MonitorLink link, String id, String execId, int stream, int port) throws ContainerFault {
        String fifo = of(id, execId).resolve(Integer.toString(stream)).toString();
        LaunchPlan plan = stream == 0 ? RelayPlan.input(fifo, host, port) : RelayPlan.output(fifo, host, port);
        Launch relay = link.spawn(link.nextId(), tag(id, execId) + stream, plan, 0, Set.of(Launcher.Flag.SELF));
        var _ = relay.exit().thenRun(relay::forget);
        return relay;
    }

    /** An earlier agent's: nobody else would forget them. */
    static void recover(MonitorLink link) {
        for (Map.Entry<String, Launch> each : link.walls().entrySet()) {
            Launch relay = each.getValue();
            if (each.getKey().startsWith(TAG)) {
                var _ = relay.exit().thenRun(relay::forget);
            }
        }
    }

    /** Ends all of a container's, and takes the fifos away. */
    void remove(Pod pod, String id) throws IOException {
        MonitorLink link = pod.link();
        if (link != null) {
            link.walls().forEach((tag, relay) -> {
                if (tag.startsWith(TAG + id + " ")) {
                    relay.kill(SIGKILL);
                }
            });
        }
        Trees.delete(directory.resolve(id));
    }
}
