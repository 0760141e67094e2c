package dev.caisson.tests.monitor;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/**
 * Garbage from clients and from the daemon, and random plans. {@code -Dfuzz.seconds=N} is the time for each, {@code
 * -Dfuzz.seed=N} the first random seed.
 *
 * <p>What the daemon sends is root's: nothing here contains a random system call, a path outside of the rig, or a QUIT.
 */
class WireFuzzTest {
    private static final long SECONDS = Long.getLong("fuzz.seconds", 5);

    private interface Round {
        void run(long seed) throws Exception;
    }

    /** The kept seeds, then new ones until the time is over. */
    private static void rounds(String kind, Round round) throws Exception {
        String kept = new String(
                Objects.requireNonNull(WireFuzzTest.class.getResourceAsStream("/fuzz-seeds.txt"))
                        .readAllBytes(),
                UTF_8);
        for (String line : kept.lines().toList()) {
            if (line.startsWith(kind + " ")) {
                attempt(kind, Long.parseLong(line.substring(kind.length() + 1)), round);
            }
        }
        long seed = Long.getLong("fuzz.seed", System.nanoTime());
        long end = System.nanoTime() + SECONDS * 1_000_000_000L;
        for (int i = 0; System.nanoTime() < end; i++) {
            attempt(kind, seed + i, round);
        }
    }

    private static void attempt(String kind, long seed, Round round) throws Exception {
        try {
            round.run(seed);
        } catch (AssertionError | IOException | RuntimeException e) {
            throw new AssertionError("seed: " + kind + " " + seed, e);
        }
    }

    private static byte[] bytes(SplittableRandom random, int limit) {
        byte[] b = new byte[random.nextInt(limit)];
        random.nextBytes(b);
        return b;
    }

    // ---- clients ----

    private static byte[] clientBytes(SplittableRandom random) {
        byte[] body = bytes(random, random.nextInt(10) == 0 ? 100_000 : 300);
        byte[] frame = new Containerd.Message(random.nextInt(8), random.nextInt(5), random.nextInt(8), body).frame();
        switch (random.nextInt(6)) {
            case 0 -> {
                return bytes(random, 200);
            }
            case 1 -> ByteBuffer.wrap(frame).putInt(0, random.nextInt());
            case 2 -> ByteBuffer.wrap(frame).putInt(0, (4 << 20) + random.nextInt(3) - 1);
            case 3 -> frame = Arrays.copyOf(frame, random.nextInt(frame.length));
            default -> {
                // a whole frame
            }
        }
        return frame;
    }

