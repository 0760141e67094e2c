package dev.caisson.kvm.pod;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.PlayedPlan;
import dev.caisson.kvm.guest.GuestAgent;
import dev.caisson.kvm.guest.GuestText;
import dev.caisson.kvm.guest.PodInterface;
import dev.caisson.kvm.plan.Jail;
import dev.caisson.kvm.plan.KeeperPlan;
import dev.caisson.kvm.plan.MachinePlan;
import dev.caisson.kvm.vmm.MachineCards;
import dev.caisson.kvm.vmm.MachineMain;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A machine: a process that a daemon has started, and a directory with its sockets and log. A pod's has a keeper ({@link KeeperPlan}), which any daemon finds by its
 * tag; that names the directory and the process.
 */
public final class PodMachine {
    private static final System.Logger LOGGER = System.getLogger(PodMachine.class.getName());
    private static final String TAG = Launcher.WALL_TAG + "machine ";
    /** Not below the state directory, whose path may be longer than an address of a unix socket takes. */
    private static final Path MACHINES = Path.of(System.getProperty("caisson.kvm.machines", "/run/caisson-kvm"));

    private static final String LOG = "log";
    private static final int NAME_BYTES = 8;
    private static final int SIGKILL = 9;
    private static final Duration BOOT_TIME = Duration.ofSeconds(Integer.getInteger("caisson.kvm.boot.seconds", 60));
    private static final Duration END_TIME = Duration.ofSeconds(5);
    private static final long FIRST_NAP_MILLIS = 5;
    private static final long NAP_MILLIS = 50;
    /** How long a guest that boots has for the answer whether its agent listens; and by how much of its boot's time that grows, as it may be a slow one. */
    private static final long PATIENCE_NANOS = 1_000_000_000;

    private static final int PATIENCE_SHARE = 8;
    private static final int LOG_LINES = 30;

    private static final String NAME = "machine";
    /** In the directory: which process it is, whether it has a pod, and its cgroup. */
    private static final String PROCESS = "process";

    private static final String GROUP = "machineGroup";
    private static final String NEW = "new";
    private static final String READY = "ready";
    private static final String KEPT = "kept";

    private static final Duration REST_LIMIT = Duration.ofSeconds(20);

    private final Path directory;
    private final MachineProcess process;
    private final MachineRequests requests;
    private final boolean isCopy;
    private volatile MachineGroup group;

    private PodMachine(Path directory, MachineProcess process, boolean isCopy) {
        this.group = MachineGroup.own(String.valueOf(directory.getFileName()));
        this.directory = directory;
        this.process = process;
        this.isCopy = isCopy;
        this.requests = new MachineRequests(new MachineSocket(directory.resolve(MachineMain.CONTROL)));
    }

    /** The one that a record names; null when it names none. */
    public static @Nullable PodMachine recover(Map<String, String> record) {
        String name = record.get(NAME);
        if (name == null) {
            return null;
        }
        PodMachine known = new PodMachine(MACHINES.resolve(name), MachineProcess.recover(record), false);
        String where = record.get(GROUP);
        if (where != null) {
            known.group = MachineGroup.parse(where);
        }
        return known;
    }

    /** What {@link #recover} needs. */
    public void record(Map<String, String> to) {
        to.put(NAME, name());
        process.record(to);
        to.put(GROUP, group.text());
    }

    /** The machine that the pod has; null when it has none, or an ended one. */
    public static @Nullable PodMachine of(Launcher launcher) throws ContainerFault {
        for (Map.Entry<String, Launch> wall : launcher.walls().entrySet()) {
            if (wall.getKey().startsWith(TAG) && wall.getValue().exit().getNow(null) == null) {
                String[] words = wall.getKey().substring(TAG.length()).split(" ", 2);
                return new PodMachine(
                        MACHINES.resolve(words[0]), MachineProcess.parse(words.length > 1 ? words[1] : ""), false);
            }
        }
        return null;
    }

    /** Whether it is that machine. */
    public boolean isSame(PodMachine other) {
        return directory.equals(other.directory);
    }

