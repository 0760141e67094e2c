package dev.caisson.kvm.pod;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.kvm.guest.GuestAgent;
import dev.caisson.kvm.guest.GuestSpec;
import dev.caisson.kvm.plan.Jail;
import dev.caisson.kvm.plan.MachinePlan;
import dev.caisson.kvm.vmm.MachineControl;
import dev.caisson.kvm.vmm.MachineMain;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.UnixSockets;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A pod's machine: a launch of the pod's monitor, which any daemon finds by its tag, and a directory with the machine's sockets and log, whose name
 * the tag ends in.
 */
public final class PodMachine {
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
    private static final int ANSWER_LIMIT = 256 << 10;
    private static final int ANSWER_SECONDS = 10;
    private static final int DUMP_SECONDS = 300;
    private static final int LINE_LIMIT = 4096;
    private static final int LOG_LINES = 30;

    private static final String NAME = "machine";

    private final Path directory;
    private volatile MachineProcess process;

    private PodMachine(Path directory, MachineProcess process) {
        this.directory = directory;
        this.process = process;
    }

    /** The one that a record names; null when it names none. */
    public static @Nullable PodMachine recover(Map<String, String> record) {
        String name = record.get(NAME);
        return name == null ? null : new PodMachine(MACHINES.resolve(name), MachineProcess.recover(record));
    }

    /** What {@link #recover} needs. */
    public void record(Map<String, String> to) {
        to.put(NAME, name());
        process.record(to);
    }

    /** The machine that the pod has; null when it has none, or an ended one. */
    public static @Nullable PodMachine of(Launcher launcher) throws ContainerFault {
        for (Map.Entry<String, Launch> wall : launcher.walls().entrySet()) {
            if (wall.getKey().startsWith(TAG) && wall.getValue().exit().getNow(null) == null) {
                return new PodMachine(
                        MACHINES.resolve(wall.getKey().substring(TAG.length())),
                        MachineProcess.of(wall.getValue().pid()));
            }
        }
        return null;
    }

    /** A new one, which is nothing but a name. */
    public static PodMachine unnamed() {
        byte[] name = new byte[NAME_BYTES];
        new SecureRandom().nextBytes(name);
        return new PodMachine(MACHINES.resolve(HexFormat.of().formatHex(name)), MachineProcess.NONE);
    }

    private String name() {
        return directory.getFileName().toString();
    }

    public GuestAgent agent() {
        return new GuestAgent(ports(), this::console);
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
     * How it begins.
     *
     * @param network a network namespace whose interfaces become the guest's, null for none
     * @param cards network cards that are connected to nothing; of a template
     * @param template a file with a machine to go on from; null for one that boots
     * @param alone whether it lives on without what it is a launch of, if that says so; else it ends with it
     */
    public record Beginning(
            MachineSize size,
            @Nullable String network,
            int cards,
            @Nullable Path template,
            boolean alone) {
        /** A pod's. */
        public static Beginning ofPod(MachineSize size, @Nullable String network, @Nullable Path template) {
            return new Beginning(size, network, 0, template, true);
        }

        /** Of the machine that a template is made of. */
        public static Beginning ofTemplate(MachineSize size, int cards) {
            return new Beginning(size, null, cards, null, false);
        }
    }

    /** Starts it and waits until its agent answers. */
    public void start(Launcher launcher, Beginning beginning) throws ContainerFault {
        String network = beginning.network();
        Jail jail = prepare(beginning.template());
        boolean outlives = beginning.alone() && launcher.handover().outlives();
        Launch machine = launcher.spawn(
                launcher.nextId(),
                TAG + name(),
                MachinePlan.of(
                        MachineCommand.of(directory, beginning),
                        directory.resolve(LOG).toString(),
                        network,
                        jail,
                        outlives),
                0,
                Set.of(Launcher.Flag.SELF));
        var _ = machine.exit().thenRun(machine::forget);
        try {
            machine.awaitLaunched(BOOT_TIME);
            process = MachineProcess.of(machine.pid());
            MachineGroup.join(name(), process, beginning.size());
            awaitAgent(machine, beginning.template() != null);
        } catch (ContainerFault e) {
            machine.kill(SIGKILL);
            machine.awaitExit(END_TIME);
            remove();
            throw e;
        }
    }

    /** Its directory, of which nothing is left when this fails. */
    private Jail prepare(@Nullable Path template) throws ContainerFault {
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
            remove(); // a copy that cannot begin is followed by a machine that boots, in a directory of its own
            throw new ContainerFault(Kind.FAILED, "prepare directory " + directory + ": " + Errno.describe(e), e);
        }
    }

    private void awaitAgent(Launch machine, boolean isCopy) throws ContainerFault {
        long end = System.nanoTime() + BOOT_TIME.toNanos();
        long nap = FIRST_NAP_MILLIS;
        while (true) {
            try {
                var _ = agent().hello(isCopy ? new GuestAgent.Copy(name(), Long.parseLong(ask("behind"))) : null);
                return;
            } catch (ContainerFault e) {
                if (machine.exit().getNow(null) != null) {
                    throw new ContainerFault(Kind.FAILED, "boot virtual machine: it ended: " + log(), e);
                }
                if (e.kind() != Kind.UNAVAILABLE || System.nanoTime() > end) {
                    throw new ContainerFault(
                            Kind.FAILED, "boot virtual machine: " + e.getMessage() + "; its console: " + console(), e);
                }
            }
            try {
                Thread.sleep(nap);
                nap = NAP_MILLIS;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new ContainerFault(Kind.UNAVAILABLE, "interrupted while a virtual machine boots", e);
            }
        }
    }

