package dev.caisson.kvm;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.kvm.guest.GuestAgent;
import dev.caisson.kvm.guest.GuestSpec;
import dev.caisson.kvm.guest.GuestStreams;
import dev.caisson.kvm.plan.ProxyPlan;
import dev.caisson.kvm.pod.PodMachine;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.SpecWriter;
import java.lang.System.Logger.Level;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Processes in a guest, each with a proxy on the host ({@link ProxyPlan}), which is what monitor and daemon know as the process. */
final class GuestProcesses {
    private static final System.Logger LOG = System.getLogger(GuestProcesses.class.getName());
    private static final int SIGKILL = 9;
    private static final Duration PROXY_TIME = Duration.ofSeconds(30);
    /** Ports of the host's that streams call: below those of connections from the host (vsock: 1 << 30), above those of services. */
    private static final int FIRST_PORT = 1 << 16;

    private static final int STREAMS = 3;
    private static final int NAME_BYTES = 8;
    private static final SecureRandom RANDOM = new SecureRandom();

    private final PodMachine machine;
    private final Launcher launcher;

    GuestProcesses(PodMachine machine, Launcher launcher) {
        this.machine = machine;
        this.launcher = launcher;
    }

    /** How a proxy is launched. */
    record Place(int launch, String tag, int io) {}

    /** What nobody else is called. */
    static String newName() {
        byte[] name = new byte[NAME_BYTES];
        RANDOM.nextBytes(name);
        return HexFormat.of().formatHex(name);
    }

    /** Which streams a process that will be placed there has on the host. */
    GuestStreams streams(int io, boolean terminal) {
        return GuestStreams.of(launcher.streams(io), terminal);
    }

    /** The proxy of a process that the guest has, with its streams; it waits at its gate. */
    Launch proxy(String id, String execId, Place place, GuestStreams streams, PodStart.Step between)
            throws ContainerFault {
        int port = FIRST_PORT + STREAMS * RANDOM.nextInt((1 << 28) / STREAMS);
        int in = streams.in() ? port : 0;
        int out = streams.out() ? port + 1 : 0;
        int err = streams.err() ? port + 2 : 0;
        LaunchPlan plan = ProxyPlan.of(
                new ProxyPlan.Place(
                        machine.ports().toString(),
                        GuestAgent.PORT,
                        socket(in),
                        socket(out),
                        socket(err),
                        streams.terminal(),
                        launcher.handover().outlives()),
                GuestAgent.frames(id, execId));
        Launch proxy = launcher.spawn(place.launch(), place.tag(), plan, place.io(), Set.of());
        try {
            var _ = proxy.awaitNote(ProxyPlan.NOTE_READY, PROXY_TIME);
            between.take();
            if (streams.any()) {
                machine.agent().connectStreams(id, execId, in, out, err);
            }
            return proxy;
        } catch (ContainerFault e) {
            proxy.kill(SIGKILL);
            throw e;
        }
    }

    private @Nullable String socket(int port) {
        return port == 0 ? null : machine.port(port).toString();
    }

    /** What a proxy waits for to be the process. */
    static void open(Launch proxy) throws ContainerFault {
        proxy.gate((byte) 1);
        proxy.awaitLaunched(PROXY_TIME);
    }

    /** One more process of a container. */
    Launch exec(String id, Place place, ProcessSpec process) throws ContainerFault {
        GuestAgent agent = machine.agent();
        String execId = newName();
        ProcessSpec inGuest = GuestSpec.process(process);
        GuestStreams streams = streams(place.io(), inGuest.terminal());
        GuestAgent.Fifos fifos = agent.streams(id, execId, streams);
        agent.exec(id, execId, SpecWriter.writeProcess(inGuest), fifos);
        Launch proxy = proxy(id, execId, place, streams, () -> agent.start(id, execId));
        open(proxy);
        whenEnded(proxy, () -> agent.delete(id, execId));
        return proxy;
    }

    /** What the guest still knows of a process that has ended. */
    static void whenEnded(Launch proxy, PodStart.Step forget) {
        var _ = proxy.exit()
                .thenRun(() -> Thread.startVirtualThread(() -> {
                    try {
                        forget.take();
                    } catch (ContainerFault e) {
                        // Its container or its machine is gone, and so is that.
                        LOG.log(Level.DEBUG, e.getMessage());
                    }
                }));
    }
}
