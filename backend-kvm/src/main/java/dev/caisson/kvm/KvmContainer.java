package dev.caisson.kvm;

import dev.caisson.backend.Backend.CreateRequest;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.MachineTemplates.Shape;
import dev.caisson.kvm.guest.GuestAgent;
import dev.caisson.kvm.guest.GuestSpec;
import dev.caisson.kvm.plan.ProxyPlan;
import dev.caisson.kvm.pod.ContainerDisk;
import dev.caisson.kvm.pod.MachineSize;
import dev.caisson.kvm.pod.MachineSpares;
import dev.caisson.kvm.pod.PodMachine;
import dev.caisson.kvm.pod.PodNetwork;
import dev.caisson.kvm.template.TemplateStore.Template;
import dev.caisson.kvm.vmm.MachineMain;
import dev.caisson.linux.Fd;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Resources;
import dev.caisson.oci.SpecWriter;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A container in a pod's machine. Each of its processes has a proxy on the host ({@link ProxyPlan}), which is what monitor and daemon know as the
 * process.
 */
final class KvmContainer implements Container {
    private static final String DRIVE = "drive";
    private static final String OWNS = "ownsMachine";
    private static final String PAUSED = "paused";
    private static final String VOLUMES = "volumes";
    private static final int NO_DRIVE = -1;
    private static final int SIGKILL = 9;
    private static final Duration PROXY_TIME = Duration.ofSeconds(30);
    /** Ports of the host's that streams call: below those of connections from the host (vsock: 1 << 30), above those of services. */
    private static final int FIRST_PORT = 1 << 16;

    private static final int STREAMS = 3;
    private static final SecureRandom RANDOM = new SecureRandom();

    private static final System.Logger LOG = System.getLogger(KvmContainer.class.getName());

    private final CreateRequest request;
    private final GuestSpec guest;
    private final Launcher launcher;
    private final MachineSpares spares;
    private final String id;
    private volatile @Nullable PodMachine machine;
    private volatile boolean ownsMachine;
    private volatile int drive;
    /** How many volumes the machine has of it. */
    private volatile int volumes;

    private volatile boolean paused;
    /** What the next pod's machine is likely to be like. */
    private PodMachine.@Nullable Beginning expected;

    KvmContainer(CreateRequest request, GuestSpec guest, Launcher launcher, MachineSpares spares) {
        this(request, guest, launcher, spares, null, Map.of());
    }

    KvmContainer(
            CreateRequest request,
            GuestSpec guest,
            Launcher launcher,
            MachineSpares spares,
            @Nullable PodMachine machine,
            Map<String, String> record) {
        this.request = request;
        this.guest = guest;
        this.launcher = launcher;
        this.spares = spares;
        this.id = GuestNames.of(request.id());
        this.machine = machine;
        this.drive = Integer.parseInt(record.getOrDefault(DRIVE, Integer.toString(NO_DRIVE)));
        this.volumes = Integer.parseInt(record.getOrDefault(VOLUMES, "0"));
        this.ownsMachine = Boolean.parseBoolean(record.get(OWNS));
        this.paused = isPaused(record);
    }

    static boolean isPaused(Map<String, String> record) {
        return Boolean.parseBoolean(record.get(PAUSED));
    }

    @Override
    public Map<String, String> record() {
        Map<String, String> record = new HashMap<>();
        PodMachine known = machine;
        if (known != null) {
            known.record(record);
        }
        record.put(DRIVE, Integer.toString(drive));
        record.put(VOLUMES, Integer.toString(volumes));
        record.put(OWNS, Boolean.toString(ownsMachine));
        record.put(PAUSED, Boolean.toString(paused));
        return record;
    }

    private PodMachine machine() throws ContainerFault {
        PodMachine known = machine;
        if (known == null) {
            throw new ContainerFault(Kind.WRONG_STATE, "container " + request.id() + " has no virtual machine");
        }
        return known;
    }

    // ---- create and start ----

    @Override
    public Launch create() throws ContainerFault {
        PodMachine in = PodMachine.of(launcher);
        ownsMachine = in == null;
        if (in == null) {
            try (PodNetwork network = network()) {
                in = startMachine(network);
                in.agent().network(network.interfaces(), in.cards(network), guest.hostname());
            }
        }
        machine = in;
        drive = in.insert(ContainerDisk.make(request, launcher));
        volumes = guest.volumes().size();
        for (GuestSpec.Volume volume : guest.volumes()) {
            in.share(volume, launcher.here(Path.of(volume.source())));
        }
        GuestAgent agent = in.agent();
        String bundle = agent.bundle(id, MachineMain.DRIVE + drive, SpecWriter.write(guest.spec()));
        ProcessSpec process = guest.spec().process();
        boolean terminal = process != null && process.terminal();
        agent.create(id, bundle, agent.streams(id, "", terminal));
        Launch proxy = proxy(in, "", request.launch(), "init " + request.id(), request.io(), terminal, () -> {});
        if (expected != null) {
            spares.expect(expected);
        }
        return proxy;
    }

