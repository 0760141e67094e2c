package dev.caisson.kvm;

import dev.caisson.backend.Backend.CreateRequest;
import dev.caisson.backend.Checkpoint;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.ProcessExit;
import dev.caisson.kvm.guest.GuestAgent;
import dev.caisson.kvm.guest.GuestSpec;
import dev.caisson.kvm.guest.GuestStreams;
import dev.caisson.kvm.plan.ProxyPlan;
import dev.caisson.kvm.pod.ContainerDisk;
import dev.caisson.kvm.pod.DiskAhead;
import dev.caisson.kvm.pod.MachineRequests;
import dev.caisson.kvm.pod.MachineSpares;
import dev.caisson.kvm.pod.PodMachine;
import dev.caisson.kvm.pod.PodNetwork;
import dev.caisson.kvm.pod.SpecLimits;
import dev.caisson.kvm.template.PodImage;
import dev.caisson.kvm.template.SavedPod;
import dev.caisson.kvm.vmm.MachineMain;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.oci.Mount;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Resources;
import dev.caisson.oci.SpecWriter;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
    private static final String GUEST_NAME = "guestName";
    private static final int NO_DRIVE = -1;
    private static final int SIGKILL = 9;
    private static final System.Logger LOG = System.getLogger(KvmContainer.class.getName());

    private final CreateRequest request;
    private final GuestSpec guest;
    private final Launcher launcher;
    private final PodMembers pod;
    private final PodStart starter;
    private final OomWatch ooms = new OomWatch();
    /** By which the guest knows it. */
    private volatile String id;

    private volatile @Nullable PodMachine machine;
    private volatile boolean ownsMachine;
    private volatile int drive;
    /** How many volumes the machine has of it. */
    private volatile int volumes;

    private volatile boolean paused;
    /** An earlier daemon may have died while it wrote the pod down. */
    private volatile boolean mayBeForsaken;
    /** Nothing of it has run: it was made by this daemon, and not started. */
    private volatile boolean isNew;

    KvmContainer(CreateRequest request, GuestSpec guest, Launcher launcher, MachineSpares spares, PodMembers pod) {
        this(request, guest, launcher, spares, pod, null, Map.of());
    }

    KvmContainer(
            CreateRequest request,
            GuestSpec guest,
            Launcher launcher,
            MachineSpares spares,
            PodMembers pod,
            @Nullable PodMachine machine,
            Map<String, String> record) {
        this.request = request;
        this.guest = guest;
        this.launcher = launcher;
        this.pod = pod;
        this.starter = new PodStart(request, launcher, spares, fresh -> this.machine = fresh);
        this.id = record.getOrDefault(GUEST_NAME, GuestNames.of(request.id()));
        this.machine = machine;
        this.mayBeForsaken = machine != null;
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
        record.put(GUEST_NAME, id);
        return record;
    }

    private PodMachine machine() throws ContainerFault {
        PodMachine known = machine;
        if (known == null) {
            throw new ContainerFault(Kind.WRONG_STATE, "container " + request.id() + " has no virtual machine");
        }
        if (mayBeForsaken) {
            var _ = known.standstill().endIfForsaken();
            mayBeForsaken = false;
        }
        return known;
    }

    // ---- create and start ----

    @Override
    public Launch create() throws ContainerFault {
        StepTimes times = new StepTimes();
        PodMachine in = PodMachine.of(launcher);
        ownsMachine = in == null;
        isNew = true;
        // What is made on the host is made while the machine goes on.
        try (DiskAhead disk = DiskAhead.begin(request, launcher);
                PodNetwork network = in == null ? network() : PodNetwork.none()) {
            GuestAgent.Network told = null;
            if (in == null) {
                in = starter.machine(network);
                told = new GuestAgent.Network(network.interfaces(), in.cards(network), guest.hostname());
                times.done("machine");
            }
            machine = in;
            volumes = guest.volumes().size();
            share(in, guest.volumes());
            MachineRequests.Inserted inserted = in.requests().insert(disk.await(), SpecLimits.of(request.spec()));
            drive = inserted.drive();
            if (inserted.running() > 0) {
                in.agent().processors(inserted.running());
            }
            times.done("disk");
            GuestStreams streams = processes(in).streams(request.io(), hasTerminal());
            in.agent()
                    .prepare(id, MachineMain.DRIVE + drive, SpecWriter.write(guest.spec()), streams, volumes > 0, told);
            times.done("guest");
            Launch proxy = processes(in).proxy(id, "", place(), streams, () -> {});
            times.done("streams");
            return proxy;
        } finally {
            LOG.log(Level.INFO, "create " + request.id() + ": " + times);
            starter.expectAnother();
        }
    }

    private GuestProcesses processes(PodMachine in) {
        return new GuestProcesses(in, launcher);
    }

    private PodNetwork network() throws ContainerFault {
        String namespace = guest.network();
        return namespace == null ? PodNetwork.none() : PodNetwork.open(launcher.here(Path.of(namespace)));
    }

    @Override
    public void start(Launch init) throws ContainerFault {
        isNew = false;
        starter.isAsked();
        StepTimes times = new StepTimes();
        machine().agent().start(id, "");
        times.done("guest");
        GuestProcesses.open(init);
        times.done("proxy");
        LOG.log(Level.INFO, "start " + request.id() + ": " + times);
        starter.isAsked();
    }

    @Override
    public Launch exec(Launch init, int launch, String tag, ProcessSpec process, int io, Map<String, String> subgroups)
            throws ContainerFault {
        if (!subgroups.isEmpty()) {
            throw new ContainerFault(
                    Kind.UNSUPPORTED, "exec in a subgroup of a container in a virtual machine: not in this version");
        }
        PodMachine in = machine();
        return whileAwake(in, () -> processes(in).exec(id, new GuestProcesses.Place(launch, tag, io), process));
    }

    // ---- while it runs ----

    @Override
    public void signalAll(int signal) throws ContainerFault {
        PodMachine in = machine();
        whileAwake(in, () -> {
            in.agent().killAll(id, signal);
            return id;
        });
    }

    /** The host's: what runs in the guest has no pids here. */
    @Override
    public List<Integer> pids() {
        Launch init = launcher.find(request.launch());
        return init == null || init.pid() == 0 || init.exit().isDone() ? List.of() : List.of(init.pid());
    }

    /** In the guest; and when nothing else runs there, the machine's processors stand still. */
    @Override
    public void pause() throws ContainerFault {
        PodMachine in = machine();
        in.agent().pause(id);
        paused = true;
        in.requests().pause(drive);
    }

    @Override
    public void resume() throws ContainerFault {
        PodMachine in = machine();
        in.requests().resume(drive);
        in.agent().resume(id);
        paused = false;
    }

    /** A guest whose processors stand still answers nothing: they go on for so long. The container stays frozen. */
    private <R> R whileAwake(PodMachine in, MachineView.Question<R> question) throws ContainerFault {
        if (!paused) {
            return question.ask();
        }
        in.requests().resume(drive);
        try {
            return question.ask();
        } finally {
            in.requests().pause(drive);
        }
    }

    @Override
    public void update(Resources resources) throws ContainerFault {
        PodMachine in = machine();
        whileAwake(in, () -> {
            HotUpdate.apply(in, id, drive, resources);
            return id;
        });
    }

    @Override
    public CgroupStats stats() throws ContainerFault {
        PodMachine in = machine();
        return whileAwake(in, () -> in.agent().stats(id));
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
        if (in == null || isNew || (ooms.hears() && exit() == null) || hasEndedWell()) {
            return ooms.kills();
        }
        try {
            CgroupStats.@Nullable MemoryEvents events = stats().memoryEvents();
            return events == null ? 0 : events.oomKill();
        } catch (ContainerFault e) {
            return ooms.kills(); // it is gone
        }
    }

    /** Nothing has killed it; what happened to others of its processes was told as it happened. */
    private boolean hasEndedWell() {
        ProcessExit exit = exit();
        return exit != null && exit.code() == 0;
    }

    private @Nullable ProcessExit exit() {
        Launch init = launcher.find(request.launch());
        return init == null ? null : init.exit().getNow(null);
    }

    @Override
    public void watchOom(Runnable onOom) {
        PodMachine in = machine;
        if (in != null) {
            ooms.begin(in.agent(), id, onOom);
        }
    }

    @Override
    public VirtualMachine virtualMachine() throws ContainerFault {
        PodMachine in = machine();
        return new MachineView(in, question -> whileAwake(in, question));
    }

    // ---- written down, and going on from there ----

    /** With the whole machine, and so all of the pod's containers. */
    @Override
    public void checkpoint(Launch init, Checkpoint asked) throws ContainerFault {
        PodCheckpoint.check(asked);
        PodMachine in = machine();
        whileAwake(in, () -> {
            List<PodCheckpoint.Member> members = new ArrayList<>();
            for (KvmContainer each : pod.of(in)) {
                members.add(new PodCheckpoint.Member(
                        each.saved(), ContainerDisk.file(each.request.scratch()), each.paused));
            }
            PodCheckpoint.save(in, members, asked, launcher.here(asked.images()));
            return id;
        });
    }

    boolean isIn(PodMachine machine) {
        PodMachine own = this.machine;
        return own != null && drive != NO_DRIVE && own.isSame(machine);
    }

    /** Whether the machine was made for it. */
    boolean isFirst() {
        return ownsMachine;
    }

    SavedPod.Container saved() {
        List<SavedPod.Volume> places = new ArrayList<>();
        for (Mount each : GuestSpec.shared(request.spec())) {
            places.add(new SavedPod.Volume(each.destination(), GuestSpec.isReadOnly(each)));
        }
        return new SavedPod.Container(request.id(), id, drive, hasTerminal(), places);
    }

    private boolean hasTerminal() {
        ProcessSpec process = request.spec().process();
        return process != null && process.terminal();
    }

    /** Its time, entropy and network are its own, as a template's copy's; whoever it was connected with on the host is gone. */
    @Override
    public Launch restore(Checkpoint asked) throws ContainerFault {
        PodImage image = PodCheckpoint.find(asked, launcher);
        PodMachine in = PodMachine.of(launcher);
        SavedPod.Container saved = PodRestore.choose(
                image.pod(),
                request.id(),
                request.spec().annotations().getOrDefault(PodRestore.ANNOTATION, ""),
                in == null);
        List<GuestSpec.Volume> given = PodRestore.volumes(saved, guest.volumes(), request.id());
        if (saved.terminal() != hasTerminal()) {
            throw new ContainerFault(
                    Kind.INVALID,
                    "restore container " + request.id() + ": the saved one has " + (saved.terminal() ? "a" : "no")
                            + " terminal");
        }
        Path disk = ContainerDisk.file(request.scratch());
        if (in == null) {
            ownsMachine = true;
            become(saved, given);
            in = restoreMachine(image, given, disk);
        } else if (in.waiting().take(image.digest(), saved.drive(), disk)) {
            machine = in;
            become(saved, given);
            share(in, given);
        } else {
            throw new ContainerFault(
                    Kind.INVALID,
                    "restore container " + request.id() + ": " + saved.id()
                            + " does not wait in the pod's machine: that does not come from this image, or it goes on already");
        }
        // Also those that it was made without: they are at their end.
        Launch proxy = processes(in).proxy(id, "", place(), GuestStreams.all(saved.terminal()), () -> {});
        in.agent().resume(id);
        GuestProcesses.open(proxy);
        return proxy;
    }

    private void become(SavedPod.Container saved, List<GuestSpec.Volume> given) {
        id = saved.name();
        drive = saved.drive();
        volumes = given.size();
    }

    private void share(PodMachine in, List<GuestSpec.Volume> given) throws ContainerFault {
        for (GuestSpec.Volume volume : given) {
            in.requests().share(volume, launcher.here(Path.of(volume.source())));
        }
    }

    /** With all disks; the other containers wait for who goes on as them. */
    private PodMachine restoreMachine(PodImage image, List<GuestSpec.Volume> given, Path disk) throws ContainerFault {
        try (PodNetwork network = network()) {
            PodMachine restored = starter.restored(image, network, made -> {
                for (SavedPod.Container each : image.pod().containers()) {
                    boolean own = each.drive() == drive;
                    Path file = own ? disk : disk.resolveSibling(disk.getFileName() + "-" + each.drive());
                    image.copyDisk(each.drive(), file);
                    made.requests().reinsert(each.drive(), file);
                    if (!own) {
                        made.waiting().add(image.digest(), each.drive(), file);
                    }
                }
                share(made, given);
            });
            restored.agent().network(GuestAgent.Network.known(network.interfaces()));
            return restored;
        }
    }

    private GuestProcesses.Place place() {
        return new GuestProcesses.Place(request.launch(), "init " + request.id(), request.io());
    }

    // ---- its end ----

    @Override
    public void destroy() throws ContainerFault {
        ooms.end();
        pod.remove(request.scratch());
        PodMachine in = machine;
        if (in == null) {
            return;
        }
        starter.isAsked();
        StepTimes times = new StepTimes();
        Launch init = launcher.find(request.launch());
        if (ownsMachine) {
            String words = in.lastWords();
            if (words != null) {
                LOG.log(Level.WARNING, "the virtual machine of " + request.id() + " has ended by itself: " + words);
            }
            in.end(launcher);
            times.done("machine");
        } else {
            leave(in);
            times.done("guest");
        }
        if (init != null) {
            init.kill(SIGKILL);
        }
        ContainerDisk.remove(request.scratch());
        times.done("disk");
        LOG.log(Level.INFO, "end " + request.id() + ": " + times);
    }

    /** Each step whatever became of those before: the machine may have ended, or the container may never have come so far. */
    private void leave(PodMachine in) {
        GuestAgent agent = in.agent();
        attempt(() -> {
            var _ = in.standstill().endIfForsaken();
        });
        if (paused) {
            attempt(() -> in.requests().resume(drive));
        }
        attempt(() -> agent.killAll(id, SIGKILL));
        attempt(() -> agent.awaitEnd(id));
        attempt(() -> agent.delete(id, ""));
        attempt(() -> agent.remove(id));
        if (drive != NO_DRIVE) {
            attempt(() -> in.requests().eject(drive));
        }
        for (int i = 0; i < volumes; i++) {
            String name = GuestSpec.volumeName(id, i);
            attempt(() -> in.requests().unshare(name));
        }
    }

    private void attempt(PodStart.Step step) {
        try {
            step.take();
        } catch (ContainerFault e) {
            LOG.log(Level.DEBUG, e.getMessage());
        }
    }
}