    private String name() {
        return directory.getFileName().toString();
    }

    public GuestAgent agent() {
        return new GuestAgent(ports(), this::console);
    }

    /** What it can be asked. */
    public MachineRequests requests() {
        return requests;
    }

    /** The unix socket of the guest's ports. */
    public Path ports() {
        return directory.resolve(MachineMain.PORTS);
    }

    /** The unix socket that a port of the host's is to the guest. */
    public Path port(int number) {
        return directory.resolve(MachineMain.PORTS + "_" + number);
    }

    // ---- its life ----

    /**
     * What one is made like; nothing of it is a pod's.
     *
     * @param cards how many network cards it has
     * @param template a file with a machine to go on from; null for one that boots
     */
    public record Beginning(
            MachineSize size, int cards, @Nullable Path template) {}

    /** Starts its process; the guest does not run yet. It ends with this daemon until it has a keeper. */
    public static PodMachine make(Beginning beginning) throws ContainerFault {
        byte[] name = new byte[NAME_BYTES];
        new SecureRandom().nextBytes(name);
        Path directory = MACHINES.resolve(HexFormat.of().formatHex(name));
        Jail jail = prepare(directory, beginning.template());
        PodMachine made = new PodMachine(directory, MachineProcess.NONE, false);
        PlayedPlan played;
        try {
            played = PlayedPlan.start(MachinePlan.of(
                    MachineCommand.of(directory, beginning),
                    directory.resolve(LOG).toString(),
                    jail));
        } catch (IOException e) {
            made.remove();
            throw new ContainerFault(Kind.FAILED, "start virtual machine: " + Errno.describe(e), e);
        }
        try {
            made = new PodMachine(
                    directory, MachineProcess.of((int) played.process().pid()), beginning.template() != null);
            made.mark(NEW);
            made.group.join(made.process, beginning.size());
            made.awaitProcess(played);
            return made;
        } catch (ContainerFault e) {
            played.process().destroyForcibly();
            made.discard();
            throw e;
        }
    }

    /** Waits until it listens. */
    private void awaitProcess(PlayedPlan played) throws ContainerFault {
        long end = System.nanoTime() + BOOT_TIME.toNanos();
        while (!Files.exists(directory.resolve(MachineMain.CONTROL))) {
            if (!played.process().isAlive()) {
                throw new ContainerFault(
                        Kind.FAILED, "start virtual machine: it ended: " + played.failedStep() + " " + log());
            }
            if (System.nanoTime() > end) {
                throw new ContainerFault(Kind.FAILED, "start virtual machine: no answer after " + BOOT_TIME);
            }
            nap(FIRST_NAP_MILLIS);
        }
    }

