package dev.caisson.shim.link;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.ProcessExit;
import dev.caisson.linux.plan.LaunchPlan;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** The hands at the other end of a connection: plays plans and tells what becomes of them. Thread-safe. */
abstract class LaunchLink implements Launcher {
    private static final int AHEAD = 8;

    private final FrameConnection connection;
    final Map<Integer, LinkLaunch> launches = new ConcurrentHashMap<>();
    private final AtomicInteger lastId = new AtomicInteger();
    private volatile boolean lost;

    LaunchLink(FrameConnection connection) {
        this.connection = connection;
    }

    /** Whether the connection has ended. */
    public final boolean isLost() {
        return lost;
    }

    /** All launches that are known at the other end. */
    public final List<Launch> launches() {
        return List.copyOf(launches.values());
    }

    /** For a person. */
    String whatIsGone() {
        return "the pod's monitor is gone";
    }

    final void send(WireFrame frame) {
        connection.send(frame);
    }

    @Override
    public final int nextId() {
        return lastId.incrementAndGet();
    }

    /** Ids below were used before. */
    public final void reserveIds(int upTo) {
        lastId.accumulateAndGet(upTo, Math::max);
    }

    @Override
    public Launch spawn(int launch, String tag, LaunchPlan plan, int io, Set<Flag> flags) throws ContainerFault {
        int bits = (flags.contains(Flag.LOGGER_ENDS) ? 1 : 0) | (flags.contains(Flag.SELF) ? 2 : 0);
        return spawn(newLaunch(launch, tag, plan), tag, plan, io, bits);
    }

    final Launch spawn(LinkLaunch launch, String tag, LaunchPlan plan, int io, int bits) throws ContainerFault {
        byte[] payload = encode(tag, plan, (tag + "\0").getBytes(StandardCharsets.UTF_8));
        begin(launch, WireFrame.of(WireFrame.SPAWN, bits, launch.id(), io, payload));
        return launch;
    }

    @Override
    public @Nullable Ahead spawnAhead(int launch, String tag, int io, int namespaces) throws ContainerFault {
        return spawnAhead(newLaunch(launch, tag, null), tag, io, namespaces, 0);
    }

    final Ahead spawnAhead(LinkLaunch launch, String tag, int io, int namespaces, int bits) {
        byte[] name = (tag + "\0").getBytes(StandardCharsets.UTF_8);
        byte[] payload = ByteBuffer.allocate(name.length + Integer.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(name)
                .putInt(namespaces)
                .array();
        begin(launch, WireFrame.of(WireFrame.SPAWN, bits | AHEAD, launch.id(), io, payload));
        return new Ahead() {
            @Override
            public Launch play(LaunchPlan plan) throws ContainerFault {
                launch.onPlan(plan);
                send(WireFrame.of(WireFrame.PLAN, 0, launch.id(), 0, encode(tag, plan)));
                return launch;
            }

            @Override
            public void giveUp() {
                launch.forget();
            }
        };
    }

    private static byte[] encode(String tag, LaunchPlan plan, byte... head) throws ContainerFault {
        byte[] payload = plan.encodeAfter(head);
        if (payload.length > WireFrame.MAX_PAYLOAD) {
            throw new ContainerFault(
                    Kind.INVALID, "launch plan of " + tag + " is larger than " + WireFrame.MAX_PAYLOAD + " bytes");
        }
        return payload;
    }

    private void begin(LinkLaunch launch, WireFrame spawn) {
        launches.put(launch.id(), launch);
        if (lost) {
            launch.onLinkLost();
        }
        send(spawn);
    }

    LinkLaunch newLaunch(int launch, String tag, @Nullable LaunchPlan plan) {
        return new LinkLaunch(this, launch, tag, plan);
    }

    @Override
    public final @Nullable Launch find(int launch) {
        return launches.get(launch);
    }

    @Override
    public final Map<String, Launch> walls() {
        Map<String, Launch> walls = new HashMap<>();
        for (LinkLaunch l : launches.values()) {
            if (l.tag().startsWith(WALL_TAG)) {
                walls.put(l.tag(), l);
            }
        }
        return walls;
    }

    final void forget(int launch) {
        launches.remove(launch);
        send(WireFrame.of(WireFrame.FORGET, launch, 0));
    }

    // ---- from the event loop ----

    final void onNote(WireFrame f) {
        LinkLaunch l = launches.get(f.a());
        if (l != null) {
            ByteBuffer p = ByteBuffer.wrap(f.payload()).order(ByteOrder.LITTLE_ENDIAN);
            l.onNote(p.getInt(), p.getInt(), p.getLong());
        }
    }

    final void onLaunched(WireFrame f) {
        LinkLaunch l = launches.get(f.a());
        if (l != null) {
            l.onPid(f.b());
            l.onLaunched();
        }
    }

    final void onExit(WireFrame f) {
        LinkLaunch l = launches.get(f.b());
        if (l != null) {
            ByteBuffer p = ByteBuffer.wrap(f.payload()).order(ByteOrder.LITTLE_ENDIAN);
            l.onPid(f.a());
            l.onExit(ProcessExit.ofWaitStatus(p.getInt(), instant(p.getLong())));
        }
    }

    void onLost() {
        lost = true;
        launches.values().forEach(LinkLaunch::onLinkLost);
    }

    static Instant instant(long ns) {
        return Instant.ofEpochSecond(ns / 1_000_000_000L, ns % 1_000_000_000L);
    }
}
