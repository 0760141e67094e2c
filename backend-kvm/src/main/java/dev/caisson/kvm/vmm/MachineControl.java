package dev.caisson.kvm.vmm;

import dev.caisson.kvm.guest.CacheMode;
import dev.caisson.kvm.memory.Footprint;
import dev.caisson.kvm.virtio.BalloonDevice;
import dev.caisson.kvm.virtio.BlockDevice;
import dev.caisson.kvm.virtio.fs.FsDevice;
import dev.caisson.kvm.virtio.net.NetDevice;
import dev.caisson.kvm.vm.VirtualMachine;
import dev.caisson.linux.Epoll;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.UnixSockets;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/**
 * Where a machine is told what to do. A connection is one request, a line, and its answer: {@code ok} or {@code error} and a text, up to the end of
 * the stream. Only the machine's owner can reach the socket.
 *
 * <ul>
 *   <li>{@code insert MEMORY PROCESSORS}, with a descriptor: puts a file into a free drive, and says which; its container has those limits ({@link ContainerLimits}). How many
 *       processors have to run because of it follows, or 0
 *   <li>{@code reinsert DRIVE}, with a descriptor: puts the file into a drive whose guest has believed it there since it was saved
 *   <li>{@code eject DRIVE}
 *   <li>{@code drives}: which ones have a disk
 *   <li>{@code limits DRIVE}: what its container may use; {@code limit DRIVE MEMORY PROCESSORS}: gives it other limits, says how many processors are to run, or why it cannot be
 *   <li>{@code share ro|rw never|auto NAME}, with an O_PATH descriptor: shows the guest a file or directory
 *   <li>{@code unshare NAME}
 *   <li>{@code plug CARD MTU MAC}, with a descriptor: connects a network card with a tap
 *   <li>{@code begin}: lets the guest run, for the first time
 *   <li>{@code hold}: the guest's processors stand still; {@code go}: they go on
 *   <li>{@code pause DRIVE}: its container is paused, and the processors stand still while all are; {@code resume DRIVE}: it is to go on
 *   <li>{@code console}: the last lines that the guest wrote
 *   <li>{@code dump}, with a descriptor: writes an ELF core to that file
 *   <li>{@code save}, with a descriptor: writes all of the machine to that file, for another to go on from
 *   <li>{@code footprint}, with a descriptor: writes which pages of its memory were touched to that file ({@link Footprint})
 *   <li>{@code own}, with a descriptor: reads such a file; pages that will be written to are the machine's own from then on, and no template's. Before {@code begin}
 *   <li>{@code shape}: its memory in MiB, processors and network cards
 *   <li>{@code behind}: by how many nanoseconds the guest's clocks were behind when it was restored
 *   <li>{@code metrics}: what is counted, in Prometheus' text format
 * </ul>
 */
public final class MachineControl implements AutoCloseable {
    /** Of {@code share}. */
    public static final String READ_ONLY = "ro";

    public static final String READ_WRITE = "rw";

    /** Before the reason why a container cannot have other limits. */
    public static final String REFUSED = "refused ";

    private static final int LINE_LIMIT = 8192;
    private static final int PART = 64 << 10;
    private static final int CONSOLE_LINES = 30;
    private static final int BACKLOG = 16;
    private static final int PATIENCE_SECONDS = 10;
    private static final long SECOND = 1_000_000_000;

    private final Fd listener;
    private final List<BlockDevice> drives;
    private final FsDevice shared;
    private final VirtualMachine machine;
    private final PausedDrives paused;
    private final Allotment allotment;
    private final BalloonDevice balloon;
    private final List<NetDevice> cards;
    private final String name;
    private final long began = System.nanoTime();

    private MachineControl(
            String name,
            Fd listener,
            List<BlockDevice> drives,
            FsDevice shared,
            List<NetDevice> cards,
            BalloonDevice balloon,
            VirtualMachine machine) {
        this.name = name;
        this.balloon = balloon;
        this.allotment = new Allotment((int) (machine.memorySize() >> 20), machine.processorCount());
        this.cards = cards;
        this.listener = listener;
        this.drives = drives;
        this.shared = shared;
        this.machine = machine;
        this.paused = new PausedDrives(new PausedDrives.Processors() {
            @Override
            public void hold() throws IOException, InterruptedException {
                machine.hold();
            }

            @Override
            public void go() {
                machine.go();
            }
        });
    }

    /** Begins to listen; {@link #serve} answers. */
    static MachineControl listen(
            Path directory,
            List<BlockDevice> drives,
            FsDevice shared,
            List<NetDevice> cards,
            BalloonDevice balloon,
            VirtualMachine machine)
            throws IOException {
        return new MachineControl(
                String.valueOf(directory.getFileName()),
                UnixSockets.listen(directory.resolve(MachineMain.CONTROL).toString(), BACKLOG),
                drives,
                shared,
                cards,
                balloon,
                machine);
    }