    @Test
    void clients() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            int fds = Rig.countDescriptors(rig.monitorPid());
            link.can(0, true, new byte[] {10, 1}, "canned".getBytes(UTF_8));
            rounds("client", seed -> {
                SplittableRandom random = new SplittableRandom(seed);
                List<Containerd> all = new ArrayList<>();
                for (int i = 0; i < 5; i++) {
                    all.add(random.nextBoolean() ? rig.connect() : Containerd.silent(rig.socket));
                }
                for (int i = 0; i < 60; i++) {
                    Containerd c = all.get(random.nextInt(all.size()));
                    try {
                        c.sendRaw(clientBytes(random));
                    } catch (IOException e) {
                        // it was cut off
                    }
                    for (Frame f : link.drain()) {
                        if (f.kind() == Frame.REQUEST && random.nextInt(3) > 0) {
                            byte[] answer = f.payload().clone();
                            answer[8] = (byte) (2 + random.nextInt(2));
                            link.send(Frame.of(Frame.ANSWER, 0, f.a(), 0, answer));
                        }
                        if (f.kind() == Frame.REQUEST && random.nextInt(5) == 0) {
                            link.send(Frame.of(
                                    Frame.COMMIT,
                                    0,
                                    f.a(),
                                    ByteBuffer.wrap(f.payload()).getInt(4),
                                    new byte[random.nextInt(9)]));
                        }
                    }
                }
                for (Containerd c : all) {
                    c.close();
                }
                link.sync();
                try (Containerd good = rig.connect()) {
                    good.request(1, "good".getBytes(UTF_8));
                    Frame f = link.await(
                            "the good request",
                            x -> x.kind() == Frame.REQUEST && new String(x.payload(), UTF_8).endsWith("good"));
                    byte[] answer = f.payload().clone();
                    answer[8] = Containerd.RESPONSE;
                    link.send(Frame.of(Frame.ANSWER, 0, f.a(), 0, answer));
                    assertThat(good.next().body()).asString().isEqualTo("good");
                }
            });
            Rig.until("descriptors are closed", () -> {
                try {
                    return Rig.countDescriptors(rig.monitorPid()) == fds;
                } catch (IOException e) {
                    return false;
                }
            });
        }
    }

    // ---- the daemon ----

    /** Steps that do no system calls. */
    private static LaunchPlan harmless(SplittableRandom random) {
        PlanBuilder p = new PlanBuilder();
        Arg.Slot a = p.slot();
        Arg.Data room = p.room(32);
        for (int i = random.nextInt(10); i > 0; i--) {
            switch (random.nextInt(5)) {
                case 0 ->
                    p.note(random.nextInt(4), Arg.of(random.nextInt(5) == 0 ? random.nextLong() : random.nextInt(10)));
                case 1 -> p.store(Arg.of(random.nextLong()), room, 1 + random.nextInt(8));
                case 2 -> p.load(a, room, 1 + random.nextInt(8));
                case 3 -> p.decimal(a, Arg.of(random.nextLong()), room);
                default -> p.fail("fail", Arg.of(-random.nextInt(100)));
            }
        }
        return p.build();
    }

    /** See plan.h. */
    private static final int HEADER = 24;

    private static final int STEP = 32;

    private static byte[] spawn(SplittableRandom random) {
        if (random.nextInt(8) == 0) { // for the flag of a plan that follows
            return ByteBuffer.allocate(6)
                    .put((byte) 't')
                    .put((byte) 0)
                    .putInt(random.nextInt())
                    .array();
        }
        byte[] plan =
                random.nextInt(8) == 0 ? bytes(random, 200) : harmless(random).encode();
        if (plan.length > HEADER && random.nextInt(4) == 0) {
            int at = HEADER + random.nextInt(plan.length - HEADER);
            if ((at - HEADER) % STEP > 1) { // not what a step is
                plan[at] = (byte) random.nextInt();
            }
        }
        byte[] tag = random.nextInt(10) == 0 ? bytes(random, 400) : "tag\0".getBytes(UTF_8);
        return ByteBuffer.allocate(tag.length + plan.length).put(tag).put(plan).array();
    }

    private static byte[] io(SplittableRandom random, Path dir) {
        StringBuilder s = new StringBuilder();
        for (int i = random.nextInt(5); i > 0; i--) {
            int kind = random.nextInt(9);
            String path =
                    random.nextInt(3) == 0 ? dir + "/file" : random.nextBoolean() ? dir + "/fifo" : dir + "/none/x";
            s.append((char) kind).append(kind == 2 || kind == 1 ? path : "");
            if (random.nextInt(12) != 0) {
                s.append('\0');
            } else {
                break; // what followed would be read as part of this path
            }
        }
        return s.toString().getBytes(UTF_8);
    }

    private static byte[] canned(SplittableRandom random) {
        byte[] b = bytes(random, 60);
        if (b.length > 4 && random.nextInt(3) > 0) {
            ByteBuffer.wrap(b).order(ByteOrder.LITTLE_ENDIAN).putInt(random.nextInt(b.length));
        }
        return b;
    }

    private static byte[] pledge(SplittableRandom random) {
        byte[] frame = new Containerd.Message(random.nextInt(4), 2, 0, bytes(random, 50)).frame();
        ByteBuffer b = ByteBuffer.allocate(16 + frame.length).order(ByteOrder.LITTLE_ENDIAN);
        b.putInt(random.nextInt(8));
        for (int i = 0; i < 3; i++) {
            b.putInt(random.nextInt(20) == 0 ? random.nextInt() : random.nextInt(80));
        }
        return b.put(frame).array();
    }

    /**
     * SIGILL, SIGBUS, SIGFPE, SIGSEGV: sent to a launch that has just been forked they meet the sanitizer's handlers, which take them for
     * faults of the monitor's.
     */
    private static final Set<Integer> FAULTS = Set.of(4, 7, 8, 11);

    private static Frame daemonFrame(SplittableRandom random, Path dir) {
        int[] kinds = {
            32, 32, 33, 34, 34, 35, 35, 36, 37, 37, 37, 38, 39, 40, 40, 41, 42, 44, 44, 45, 45, 0, 1, 8, 31, 64, 255
        };
        int kind = kinds[random.nextInt(kinds.length)];
        int a = random.nextInt(10) == 0 ? random.nextInt() : random.nextInt(8);
        int b = random.nextInt(3) == 0 ? random.nextInt() : random.nextInt(8);
        if (kind == Frame.KILL && FAULTS.contains(b)) {
            b += 32; // a real-time signal
        }
        byte[] payload = switch (kind) {
            case Frame.SPAWN -> spawn(random);
            case Frame.PLAN ->
                random.nextInt(3) == 0 ? bytes(random, 200) : harmless(random).encode();
            case Frame.IO_OPEN -> io(random, dir);
            case Frame.CANNED -> canned(random);
            case Frame.PLEDGE -> pledge(random);
            case Frame.ANSWER ->
                random.nextBoolean()
                        ? bytes(random, 100)
                        : new Containerd.Message(
                                        random.nextInt(4), 2 + random.nextInt(2), random.nextInt(4), bytes(random, 50))
                                .frame();
            default -> bytes(random, random.nextInt(20) == 0 ? 70_000 : 40);
        };
        return Frame.of(kind, random.nextInt(256), a, b, payload);
    }

    @Test
    void daemon() throws Exception {
        try (Rig rig = Rig.bare()) {
            assertThat(rig.run(new ProcessBuilder(
                                    "mkfifo", rig.dir.resolve("fifo").toString()))
                            .waitFor())
                    .isZero();
            rig.startMonitor();
            Containerd client = rig.connect();
            rounds("daemon", seed -> {
                SplittableRandom random = new SplittableRandom(seed);
                Peer link = rig.restartDaemon().acceptMonitor();
                link.await(Frame.ATTACHED);
                ByteBuffer all = ByteBuffer.allocate(1 << 20);
                for (int i = random.nextInt(60); i > 0; i--) {
                    client.request(random.nextInt(6), bytes(random, 60));
                    ByteBuffer f = daemonFrame(random, rig.dir).encode();
                    if (all.remaining() > f.remaining()) {
                        all.put(f);
                    }
                }
                boolean breaks = random.nextInt(4) == 0;
                if (breaks) {
                    all.putInt(-1 - random.nextInt(1 << 30)).put(new byte[40]); // impossible length
                } else if (random.nextInt(4) == 0) {
                    all.order(ByteOrder.LITTLE_ENDIAN)
                            .putInt(1000)
                            .put(new byte[random.nextInt(100)]); // and then it dies
                    breaks = true;
                }
                all.flip();
                while (all.hasRemaining()) { // in pieces
                    int n = Math.min(all.remaining(), 1 + random.nextInt(5000));
                    try {
                        link.sendRaw(all.slice(all.position(), n));
                    } catch (UncheckedIOException e) {
                        assertThat(breaks).as("hangs up without cause").isTrue();
                        break; // it had seen enough
                    }
                    all.position(all.position() + n);
                }
                if (breaks) {
                    link.close();
                } else {
                    link.sync();
                }
                assertThat(Rig.runs(rig.monitorPid())).as("the monitor lives").isTrue();
                for (int launch = 0; launch < 8; launch++) {
                    if (!breaks) {
                        link.send(Frame.of(Frame.FORGET, launch, 0));
                        link.send(Frame.of(Frame.IO_CLOSE, launch, 0));
                    }
                }
            });
            client.close();
            Peer link = rig.restartDaemon().acceptMonitor();
            link.spawn(77, "after", Plans.shell("exit 7"), 0, 0);
            assertThat(link.awaitStatus(77)).isEqualTo(7 << 8);
        }
    }

    // ---- plans ----

    @Test
    void plans() throws Exception {
        try (Rig rig = Rig.bare()) {
            Path driver = Path.of(System.getProperty("monitor.build", "target/monitor"), "plan-fuzz");
            for (String seed : new String[] {"1", Long.toString(Long.getLong("fuzz.seed", System.nanoTime()))}) {
                Process p = rig.run(new ProcessBuilder(
                        driver.toString(), seed, Long.toString(seed.equals("1") ? 1 : Math.max(1, SECONDS / 3))));
                String out = new String(p.getInputStream().readAllBytes(), UTF_8);
                assertThat(p.waitFor()).as("seed: plan " + seed).isZero();
                System.out.print("seed " + seed + ": " + out);
            }
        }
    }
}