    private PodNetwork network() throws ContainerFault {
        String namespace = guest.network();
        return namespace == null ? PodNetwork.none() : PodNetwork.open(launcher.here(Path.of(namespace)));
    }

    /** A copy of a template where there is one that fits, or else one that boots. */
    private PodMachine startMachine(PodNetwork network) throws ContainerFault {
        MachineSize size = MachineSize.of(request.spec());
        int cards = network.interfaces().size();
        String asked = request.spec().annotations().getOrDefault(KvmTemplates.ANNOTATION, "");
        Template template = KvmTemplates.store()
                .choose(new Shape(size.memoryMib(), size.processors(), cards), asked)
                .orElse(null);
        if (template != null) {
            try {
                PodMachine copy = copy(template, network);
                LOG.log(Level.INFO, "pod of " + request.id() + ": a copy of template " + template.name());
                return copy;
            } catch (ContainerFault e) {
                if (!asked.isEmpty()) {
                    throw e;
                }
                LOG.log(
                        Level.WARNING,
                        "pod of " + request.id() + ": no copy of template " + template.name() + ": " + e.getMessage());
            }
        }
        PodMachine booted = PodMachine.make(new PodMachine.Beginning(size, cards, null));
        become(booted, size, () -> {
            booted.plug(network);
            booted.begin();
        });
        LOG.log(Level.INFO, "pod of " + request.id() + ": a machine that has booted");
        return booted;
    }

    private PodMachine copy(Template template, PodNetwork network) throws ContainerFault {
        Shape shape = template.shape();
        PodMachine.Beginning like = new PodMachine.Beginning(
                new MachineSize(shape.memoryMib(), shape.processors()), shape.cards(), template.machine());
        PodMachine spare = spares.take(template.machine());
        PodMachine copy = spare == null ? PodMachine.make(like) : spare;
        become(copy, like.size(), () -> {
            copy.plug(network);
            if (spare == null) {
                copy.begin();
            } else {
                copy.go();
            }
        });
        expected = like;
        return copy;
    }

    /** Makes a machine the pod's; without success nothing is left of it. */
    private void become(PodMachine fresh, MachineSize size, Step steps) throws ContainerFault {
        machine = fresh;
        try {
            fresh.keep(launcher, true);
            String cgroupsPath = request.spec().linux().cgroupsPath();
            fresh.charge(cgroupsPath == null ? "" : cgroupsPath, size);
            steps.take();
        } catch (ContainerFault e) {
            fresh.end(launcher);
            throw e;
        }
    }

    /** Something between the proxy's listening and the guest's calling. */
    private interface Step {
        void take() throws ContainerFault;
    }

    private Launch proxy(PodMachine in, String execId, int launch, String tag, int io, boolean terminal, Step between)
            throws ContainerFault {
        int port = FIRST_PORT + STREAMS * RANDOM.nextInt((1 << 28) / STREAMS);
        LaunchPlan plan = ProxyPlan.of(
                new ProxyPlan.Place(
                        in.ports().toString(),
                        GuestAgent.PORT,
                        in.port(port).toString(),
                        in.port(port + 1).toString(),
                        terminal ? null : in.port(port + 2).toString(),
                        terminal,
                        launcher.handover().outlives()),
                GuestAgent.frames(id, execId));
        Launch proxy = launcher.spawn(launch, tag, plan, io, Set.of());
        try {
            var _ = proxy.awaitNote(ProxyPlan.NOTE_READY, PROXY_TIME);
            between.take();
            in.agent().connectStreams(id, execId, port, port + 1, terminal ? 0 : port + 2);
            return proxy;
        } catch (ContainerFault e) {
            proxy.kill(SIGKILL);
            throw e;
        }
    }

    @Override
    public void start(Launch init) throws ContainerFault {
        machine().agent().start(id, "");
        init.gate((byte) 1);
        init.awaitLaunched(PROXY_TIME);
    }