    /** Answers until it is closed. */
    void serve() {
        try (Epoll epoll = Epoll.open("control")) {
            epoll.add(listener, Epoll.EPOLLIN, 0);
            while (true) {
                var _ = epoll.await(-1);
                try (Fd peer = UnixSockets.acceptBlocking(listener, PATIENCE_SECONDS)) {
                    if (peer != null) {
                        serve(peer);
                    }
                }
            }
        } catch (ErrnoException e) {
            // The listener was closed; that ends the loop.
        }
    }

    /** A peer that leaves early, or says nothing, has no answer. */
    private void serve(Fd peer) {
        StringBuilder line = new StringBuilder();
        Fd attached = null;
        try {
            while (line.indexOf("\n") < 0) {
                UnixSockets.Received part = UnixSockets.receive(peer, LINE_LIMIT);
                if (attached == null) {
                    attached = part.descriptor();
                } else if (part.descriptor() != null) {
                    part.descriptor().close();
                }
                if (part.bytes().length == 0 || line.length() > LINE_LIMIT) {
                    return;
                }
                line.append(new String(part.bytes(), StandardCharsets.UTF_8));
            }
            String answer = answer(line.substring(0, line.indexOf("\n")), attached);
            UnixSockets.send(peer, answer.getBytes(StandardCharsets.UTF_8), null);
        } catch (ErrnoException e) {
            System.err.println("machine: answer a request: " + e.getMessage());
        } finally {
            if (attached != null && attached.isOpen()) {
                attached.close();
            }
        }
    }

