package dev.caisson.tests.monitor;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.monitor.Containerd.Message;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Frames between containerds and a daemon. */
class RelayTest {
    private static final int RESOURCE_EXHAUSTED = 8;
    private static final int UNAVAILABLE = 14;

    private static Message awaitRequest(Peer link) {
        return Message.of(link.await(Frame.REQUEST).payload());
    }

    private static void answer(Peer link, int conn, int stream, byte[] body) {
        link.send(Frame.of(Frame.ANSWER, 0, conn, 0, new Message(stream, Containerd.RESPONSE, 0, body).frame()));
    }

    /** Answers each request with its own body until {@code count} were answered. */
    private static void echo(Peer link, int count) {
        for (int i = 0; i < count; i++) {
            Frame f = link.await(Frame.REQUEST);
            Message m = Message.of(f.payload());
            answer(link, f.a(), m.stream(), m.body());
        }
    }

    private static byte[] random(SplittableRandom random, int length) {
        byte[] b = new byte[length];
        random.nextBytes(b);
        return b;
    }

    @Test
    void manyConnectionsKeepOrderAndBytes() throws Exception {
        SplittableRandom random = new SplittableRandom(20);
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            List<Containerd> all = new ArrayList<>();
            List<List<byte[]>> sent = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                all.add(rig.connect());
                sent.add(new ArrayList<>());
            }
            for (int round = 0; round < 30; round++) {
                for (int i = 0; i < all.size(); i++) {
                    byte[] body = random(random, random.nextInt(3000));
                    sent.get(i).add(body);
                    all.get(i).request(2 * round + 1, body);
                }
            }
            echo(link, 600);
            for (int i = 0; i < all.size(); i++) {
                for (int round = 0; round < 30; round++) {
                    Message m = all.get(i).next();
                    assertThat(m.stream()).isEqualTo(2 * round + 1);
                    assertThat(m.body()).isEqualTo(sent.get(i).get(round));
                }
                all.get(i).close();
            }
        }
    }

    @Test
    void framesInAnyPiecesAndOfFourMebibytes() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Containerd c = rig.connect();
            byte[] big = random(new SplittableRandom(4), 4 << 20);
            c.request(1, big);
            for (byte b : new Message(3, Containerd.REQUEST, 0, "in single bytes".getBytes(UTF_8)).frame()) {
                c.sendRaw(new byte[] {b});
            }
            echo(link, 2);
            assertThat(c.next().body()).isEqualTo(big);
            assertThat(c.next().body()).asString().isEqualTo("in single bytes");
        }
    }

    @Test
    void oversizedFrameIsRefusedAndTheConnectionGoesOn() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Containerd c = rig.connect();
            byte[] tooBig = new Message(1, Containerd.REQUEST, 0, new byte[(4 << 20) + 1]).frame();
            c.sendRaw(tooBig);
            c.request(3, new byte[] {7});
            echo(link, 1);
            Message refused = c.next();
            assertThat(refused.stream()).isEqualTo(1);
            assertThat(refused.code()).isEqualTo(RESOURCE_EXHAUSTED);
            assertThat(c.next()).satisfies(m -> {
                assertThat(m.stream()).isEqualTo(3);
                assertThat(m.body()).containsExactly(7);
            });
        }
    }

    @Test
    void clientThatNeverReadsIsCutOffAndOthersGoOn() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Containerd deaf = Containerd.silent(rig.socket);
            Containerd other = rig.connect();
            for (int i = 0; i < 20; i++) {
                deaf.request(2 * i + 1, new byte[] {1});
            }
            List<Frame> requests = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                requests.add(link.await(Frame.REQUEST));
            }
            int conn = requests.getFirst().a();
            for (Frame f : requests) {
                answer(link, conn, Message.of(f.payload()).stream(), new byte[1 << 20]);
            }
            link.await(Frame.CONN_CLOSE, conn);
            other.request(1, new byte[] {5});
            echo(link, 1);
            assertThat(other.next().body()).containsExactly(5);
            deaf.close();
        }
    }

    @Test
    void slowDaemonSlowsContainerdsAndLosesNothing() throws Exception {
        try (Rig rig = Rig.bare()) {
            rig.startMonitor();
            int monitor = rig.monitorPid();
            rig.restartDaemon();
            Peer link = rig.daemon().accept(); // reads nothing yet
            int count = 40;
            List<Containerd> all = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                Containerd c = rig.connect();
                all.add(c);
                Thread.ofPlatform().daemon().start(() -> {
                    try {
                        for (int k = 0; k < count; k++) {
                            c.request(2 * k + 1, new byte[200_000]);
                        }
                    } catch (IOException e) {
                        // the answers that are missing then fail the test
                    }
                });
            }
            Rig.sleep(1500); // in which it would take more than it may
            // 32 MB wait; the monitor holds what its limits allow: a mebibyte for the link, 8 for each connection.
            assertThat(Rig.kib(monitor, "status", "VmRSS")).isLessThan(120_000);
            link.read();
            link.await(Frame.ATTACHED);
            echo(link, 4 * count);
            for (Containerd c : all) {
                for (int k = 0; k < count; k++) {
                    assertThat(c.next().stream()).isEqualTo(2 * k + 1);
                }
            }
        }
    }

    @Test
    void requestsAreRedeliveredInOrderAndCommittedOnesAnswered() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Containerd a = rig.connect();
            for (int stream : new int[] {1, 3, 5, 7}) {
                a.request(stream, ("body " + stream).getBytes(UTF_8));
            }
            int conn = 0;
            for (int i = 0; i < 4; i++) {
                Frame f = link.await(Frame.REQUEST);
                assertThat(f.flags()).isZero();
                conn = f.a();
            }
            link.send(Frame.of(Frame.COMMIT, conn, 3));
            answer(link, conn, 5, new byte[] {55});
            assertThat(a.next().stream()).isEqualTo(5);
            rig.restartDaemon();
            Message lost = a.next();
            assertThat(lost.stream()).isEqualTo(3);
            assertThat(lost.code()).isEqualTo(UNAVAILABLE);
            assertThat(new String(lost.body(), UTF_8)).contains("caissond was lost");
            Peer next = rig.daemon().acceptMonitor();
            next.await(Frame.ATTACHED);
            next.await(Frame.CONN_OPEN, conn);
            for (int stream : new int[] {1, 7}) {
                Frame f = next.await(Frame.REQUEST);
                assertThat(f.flags()).isEqualTo(1);
                assertThat(Message.of(f.payload()).stream()).isEqualTo(stream);
                assertThat(Message.of(f.payload()).body()).asString().isEqualTo("body " + stream);
            }
            answer(next, conn, 7, new byte[] {77});
            answer(next, conn, 7, new byte[] {78}); // answered already: not sent on
            answer(next, conn, 1, new byte[] {11});
            assertThat(a.next().body()).containsExactly(77);
            assertThat(a.next().body()).containsExactly(11);
        }
    }

    /** Its next daemon must undo what somebody was told not to have got. */
    @Test
    void theLaunchOfALostRequestIsMarked() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Containerd c = rig.connect();
            for (int i = 1; i <= 3; i++) {
                c.request(2 * i - 1, new byte[0]);
                int conn = link.await(Frame.REQUEST).a();
                byte[] launch = {(byte) i, 0, 0, 0};
                link.send(Frame.of(Frame.COMMIT, 0, conn, 2 * i - 1, launch));
                link.spawn(i, "l" + i, Plans.gated("exit 0"), 0, 0);
                link.awaitPid(i);
                if (i == 2) {
                    answer(link, conn, 3, new byte[] {9});
                    assertThat(c.next().stream()).isEqualTo(3);
                }
            }
            c.request(7, new byte[0]);
            int conn = link.await(Frame.REQUEST).a();
            link.send(Frame.of(Frame.COMMIT, 0, conn, 7, new byte[] {99, 0, 0, 0})); // not launched yet
            rig.restartDaemon();
            for (int stream : new int[] {1, 5, 7}) {
                Message lost = c.next();
                assertThat(lost.stream()).isEqualTo(stream);
                assertThat(lost.code()).isEqualTo(UNAVAILABLE);
            }
            Peer next = rig.daemon().acceptMonitor();
            for (int i = 1; i <= 3; i++) {
                int launch = i;
                Frame proc = next.await("proc", f -> f.kind() == Frame.PROC && f.b() == launch);
                assertThat(proc.body().getInt(0) & 8).as("launch " + i).isEqualTo(i == 2 ? 0 : 8);
                next.send(Frame.of(Frame.KILL, i, 9));
            }
        }
    }

    @Test
    void whatADeadDaemonHasWrittenStillCounts() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Containerd a = rig.connect();
            a.request(1, new byte[] {1});
            Frame f = link.await(Frame.REQUEST);
            answer(link, f.a(), 1, new byte[] {9});
            link.close();
            assertThat(a.next().body()).containsExactly(9);
            Peer next = rig.daemon().acceptMonitor();
            next.await(Frame.ATTACHED);
            assertThat(next.has(x -> x.kind() == Frame.REQUEST)).isFalse();
        }
    }

    @Test
    void agesTellHowLongARequestWaited() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            rig.daemonThatNeverListens();
            rig.daemon().close();
            link.awaitEnd();
            Containerd a = rig.connect();
            a.request(1, new byte[0]);
            Rig.sleep(700);
            rig.restartDaemon();
            Frame f = rig.daemon().acceptMonitor().await(Frame.REQUEST);
            assertThat(f.age()).isBetween(60, 600);
        }
    }

    @Test
    void streamsOfData() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Containerd a = rig.connect();
            a.request(1, new byte[] {1});
            for (int i = 0; i < 50; i++) {
                a.send(1, Containerd.DATA, i == 49 ? 1 : 0, new byte[] {(byte) i});
            }
            Frame first = link.await(Frame.REQUEST);
            for (int i = 0; i < 50; i++) {
                Message m = Message.of(link.await(Frame.REQUEST).payload());
                assertThat(m.type()).isEqualTo(Containerd.DATA);
                assertThat(m.body()).containsExactly(i);
                byte[] back = new Message(1, Containerd.DATA, 0, m.body()).frame();
                link.send(Frame.of(Frame.ANSWER, 0, first.a(), 0, back));
                assertThat(a.next().body()).containsExactly(i);
            }
            link.send(Frame.of(Frame.ANSWER, 0, first.a(), 0, new Message(1, Containerd.DATA, 1, new byte[0]).frame()));
            assertThat(a.next().flags()).isEqualTo(1);
        }
    }

    @Test
    void streamThatHasBegunIsNotRedelivered() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            rig.daemonThatNeverListens();
            Containerd a = rig.connect();
            a.request(1, new byte[] {1});
            a.send(1, Containerd.DATA, 0, new byte[] {2});
            awaitRequest(link);
            awaitRequest(link);
            rig.daemon().close();
            assertThat(a.next().code()).isEqualTo(UNAVAILABLE);
            // And one that begins while there is no daemon: its data would be missing later.
            a.request(3, new byte[] {1});
            a.send(3, Containerd.DATA, 0, new byte[] {2});
            Message m = a.next();
            assertThat(m.stream()).isEqualTo(3);
            assertThat(m.code()).isEqualTo(UNAVAILABLE);
            rig.restartDaemon();
            Peer next = rig.daemon().acceptMonitor();
            next.await(Frame.ATTACHED);
            assertThat(next.has(x -> x.kind() == Frame.REQUEST)).isFalse();
        }
    }

    @Test
    void connectionsComeAndGoWithoutLeaks() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            int before = Rig.countDescriptors(rig.monitorPid());
            for (int i = 0; i < 300; i++) {
                Containerd c = rig.connect();
                if (i % 3 == 0) {
                    c.request(1, new byte[100]);
                }
                if (i % 5 == 0) {
                    c.sendRaw(new byte[7]); // half a header
                }
                c.close();
            }
            for (int i = 0; i < 300; i++) {
                link.await(Frame.CONN_CLOSE);
            }
            assertThat(Rig.countDescriptors(rig.monitorPid())).isEqualTo(before);
        }
    }

    @Test
    void othersUsersAreTurnedAway() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            rig.run(new ProcessBuilder("chmod", "-R", "a+rwX", rig.dir.toString()))
                    .waitFor();
            String script = "import socket,os; os.setgid(65534); os.setuid(65534); s=socket.socket(socket.AF_UNIX);"
                    + "s.connect('" + rig.socket + "'); print(len(s.recv(1)))";
            Process p = rig.run(new ProcessBuilder("python3", "-c", script));
            assertThat(new String(p.getInputStream().readAllBytes(), UTF_8).strip())
                    .isEqualTo("0");
            try (Containerd c = rig.connect()) {
                c.request(1, new byte[1]);
                assertThat(link.await(Frame.CONN_OPEN).a())
                        .isEqualTo(link.await(Frame.REQUEST).a());
            }
            assertThat(link.has(f -> f.kind() == Frame.CONN_OPEN)).isFalse();
        }
    }
}