    @Override
    public Launch exec(Launch init, int launch, String tag, ProcessSpec process, int io, Map<String, String> subgroups)
            throws ContainerFault {
        if (!subgroups.isEmpty()) {
            throw new ContainerFault(
                    Kind.UNSUPPORTED, "exec in a subgroup of a container in a virtual machine: not in this version");
        }
        PodMachine in = machine();
        GuestAgent agent = in.agent();
        byte[] name = new byte[8];
        RANDOM.nextBytes(name);
        String execId = HexFormat.of().formatHex(name);
        ProcessSpec inGuest = GuestSpec.process(process);
        GuestAgent.Fifos fifos = agent.streams(id, execId, inGuest.terminal());
        agent.exec(id, execId, SpecWriter.writeProcess(inGuest), fifos);
        Launch proxy = proxy(in, execId, launch, tag, io, inGuest.terminal(), () -> agent.start(id, execId));
        proxy.gate((byte) 1);
        proxy.awaitLaunched(PROXY_TIME);
        var _ = proxy.exit().thenRun(() -> Thread.startVirtualThread(() -> forget(agent, execId)));
        return proxy;
    }

    /** What the guest still knows of an exec that has ended. */
    private void forget(GuestAgent agent, String execId) {
        try {
            agent.delete(id, execId);
        } catch (ContainerFault e) {
            // Its container or its machine is gone, and so is that.
            LOG.log(Level.DEBUG, e.getMessage());
        }
    }

    // ---- while it runs ----

    @Override
    public void signalAll(int signal) throws ContainerFault {
        machine().agent().killAll(id, signal);
    }

    /** The host's: what runs in the guest has no pids here. */
    @Override
    public List<Integer> pids() {
        Launch init = launcher.find(request.launch());
        return init == null || init.pid() == 0 || init.exit().isDone() ? List.of() : List.of(init.pid());
    }

    @Override
    public void pause() throws ContainerFault {
        machine().agent().pause(id);
        paused = true;
    }

    @Override
    public void resume() throws ContainerFault {
        machine().agent().resume(id);
        paused = false;
    }

    @Override
    public void update(Resources resources) throws ContainerFault {
        machine().agent().update(id, SpecWriter.writeResources(resources));
    }

    @Override
    public CgroupStats stats() throws ContainerFault {
        return machine().agent().stats(id);
    }

    /** In the guest; or the whole machine, whose end is one for each of its containers. */
    @Override
    public long oomKills() {
        PodMachine in = machine;
        if (in != null && in.isOutOfMemory()) {
            LOG.log(
                    Level.WARNING,
                    "the virtual machine of " + request.id()
                            + " was killed: it has reached its memory limit on the host");
            return 1;
        }
        try {
            CgroupStats.@Nullable MemoryEvents events =
                    in == null ? null : in.agent().stats(id).memoryEvents();
            return events == null ? 0 : events.oomKill();
        } catch (ContainerFault e) {
            return 0; // it is gone
        }
    }

    /** Looked at when a process ends; the guest does not call. */
    @Override
    public void watchOom(Runnable onOom) {}

    @Override
    public VirtualMachine virtualMachine() throws ContainerFault {
        PodMachine in = machine();
        return new VirtualMachine() {
            @Override
            public String console() {
                return in.console();
            }

            @Override
            public void dump(Fd file) throws ContainerFault {
                in.dump(file);
            }

            @Override
            public String metrics() throws ContainerFault {
                return in.metrics();
            }
        };
    }

    // ---- its end ----

    @Override
    public void destroy() throws ContainerFault {
        PodMachine in = machine;
        if (in == null) {
            return;
        }
        Launch init = launcher.find(request.launch());
        if (ownsMachine) {
            in.end(launcher);
        } else {
            leave(in);
        }
        if (init != null) {
            init.kill(SIGKILL);
        }
        ContainerDisk.remove(request.scratch());
    }

    /** Each step whatever became of those before: the machine may have ended, or the container may never have come so far. */
    private void leave(PodMachine in) {
        GuestAgent agent = in.agent();
        attempt(() -> agent.killAll(id, SIGKILL));
        attempt(() -> agent.awaitEnd(id));
        attempt(() -> agent.delete(id, ""));
        attempt(() -> agent.remove(id));
        if (drive != NO_DRIVE) {
            attempt(() -> in.eject(drive));
        }
        for (int i = 0; i < volumes; i++) {
            String name = GuestSpec.volumeName(id, i);
            attempt(() -> in.unshare(name));
        }
    }

    private void attempt(Step step) {
        try {
            step.take();
        } catch (ContainerFault e) {
            LOG.log(Level.DEBUG, e.getMessage());
        }
    }
}