    /** @param attached the request's, if it takes it */
    private String answer(String line, @Nullable Fd attached) {
        String[] words = line.split(" ", 2);
        try {
            return switch (words[0]) {
                case "insert" -> insert(ContainerLimits.parse(words[1]), attached);
                case "reinsert" -> reinsert(Integer.parseInt(words[1]), attached);
                case "eject" -> {
                    int drive = Integer.parseInt(words[1]);
                    drives.get(drive).eject();
                    paused.ejected(drive);
                    allotment.ejected(drive);
                    yield "ok";
                }
                case "drives" -> "ok " + taken();
                case "limits" ->
                    "ok " + allotment.limits(Integer.parseInt(words[1])).text();
                case "limit" -> limit(words[1].split(" ", 2));
                case "pause" -> {
                    paused.pause(Integer.parseInt(words[1]));
                    yield "ok";
                }
                case "resume" -> {
                    paused.resume(Integer.parseInt(words[1]));
                    yield "ok";
                }
                case "share" -> share(words[1], attached);
                case "unshare" -> {
                    shared.unshare(words[1]);
                    yield "ok";
                }
                case "plug" -> plug(words[1], attached);
                case "begin" -> {
                    machine.start();
                    yield "ok";
                }
                case "hold" -> {
                    machine.hold();
                    yield "ok";
                }
                case "go" -> {
                    machine.go();
                    yield "ok";
                }
                case "console" -> "ok " + machine.console().lastLines(CONSOLE_LINES);
                case "dump" -> write(line, attached, machine::dump);
                case "save" -> write(line, attached, machine::save);
                case "footprint" ->
                    write(
                            line,
                            attached,
                            file -> writeText(file, machine.footprint().text()));
                case "own" -> write(line, attached, file -> machine.own(readText(file)));
                case "shape" ->
                    "ok " + (machine.memorySize() >> 20) + " " + machine.processorCount() + " " + cards.size();
                case "behind" -> "ok " + machine.behind();
                case "metrics" -> "ok " + metrics();
                default -> "error there is no request " + words[0];
            };
        } catch (IOException e) {
            return "error " + line + ": " + Errno.describe(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "error " + line + ": interrupted";
        } catch (IndexOutOfBoundsException | IllegalArgumentException e) {
            return "error " + line + ": " + e.getMessage();
        }
    }

    private String taken() {
        StringJoiner taken = new StringJoiner(" ");
        for (int i = 0; i < drives.size(); i++) {
            if (!drives.get(i).isEmpty()) {
                taken.add(Integer.toString(i));
            }
        }
        return taken.toString();
    }

    private String share(String what, @Nullable Fd root) throws IOException {
        String[] words = what.split(" ", 3);
        CacheMode cache;
        try {
            cache = CacheMode.of(words.length < 3 ? "" : words[1]);
        } catch (IllegalArgumentException e) {
            return "error share " + what + ": EINVAL";
        }
        if (root == null || !(words[0].equals(READ_ONLY) || words[0].equals(READ_WRITE))) {
            return "error share " + what + ": EINVAL";
        }
        shared.share(words[2], Fd.adopt(root.release(), words[2]), words[0].equals(READ_ONLY), cache);
        return "ok";
    }

    private String plug(String what, @Nullable Fd tap) throws IOException {
        String[] words = what.split(" ", -1);
        if (tap == null) {
            return "error plug " + what + ": EINVAL";
        }
        NetDevice card = cards.get(Integer.parseInt(words[0]));
        card.plug(
                Fd.adopt(tap.release(), "tap of card " + words[0]),
                HexFormat.ofDelimiter(":").parseHex(words[2]),
                Integer.parseInt(words[1]));
        return "ok";
    }

    /** Something that is written to a file. */
    private interface Writing {
        void to(Fd file) throws IOException, InterruptedException;
    }

    private static String write(String what, @Nullable Fd file, Writing writing)
            throws IOException, InterruptedException {
        if (file == null) {
            return "error " + what + ": EINVAL";
        }
        writing.to(file);
        return "ok";
    }

    private static void writeText(Fd file, String text) throws IOException {
        HostFiles.writeAll(file, text.getBytes(StandardCharsets.US_ASCII));
    }

    private static String readText(Fd file) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] part;
        while (all.size() <= Footprint.TEXT_LIMIT && (part = HostFiles.readAvailable(file, PART)) != null) {
            all.writeBytes(part);
        }
        return all.toString(StandardCharsets.US_ASCII);
    }

    private String metrics() throws IOException {
        FsDevice.Counts files = shared.counts();
        return new MachineMetrics(name)
                .gauge("up_seconds", "Time since the machine began to run.", (System.nanoTime() - began) / SECOND)
                .gauge("processors", "Processors of the guest.", machine.processorCount())
                .gauge(
                        "paused",
                        "Whether its processors stand still, as all of its containers are paused.",
                        paused.holds() ? 1 : 0)
                .gauge(
                        "balloon_bytes",
                        "Memory that the guest has given back since its containers may use less.",
                        balloon.size())
                .gauge("memory_used_bytes", "Memory of the host's that the guest's takes.", machine.memoryUsed())
                .family("exits_total", "Times that the guest stopped for Java, by cause.", "counter")
                .sample("exits_total", "cause=\"port\"", machine.exits().ports())
                .sample("exits_total", "cause=\"memory\"", machine.exits().memory())
                .family("shared_files", "Files of the host's that the guest has, by kind.", "gauge")
                .sample("shared_files", "kind=\"share\"", files.shares())
                .sample("shared_files", "kind=\"inode\"", files.inodes())
                .sample("shared_files", "kind=\"open\"", files.open())
                .family("shared_requests_total", "Requests for files of the host's.", "counter")
                .sample("shared_requests_total", "", files.requests())
                .family(
                        "shared_changes_lost_total",
                        "Changes of the host's to shared files that the guest did not hear of.",
                        "counter")
                .sample("shared_changes_lost_total", "", files.changesLost())
                .gauge(
                        "drives_used",
                        "Disks of containers.",
                        drives.stream().filter(each -> !each.isEmpty()).count())
                .toString();
    }

    private String limit(String[] words) {
        String refusal = allotment.change(Integer.parseInt(words[0]), ContainerLimits.parse(words[1]));
        if (refusal != null) {
            return "ok " + REFUSED + refusal;
        }
        balloon.want(allotment.balloonMib());
        return "ok " + allotment.running();
    }

    private void inserted(int drive, ContainerLimits limits) throws IOException, InterruptedException {
        paused.inserted(drive);
        allotment.inserted(drive, limits);
        balloon.want(allotment.balloonMib());
    }

    private String insert(ContainerLimits limits, @Nullable Fd file) throws IOException, InterruptedException {
        if (file == null) {
            return "error insert: EINVAL";
        }
        for (int i = 0; i < drives.size(); i++) {
            if (drives.get(i).isEmpty()) {
                drives.get(i).insert(Fd.adopt(file.release(), "drive " + i));
                int before = allotment.running();
                inserted(i, limits);
                return "ok " + i + " " + (allotment.running() == before ? 0 : allotment.running());
            }
        }
        return "error all " + drives.size() + " drives are taken";
    }

    private String reinsert(int drive, @Nullable Fd file) throws IOException, InterruptedException {
        if (file == null || !drives.get(drive).isEmpty()) {
            return "error reinsert " + drive + ": EINVAL";
        }
        drives.get(drive).insert(Fd.adopt(file.release(), "drive " + drive));
        // Whatever its driver believes: the balloon of the machine that it goes on from may have had another size.
        inserted(drive, ContainerLimits.NONE);
        balloon.tell();
        return "ok";
    }

    @Override
    public void close() {
        UnixSockets.shutdown(listener);
        listener.close();
    }
}
