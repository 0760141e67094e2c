package dev.caisson.tests.monitor;

import dev.caisson.linux.plan.LaunchPlan;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.Predicate;

/** The daemon's end of one connection: a monitor's or a command's. A thread reads, so that nothing is held up unless asked for. */
final class Peer implements AutoCloseable {
    static final int SELF = 2;
    static final int AHEAD = 8;
    static final int LOGGER = 1;
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final SocketChannel channel;
    private final List<Frame> unread = new ArrayList<>();
    private boolean ended;
    private boolean reading;

    Peer(SocketChannel channel) {
        this.channel = channel;
    }

    /** Reads frames from now on; before, the other side feels back-pressure. */
    Peer read() {
        synchronized (unread) {
            if (reading) {
                return this;
            }
            reading = true;
        }
        Thread.ofPlatform().daemon().start(() -> {
            try (DataInputStream in = new DataInputStream(new BufferedInputStream(Channels.newInputStream(channel)))) {
                while (true) {
                    Frame f = Frame.read(in);
                    synchronized (unread) {
                        unread.add(f);
                        unread.notifyAll();
                    }
                }
            } catch (IOException | RuntimeException e) {
                synchronized (unread) {
                    ended = true;
                    unread.notifyAll();
                }
            }
        });
        return this;
    }

    void send(Frame f) {
        sendRaw(f.encode());
    }

    void sendRaw(ByteBuffer bytes) {
        try {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** The first unread frame that fits; it is taken out. */
    Frame await(String what, Predicate<Frame> fits) {
        return await(what, fits, PATIENCE);
    }

    Frame await(String what, Predicate<Frame> fits, Duration patience) {
        long deadline = System.nanoTime() + patience.toNanos();
        synchronized (unread) {
            while (true) {
                for (Iterator<Frame> i = unread.iterator(); i.hasNext(); ) {
                    Frame f = i.next();
                    if (fits.test(f)) {
                        i.remove();
                        return f;
                    }
                }
                long left = (deadline - System.nanoTime()) / 1_000_000;
                if (left <= 0 || ended) {
                    throw new AssertionError((ended ? "connection ended" : "nothing came") + " while waiting for "
                            + what + "; unread: " + unread);
                }
                try {
                    unread.wait(left);
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            }
        }
    }

    Frame await(int kind) {
        return await("frame " + kind, f -> f.kind() == kind);
    }

    Frame await(int kind, int a) {
        return await("frame " + kind + " a " + a, f -> f.kind() == kind && f.a() == a);
    }

    boolean has(Predicate<Frame> fits) {
        synchronized (unread) {
            return unread.stream().anyMatch(fits);
        }
    }

    long count(Predicate<Frame> fits) {
        synchronized (unread) {
            return unread.stream().filter(fits).count();
        }
    }

    /** All unread frames, taken out. */
    List<Frame> drain() {
        synchronized (unread) {
            List<Frame> all = List.copyOf(unread);
            unread.clear();
            return all;
        }
    }

    void awaitEnd() {
        synchronized (unread) {
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (!ended) {
                long left = (deadline - System.nanoTime()) / 1_000_000;
                if (left <= 0) {
                    throw new AssertionError("the connection stays open");
                }
                try {
                    unread.wait(left);
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            }
        }
    }

    // ---- what a daemon asks for ----

    void spawn(int launch, String tag, LaunchPlan plan, int io, int flags) {
        byte[] t = (tag + "\0").getBytes(StandardCharsets.UTF_8);
        byte[] p = plan.encode();
        send(Frame.of(
                Frame.SPAWN,
                flags,
                launch,
                io,
                ByteBuffer.allocate(t.length + p.length).put(t).put(p).array()));
    }

    /** A launch whose plan is to follow; its player makes namespaces meanwhile. */
    void spawnAhead(int launch, int namespaces) {
        byte[] p = ByteBuffer.allocate(6)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put((byte) 't')
                .put((byte) 0)
                .putInt(namespaces)
                .array();
        send(Frame.of(Frame.SPAWN, AHEAD, launch, 0, p));
    }

    void plan(int launch, byte... plan) {
        send(Frame.of(Frame.PLAN, 0, launch, 0, plan));
    }

    void gate(int launch, int flags, byte... bytes) {
        send(Frame.of(Frame.GATE, flags, launch, 0, bytes));
    }

    /** One of the three streams of an io: the kind's code and a path. */
    record Stream(int kind, String path) {}

    /** Opens an io and returns the errno. */
    int openIo(int io, Stream... three) {
        ByteArrayOutputStream p = new ByteArrayOutputStream();
        for (Stream s : three) {
            p.write(s.kind);
            p.writeBytes(s.path.getBytes(StandardCharsets.UTF_8));
            p.write(0);
        }
        send(Frame.of(Frame.IO_OPEN, 0, io, 0, p.toByteArray()));
        return await(Frame.IO, io).b();
    }

    void can(int launch, boolean atOnce, byte[] key, byte[] response) {
        send(Frame.of(
                Frame.CANNED,
                atOnce ? 1 : 0,
                launch,
                0,
                ByteBuffer.allocate(4 + key.length + response.length)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(key.length)
                        .put(key)
                        .put(response)
                        .array()));
    }

    /** Returns when the monitor has served everything that was sent before. */
    void sync() {
        send(Frame.of(Frame.IO_OPEN, 0, Integer.MAX_VALUE, 0, new byte[0]));
        await(Frame.IO, Integer.MAX_VALUE);
    }

    /** The pid of a launch, from its note. */
    int awaitPid(int launch) {
        Frame f = await(
                "pid of launch " + launch,
                n -> n.kind() == Frame.NOTE
                        && n.a() == launch
                        && n.body().getInt(0) == 1
                        && n.body().getInt(4) == 1);
        return (int) f.body().getLong(8);
    }

    /** The wait status of a launch, from its exit. */
    int awaitStatus(int launch) {
        return await("exit of launch " + launch, f -> f.kind() == Frame.EXIT && f.b() == launch)
                .body()
                .getInt(0);
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
