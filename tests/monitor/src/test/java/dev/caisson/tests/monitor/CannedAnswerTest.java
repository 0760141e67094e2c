package dev.caisson.tests.monitor;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.monitor.Containerd.Message;
import org.junit.jupiter.api.Test;

/** Answers that the monitor gives itself, from bytes that a daemon left with it. */
class CannedAnswerTest {
    private static final byte[] KEY = Containerd.requestBody("task", "State", "id".getBytes(UTF_8));
    /** With a time-out and metadata behind the payload, as a client sends it. */
    private static final byte[] REQUEST =
            Containerd.requestBody("task", "State", "id".getBytes(UTF_8), new byte[] {0x20, 1});

    private static final byte[] OTHER = Containerd.requestBody("task", "State", "ie".getBytes(UTF_8));

    private static byte[] text(String text) {
        return text.getBytes(UTF_8);
    }

    @Test
    void atOnceWhileADaemonIsThere() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.can(0, true, KEY, text("canned"));
            link.can(0, true, KEY, text("newer"));
            link.sync();
            Containerd c = rig.connect();
            c.request(1, REQUEST);
            assertThat(c.next().body()).asString().isEqualTo("newer");
            c.request(3, OTHER);
            assertThat(Message.of(link.await(Frame.REQUEST).payload()).stream()).isEqualTo(3);
            link.can(0, true, KEY, new byte[0]); // forgotten
            link.sync();
            c.request(5, REQUEST);
            assertThat(Message.of(link.await(Frame.REQUEST).payload()).stream()).isEqualTo(5);
        }
    }

    @Test
    void after200MillisecondsWhenTheDaemonHangs() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.can(0, false, KEY, text("canned"));
            link.sync();
            Containerd c = rig.connect();
            long start = System.nanoTime();
            c.request(1, REQUEST);
            int conn = link.await(Frame.REQUEST).a();
            assertThat(c.next().body()).asString().isEqualTo("canned");
            long millis = (System.nanoTime() - start) / 1_000_000;
            assertThat(millis).isBetween(190L, 1000L);
            // The daemon's late answer is not sent on: the client has had one.
            link.send(Frame.of(Frame.ANSWER, 0, conn, 0, new Message(1, Containerd.RESPONSE, 0, text("late")).frame()));
            assertThat(c.poll(200)).isNull();
        }
    }

    @Test
    void steadyRequestsDoNotPutAnswersOff() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.can(0, false, KEY, text("canned"));
            link.sync();
            Containerd c = rig.connect();
            for (int i = 0; i < 20; i++) {
                c.request(2 * i + 1, REQUEST);
                Rig.sleep(50);
            }
            Message first = c.poll(0);
            assertThat(first).as("an answer while requests keep coming").isNotNull();
        }
    }

    @Test
    void aQuickDaemonAnswersItself() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.can(0, false, KEY, text("canned"));
            link.sync();
            Containerd c = rig.connect();
            c.request(1, REQUEST);
            Frame f = link.await(Frame.REQUEST);
            link.send(
                    Frame.of(Frame.ANSWER, 0, f.a(), 0, new Message(1, Containerd.RESPONSE, 0, text("fresh")).frame()));
            assertThat(c.next().body()).asString().isEqualTo("fresh");
            assertThat(c.poll(400)).isNull();
        }
    }

    @Test
    void withoutADaemonAtOnce() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.can(0, false, KEY, text("canned"));
            link.sync();
            rig.loseDaemon();
            Containerd c = rig.connect();
            c.request(1, REQUEST);
            assertThat(c.next().body()).asString().isEqualTo("canned");
        }
    }

    @Test
    void waitingRequestsAreAnsweredWhenTheDaemonIsLost() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.can(0, false, KEY, text("canned"));
            link.sync();
            Containerd c = rig.connect();
            c.request(1, REQUEST);
            link.await(Frame.REQUEST);
            link.close();
            assertThat(c.next().body()).asString().isEqualTo("canned");
        }
    }

    @Test
    void onlyWhileTheProcessLives() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.spawn(1, "init", Plans.gated("exit 0"), 0, 0);
            link.awaitPid(1);
            link.can(1, true, KEY, text("running"));
            link.sync();
            Containerd c = rig.connect();
            c.request(1, REQUEST);
            assertThat(c.next().body()).asString().isEqualTo("running");
            link.gate(1, 0, (byte) 1);
            link.awaitStatus(1);
            c.request(3, REQUEST);
            link.await("request after the end", f -> f.kind() == Frame.REQUEST);
            // A daemon that has not yet read the exit may still send them.
            link.can(1, true, KEY, text("running"));
            link.sync();
            c.request(5, REQUEST);
            assertThat(Message.of(link.await(Frame.REQUEST).payload()).stream()).isEqualTo(5);
        }
    }

    @Test
    void forgottenLaunchesTakeTheirAnswersAlong() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.spawn(1, "init", Plans.gated("exit 0"), 0, 0);
            link.awaitPid(1);
            link.can(1, true, KEY, text("running"));
            link.send(Frame.of(Frame.FORGET, 1, 0));
            link.sync();
            Containerd c = rig.connect();
            c.request(1, REQUEST);
            assertThat(Message.of(link.await(Frame.REQUEST).payload()).stream()).isEqualTo(1);
        }
    }
}
