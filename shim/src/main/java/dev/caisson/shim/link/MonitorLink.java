package dev.caisson.shim.link;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.ProcessExit;
import dev.caisson.backend.Stdio;
import dev.caisson.linux.Errno;
import dev.caisson.linux.plan.LaunchPlan;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** One attached monitor: its pod's launcher and the way to its containerd connections. Thread-safe. */
public final class MonitorLink extends LaunchLink {
    private static final int PLEDGE_LAUNCHED = 1;
    private static final int PLEDGE_EXITED = 2;

    private final int monitorPid;
    private final String pod;
    private final Map<Integer, Opening> openings = new ConcurrentHashMap<>();

    /** Streams that the monitor was asked to open. */
    private record Opening(Stdio stdio, CompletableFuture<WireFrame> answer) {
        @Nullable
        ContainerFault fault(WireFrame said) {
            // An earlier daemon may have opened them, and been lost before it could go on.
            if (said.b() == 0 || said.b() == Errno.EEXIST.number()) {
                return null;
            }
            String stream = switch (said.flags()) {
                case 0 -> "stdin " + stdio.stdin().path();
                case 1 -> "stdout " + stdio.stdout().path();
                default -> "stderr " + stdio.stderr().path();
            };
            return new ContainerFault(
                    Kind.FAILED, "open " + stream + ": " + Errno.of(said.b()).description());
        }
    }

    MonitorLink(FrameConnection connection, int monitorPid, String pod) {
        super(connection);
        this.monitorPid = monitorPid;
        this.pod = pod;
    }

    /** The monitor's pid, which containerd is told as the shim's. */
    public int monitorPid() {
        return monitorPid;
    }

    /** The string that the monitor was started with. */
    public String pod() {
        return pod;
    }

    /** The tag a launch was spawned with. */
    public String tag(Launch launch) {
        return ((LinkLaunch) launch).tag();
    }

    /** Sends an answer to one of the monitor's containerd connections. */
    public void answer(int connection, byte[] ttrpcFrame) {
        send(WireFrame.of(WireFrame.ANSWER, 0, connection, 0, ttrpcFrame));
    }

    /** From here on the request must not be given to another daemon: side effects follow. */
    public void commit(int connection, int stream) {
        send(WireFrame.of(WireFrame.COMMIT, connection, stream));
    }

    /** As {@link #commit(int, int)} for a request that makes a launch, which {@link #isLost} afterwards if the request is. */
    public void commit(int connection, int stream, int launch) {
        byte[] which = ByteBuffer.allocate(Integer.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(launch)
                .array();
        send(WireFrame.of(WireFrame.COMMIT, 0, connection, stream, which));
    }

    /** Whether who asked an earlier daemon for it was told, when that daemon died, that it is not to be had. */
    public boolean isLost(Launch launch) {
        return ((LinkLaunch) launch).isLost();
    }

    /**
     * Lets the monitor answer requests that start with {@code key} itself, with {@code response}, while the launch's process lives.
     *
     * @param atOnce always, not only when the daemon is away or slow
     * @param response a ttrpc Response message; empty to forget the key
     */
    public void can(int launch, boolean atOnce, byte[] key, byte[] response) {
        ByteBuffer p = ByteBuffer.allocate(4 + key.length + response.length).order(ByteOrder.LITTLE_ENDIAN);
        p.putInt(key.length).put(key).put(response);
        send(WireFrame.of(WireFrame.CANNED, atOnce ? 1 : 0, launch, 0, p.array()));
    }

    /**
     * Leaves the answer to a request with the monitor, which gives it when the launch's program runs and fills in its pid. An answer of the
     * daemon's that comes later is dropped there. If the launch fails the monitor gives none.
     *
     * @param ttrpcFrame with a varint of five bytes at {@code pid}
     */
    public void pledgeLaunched(int connection, int stream, int launch, byte[] ttrpcFrame, int pid) {
        pledge(connection, stream, PLEDGE_LAUNCHED, launch, ttrpcFrame, pid, 0, 0);
    }

    /** As {@link #pledgeLaunched}, for when the launch's process has been reaped: with what status, and when. */
    public void pledgeExited(
            int connection, int stream, int launch, byte[] ttrpcFrame, int status, int seconds, int nanos) {
        pledge(connection, stream, PLEDGE_EXITED, launch, ttrpcFrame, status, seconds, nanos);
    }

    private void pledge(int connection, int stream, int on, int launch, byte[] ttrpcFrame, int... places) {
        ByteBuffer p = ByteBuffer.allocate(16 + ttrpcFrame.length).order(ByteOrder.LITTLE_ENDIAN);
        p.putInt(launch);
        for (int place : places) {
            p.putInt(place);
        }
        p.put(ttrpcFrame);
        send(WireFrame.of(WireFrame.PLEDGE, on, connection, stream, p.array()));
    }

    /** Ends the monitor. */
    public void quit() {
        send(WireFrame.of(WireFrame.QUIT, 0, 0));
    }

    @Override
    public void openIo(int io, Stdio stdio) throws ContainerFault {
        ByteArrayOutputStream payload = new ByteArrayOutputStream();
        List<Stdio.Stream> streams = List.of(stdio.stdin(), stdio.stdout(), stdio.stderr());
        for (int i = 0; i < 3; i++) {
            Stdio.Kind kind =
                    i == 2 && stdio.terminal() ? Stdio.Kind.TTY : streams.get(i).kind();
            payload.write(kind.code());
            payload.writeBytes(streams.get(i).path().getBytes(StandardCharsets.UTF_8));
            payload.write(0);
        }
        for (Stdio.Stream stream : streams) {
            if (stream.kind() == Stdio.Kind.CREATE) {
                createParent(Path.of(stream.path()));
            }
        }
        CompletableFuture<WireFrame> opened = new CompletableFuture<>();
        openings.put(io, new Opening(stdio, opened));
        if (isLost()) {
            throw new ContainerFault(Kind.UNAVAILABLE, "the pod's monitor is gone");
        }
        send(WireFrame.of(WireFrame.IO_OPEN, 0, io, 0, payload.toByteArray()));
    }

    @Override
    public @Nullable Stdio streams(int io) {
        Opening opening = openings.get(io);
        return opening == null ? null : opening.stdio;
    }

    /**
     * Does not wait for streams that are being opened: the monitor does one after the other, and to hear of the streams first would
     * take as long as half of a launch. If they cannot be opened the launch has failed for that reason.
     */
    @Override
    public Launch spawn(int launch, String tag, LaunchPlan plan, int io, Set<Flag> flags) throws ContainerFault {
        Launch spawned = super.spawn(launch, tag, plan, io, flags);
        Opening opening = openings.get(io);
        if (opening != null) {
            opening.answer.thenAccept(answer -> {
                openings.remove(io, opening);
                ContainerFault fault = opening.fault(answer);
                if (fault != null) {
                    ((LinkLaunch) spawned).onFault(fault);
                }
            });
        }
        return spawned;
    }

    /** A log file is made with the directories above it (containerd's {@code file://}). */
    private static void createParent(Path file) throws ContainerFault {
        Path parent = file.getParent();
        try {
            if (parent != null) {
                Files.createDirectories(parent);
            }
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "create directory " + parent + ": " + Errno.describe(e), e);
        }
    }