    private static void nap(long millis) throws ContainerFault {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ContainerFault(Kind.UNAVAILABLE, "interrupted while a virtual machine begins", e);
        }
    }

    boolean isAlive() {
        try {
            return process.isRunning();
        } catch (ErrnoException e) {
            return false;
        }
    }

    /**
     * Makes it a pod's, with which it ends.
     *
     * @param alone whether it lives on without what its keeper is a launch of, if that says so; else it ends with it
     */
    public void keep(Launcher launcher, boolean alone) throws ContainerFault {
        Launch keeper = launcher.spawn(
                launcher.nextId(),
                TAG + name() + " " + process.text(),
                KeeperPlan.of(
                        directory.resolve(MachineMain.KEEPERS).toString(),
                        alone && launcher.handover().outlives()),
                0,
                Set.of(Launcher.Flag.SELF));
        var _ = keeper.exit().thenRun(keeper::forget);
        var _ = keeper.awaitNote(KeeperPlan.NOTE_KEEPS, BOOT_TIME);
        mark(KEPT);
    }

    /**
     * Has what it uses from now on charged to the pod's own cgroup, if the pod has one.
     *
     * @param cgroupsPath of the pod's first container, empty for none
     */
    public void charge(String cgroupsPath, MachineSize size) throws ContainerFault {
        MachineGroup own = group;
        MachineGroup pods = MachineGroup.inPod(name(), cgroupsPath);
        if (pods == null) {
            return;
        }
        try {
            pods.join(process, size);
        } catch (ContainerFault e) {
            // Such as a group that holds processes itself, and so no groups.
            LOGGER.log(System.Logger.Level.INFO, e.getMessage());
            return;
        }
        group = pods;
        mark(KEPT);
        pods.takeOver(own);
    }

    /** What it has said at last when it has ended, which no machine does by itself that nothing is wrong with; null while it lives. */
    public @Nullable String lastWords() {
        return isAlive() || !Files.isDirectory(directory) ? null : log();
    }

    /** Whether it has ended because its limit on the host was reached: Java's share of it was too small, or the guest made it hold too much. */
    public boolean isOutOfMemory() {
        return group.isOutOfMemory();
    }

    /** By which addresses its guest knows the cards of interfaces that it was given: one that has booted with them by theirs. */
    public List<String> cards(PodNetwork network) {
        List<String> cards = new ArrayList<>();
        for (PodInterface each : network.interfaces()) {
            cards.add(isCopy ? PodInterface.text(MachineCards.address(cards.size())) : each.mac());
        }
        return cards;
    }

    /** Lets the guest run, and waits until its agent answers. */
    public void begin() throws ContainerFault {
        requests.begin();
        awaitAgent();
    }

    /** Of what is in it, while it is written down. */
    public Standstill standstill() {
        return new Standstill(directory, new Standstill.Machine() {
            @Override
            public void go() throws ContainerFault {
                requests.go();
            }

            @Override
            public void pause(int drive) throws ContainerFault {
                requests.pause(drive);
            }

            @Override
            public void resume(String container) throws ContainerFault {
                agent().resume(container);
            }
        });
    }

    /** Its directory, of which nothing is left when this fails. */
    private static Jail prepare(Path directory, @Nullable Path template) throws ContainerFault {
        try {
            Files.createDirectories(MACHINES);
            Files.createDirectory(
                    directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "make directory " + directory + ": " + Errno.describe(e), e);
        }
        try {
            Files.createDirectory(directory.resolve(JailFiles.STAGE));
            return JailFiles.of(directory, MachineCommand.image(), template);
        } catch (IOException e) {
            new PodMachine(directory, MachineProcess.NONE, false).remove();
            throw new ContainerFault(Kind.FAILED, "prepare directory " + directory + ": " + Errno.describe(e), e);
        }
    }

    private void awaitAgent() throws ContainerFault {
        long begin = System.nanoTime();
        long end = begin + BOOT_TIME.toNanos();
        long nap = FIRST_NAP_MILLIS;
        while (true) {
            try {
                long patience = PATIENCE_NANOS + (System.nanoTime() - begin) / PATIENCE_SHARE;
                var _ = agent().within(Duration.ofNanos(patience))
                        .hello(isCopy ? new GuestAgent.Copy(name(), requests.behind()) : null);
                return;
            } catch (ContainerFault e) {
                if (!isAlive()) {
                    throw new ContainerFault(Kind.FAILED, "boot virtual machine: it ended: " + log(), e);
                }
                if (e.kind() != Kind.UNAVAILABLE || System.nanoTime() > end) {
                    throw new ContainerFault(
                            Kind.FAILED, "boot virtual machine: " + e.getMessage() + "; its console: " + console(), e);
                }
            }
            nap(nap);
            nap = NAP_MILLIS;
        }
    }

    /** Ends it and takes all away that it had. Idempotent. */
    public void end(Launcher launcher) throws ContainerFault {
        for (Map.Entry<String, Launch> wall : launcher.walls().entrySet()) {
            if (wall.getKey().startsWith(TAG + name() + " ")) {
                wall.getValue().kill(SIGKILL);
                wall.getValue().awaitExit(END_TIME);
            }
        }
        discard();
    }

    /** As {@link #end}, for one without a keeper. */
    public void discard() throws ContainerFault {
        process.kill();
        remove();
    }

    /** Says that it only waits for a pod. */
    void markReady() throws ContainerFault {
        mark(READY);
    }

    private void mark(String state) throws ContainerFault {
        try {
            Files.writeString(directory.resolve(PROCESS), process.text() + " " + state + " " + group.text());
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "mark virtual machine " + name() + ": " + Errno.describe(e), e);
        }
    }

    /** Takes away what is left of machines that have ended, when no daemon was there to see it, and lets those go on that a daemon's death has left standing. */
    static void removeAbandoned() throws ErrnoException, ContainerFault {
        List<HostFiles.Entry> all = HostFiles.listIfPresent(MACHINES.toString());
        for (HostFiles.Entry each : all == null ? List.<HostFiles.Entry>of() : all) {
            Path directory = MACHINES.resolve(each.name());
            String mark = HostFiles.textIfPresent(directory.resolve(PROCESS).toString());
            String[] words = mark == null ? new String[0] : mark.split(" ", -1);
            if (words.length == 4) {
                PodMachine machine = new PodMachine(directory, MachineProcess.parse(words[0] + " " + words[1]), false);
                machine.group = MachineGroup.parse(words[3]);
                if (!machine.isAlive()) {
                    machine.remove();
                } else {
                    Thread.startVirtualThread(machine::goOnIfForsaken);
                }
            }
        }
    }

    /** A guest may take its time to answer. */
    private void goOnIfForsaken() {
        try {
            if (standstill().endIfForsaken()) {
                LOGGER.log(
                        System.Logger.Level.INFO,
                        "virtual machine " + name() + " goes on: the daemon that was writing it down has died");
            }
        } catch (ContainerFault e) {
            LOGGER.log(System.Logger.Level.WARNING, "virtual machine " + name() + " stands still: " + e.getMessage());
        }
    }

    private void remove() throws ContainerFault {
        group.remove();
        if (!group.equals(MachineGroup.own(name()))) {
            // It was in that before it had a pod, and may have left something of the kernel's there.
            MachineGroup.own(name()).remove();
        }
        if (!Files.isDirectory(directory)) {
            return;
        }
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
            for (Path file : files) {
                Files.deleteIfExists(file);
            }
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "remove directory " + directory + ": " + Errno.describe(e), e);
        }
    }

    // ---- what is known of it ----

    /** Containers that were written down with this machine, and have not gone on yet. */
    public WaitingContainers waiting() {
        return new WaitingContainers(directory);
    }

    /**
     * Lets it go through what a container's life takes, before it becomes a template or a pod's; nothing of that is left.
     *
     * @param rounds how often
     */
    public void rehearse(int rounds) throws ContainerFault {
        Rehearsal.play(this, rounds);
    }

    /**
     * Waits until the guest has nothing to do any more. A life leaves work for later behind (of the kernel's workers, of the virtual machine of Java), and who stands still or
     * is written down in the middle of that goes on with it in the time of a pod that waits. No error when it does not come to rest.
     */
    public void awaitRest() throws ContainerFault {
        if (!process.awaitRest(REST_LIMIT)) {
            LOGGER.log(System.Logger.Level.INFO, "virtual machine " + name() + " is busy after " + REST_LIMIT);
        }
    }

    /** The last lines that the guest wrote to its console, or why there are none. */
    public String console() {
        try {
            return requests.console();
        } catch (ContainerFault e) {
            return "(" + e.getMessage() + ") " + log();
        }
    }

    private String log() {
        try {
            String[] lines = Files.readString(directory.resolve(LOG)).strip().split("\n", -1);
            StringBuilder last = new StringBuilder();
            for (int i = Math.max(0, lines.length - LOG_LINES); i < lines.length; i++) {
                last.append(lines[i]).append('\n');
            }
            return GuestText.lines(last.toString().strip());
        } catch (IOException e) {
            return "(no log: " + Errno.describe(e) + ")";
        }
    }
}