    /** Ends it and takes all away that it had. Idempotent. */
    public void end(Launcher launcher) throws ContainerFault {
        Launch machine = launcher.walls().get(TAG + name());
        if (machine != null) {
            machine.kill(SIGKILL);
            machine.awaitExit(END_TIME);
        }
        process.kill();
        remove();
    }

    private void remove() throws ContainerFault {
        MachineGroup.remove(name());
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

    // ---- what it is told ----

    /**
     * Puts a file into a free drive.
     *
     * @return its number; see {@link MachineMain#DRIVE}
     */
    public int insert(Path file) throws ContainerFault {
        try (Fd disk = HostFiles.open(file.toString(), HostFiles.O_RDWR, 0)) {
            return Integer.parseInt(ask("insert", disk, ANSWER_SECONDS));
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "put " + file + " into the virtual machine: " + e.getMessage(), e);
        }
    }

    /** What the machine has found in its network namespace; see {@link GuestAgent#network}. */
    public String network() throws ContainerFault {
        return ask("network");
    }

    /** Takes the file out of a drive. */
    public void eject(int drive) throws ContainerFault {
        var _ = ask("eject " + drive);
    }

    /** Lets the guest see a file or directory, from now on and live, as the entry {@link GuestSpec.Volume#name} of its file system. */
    public void share(GuestSpec.Volume volume, Path source) throws ContainerFault {
        String access = volume.readOnly() ? MachineControl.READ_ONLY : MachineControl.READ_WRITE;
        try (Fd root = HostFiles.open(source.toString(), HostFiles.O_PATH, 0)) {
            var _ = ask("share " + access + " " + volume.name(), root, ANSWER_SECONDS);
        } catch (ErrnoException e) {
            throw new ContainerFault(
                    Kind.FAILED, "share " + volume.source() + " with the virtual machine: " + e.getMessage(), e);
        }
    }

    /** Takes a volume away from the guest, whatever it has open of it. */
    public void unshare(String volume) throws ContainerFault {
        var _ = ask("unshare " + volume);
    }

    /** What is counted of it, in Prometheus' text format. */
    public String metrics() throws ContainerFault {
        return ask("metrics") + "\n";
    }

    /** Writes an ELF core to a file. */
    public void dump(Fd file) throws ContainerFault {
        try {
            var _ = ask("dump", file, DUMP_SECONDS);
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "dump virtual machine: " + e.getMessage(), e);
        }
    }

    /**
     * Lets it go through what a container's life takes, before it becomes a template; nothing of that is left.
     *
     * @param scratch an empty directory, which the caller removes
     */
    public void rehearse(Launcher launcher, Path scratch) throws ContainerFault {
        Rehearsal.play(this, launcher, scratch);
    }

    /** Writes all of the machine to a file, for others to go on from. */
    public void save(Fd file) throws ContainerFault {
        try {
            var _ = ask("save", file, DUMP_SECONDS);
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "save virtual machine: " + e.getMessage(), e);
        }
    }

    /** The last lines that the guest wrote to its console, or why there are none. */
    public String console() {
        try {
            return ask("console");
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
            return last.toString().strip();
        } catch (IOException e) {
            return "(no log: " + Errno.describe(e) + ")";
        }
    }

    /** The machine gets a copy of the descriptor. */
    private String ask(String request, Fd with, int seconds) throws ContainerFault, ErrnoException {
        Path socket = directory.resolve(MachineMain.CONTROL);
        StringBuilder answer = new StringBuilder();
        try (Fd connection = UnixSockets.connect(socket.toString())) {
            UnixSockets.limitReceiving(connection, seconds);
            UnixSockets.send(connection, (request + "\n").getBytes(StandardCharsets.UTF_8), with);
            byte[] part;
            do {
                part = UnixSockets.receive(connection, LINE_LIMIT).bytes();
                answer.append(new String(part, StandardCharsets.UTF_8));
            } while (part.length > 0 && answer.length() < ANSWER_LIMIT);
        }
        return unwrap(answer.toString());
    }

    private static String unwrap(String answer) throws ContainerFault {
        if (!answer.startsWith("ok")) {
            throw new ContainerFault(Kind.FAILED, "virtual machine: " + answer);
        }
        return answer.substring(2).strip();
    }

    private String ask(String request) throws ContainerFault {
        Path socket = directory.resolve(MachineMain.CONTROL);
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            ByteBuffer line = ByteBuffer.wrap((request + "\n").getBytes(StandardCharsets.UTF_8));
            while (line.hasRemaining()) {
                channel.write(line);
            }
            ByteBuffer answer = ByteBuffer.allocate(ANSWER_LIMIT);
            while (answer.hasRemaining() && channel.read(answer) >= 0) {
                // up to its end
            }
            return unwrap(new String(answer.array(), 0, answer.position(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new ContainerFault(
                    Kind.UNAVAILABLE, "ask virtual machine at " + socket + ": " + Errno.describe(e), e);
        }
    }
}