    @Override
    public void closeIo(int io) {
        openings.remove(io);
        send(WireFrame.of(WireFrame.IO_CLOSE, io, 0));
    }

    @Override
    public void closeStdin(int io) {
        send(WireFrame.of(WireFrame.CLOSE_STDIN, io, 0));
    }

    @Override
    public void resize(int io, int rows, int columns) {
        send(WireFrame.of(WireFrame.RESIZE, io, rows << 16 | (columns & 0xffff)));
    }

    // ---- from the event loop ----

    void onProc(WireFrame f) {
        ByteBuffer p = ByteBuffer.wrap(f.payload()).order(ByteOrder.LITTLE_ENDIAN);
        int flags = p.getInt();
        int status = p.getInt();
        long timeNs = p.getLong();
        int tagLength = p.getShort() & 0xffff;
        int notes = p.getShort() & 0xffff;
        int io = p.getInt();
        byte[] tag = new byte[tagLength];
        p.get(tag);
        LinkLaunch l = new LinkLaunch(this, f.b(), new String(tag, StandardCharsets.UTF_8), null);
        l.onPid(f.a());
        for (int i = 0; i < notes; i++) {
            l.onNote(p.getInt(), p.getInt(), p.getLong());
        }
        if ((flags & WireFrame.PROC_GATE_USED) != 0) {
            l.onGateUsed();
        }
        if ((flags & WireFrame.PROC_LAUNCHED) != 0) {
            l.onLaunched();
        }
        if ((flags & WireFrame.PROC_EXITED) != 0) {
            l.onExit(ProcessExit.ofWaitStatus(status, instant(timeNs)));
        }
        if ((flags & WireFrame.PROC_LOST) != 0) {
            l.onRequestLost();
        }
        launches.put(f.b(), l);
        reserveIds(Math.max(f.b(), io));
    }

    void onIo(WireFrame f) {
        Opening opening = openings.get(f.a());
        if (opening != null) {
            opening.answer.complete(f);
        }
    }

    @Override
    void onLost() {
        super.onLost();
        openings.values().forEach(o -> o.answer.completeExceptionally(new IllegalStateException("link lost")));
    }

    /** The monitor is dead, and with it every process it was parent of: they ended now, by SIGKILL. */
    public void endAll() {
        ProcessExit killed = new ProcessExit(128 + 9, Instant.now());
        launches.values().forEach(l -> l.onExit(killed));
    }
}
