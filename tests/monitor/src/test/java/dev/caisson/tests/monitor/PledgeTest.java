package dev.caisson.tests.monitor;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.tests.monitor.Containerd.Message;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

/** Answers that a daemon leaves with the monitor until a launch has come so far. */
class PledgeTest {
    private static final byte[] START = Containerd.requestBody("task", "Start", "id".getBytes(UTF_8));
    private static final byte[] WAIT = Containerd.requestBody("task", "Wait", "id".getBytes(UTF_8));
    private static final int LAUNCHED = 1;
    private static final int EXITED = 2;
    private static final int HEADER = 10;
    /** A word, then three numbers of five bytes, the last seven bits of each first. */
    private static final byte[] TEMPLATE = "numbers:.....,.....,.....".getBytes(UTF_8);

    private static final int FIRST = HEADER + 8;

    private static int request(Peer link, Containerd c, int stream, byte[] body) throws IOException {
        c.request(stream, body);
        return link.await(
                        "request " + stream,
                        f -> f.kind() == Frame.REQUEST && Message.of(f.payload()).stream() == stream)
                .a();
    }

    private static void pledge(Peer link, int conn, int stream, int on, int launch, int... places) {
        byte[] frame = new Message(stream, Containerd.RESPONSE, 0, TEMPLATE).frame();
        ByteBuffer p = ByteBuffer.allocate(16 + frame.length).order(ByteOrder.LITTLE_ENDIAN);
        p.putInt(launch).putInt(places[0]).putInt(places[1]).putInt(places[2]).put(frame);
        link.send(Frame.of(Frame.PLEDGE, on, conn, stream, p.array()));
    }

    private static long number(byte[] body, int index) {
        long value = 0;
        for (int i = 4; i >= 0; i--) {
            byte b = body[8 + 6 * index + i];
            assertThat((b & 0x80) != 0).as("byte " + i + " of number " + index).isEqualTo(i < 4);
            value = value << 7 | (b & 0x7f);
        }
        return value;
    }

    @Test
    void aStartIsAnsweredWhenTheProgramRuns() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Containerd c = rig.connect();
            link.spawn(1, "gated", Plans.gated("sleep 1000"), 0, 0);
            int pid = link.awaitPid(1);
            int conn = request(link, c, 1, START);
            pledge(link, conn, 1, LAUNCHED, 1, FIRST, 0, 0);
            link.sync();
            assertThat(c.poll(200)).as("before the program runs").isNull();
            link.gate(1, 0, (byte) 'g');
            Message answer = c.next();
            assertThat(answer.stream()).isEqualTo(1);
            assertThat(number(answer.body(), 0)).isEqualTo(pid);
            assertThat(new String(answer.body(), UTF_8)).startsWith("numbers:").endsWith(",.....,.....");
            // The daemon's own comes later, and is dropped.
            link.await(Frame.LAUNCHED, 1);
            link.send(Frame.of(Frame.ANSWER, 0, conn, 0, new Message(1, Containerd.RESPONSE, 0, WAIT).frame()));
            assertThat(c.poll(200)).isNull();
            link.send(Frame.of(Frame.KILL, 1, 9));
            link.awaitStatus(1);
        }
    }

    @Test
    void whoWaitsIsToldStatusAndTime() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Containerd c = rig.connect();
            link.spawn(1, "code", Plans.gated("exit 42"), 0, 0);
            link.spawn(2, "signal", Plans.gated("kill -9 $$"), 0, 0);
            int first = request(link, c, 1, WAIT);
            pledge(link, first, 1, EXITED, 1, FIRST, FIRST + 6, FIRST + 12);
            int second = request(link, c, 3, WAIT);
            pledge(link, second, 3, EXITED, 2, FIRST, FIRST + 6, FIRST + 12);
            link.gate(1, 0, (byte) 'g');
            Message answer = c.next();
            Frame exit = link.await("exit", f -> f.kind() == Frame.EXIT && f.b() == 1);
            long nanos = exit.body().getLong(4);
            assertThat(answer.stream()).isEqualTo(1);
            assertThat(number(answer.body(), 0)).isEqualTo(42);
            assertThat(number(answer.body(), 1)).isEqualTo(nanos / 1_000_000_000);
            assertThat(number(answer.body(), 2)).isEqualTo(nanos % 1_000_000_000);
            link.gate(2, 0, (byte) 'g');
            answer = c.next();
            assertThat(answer.stream()).isEqualTo(3);
            assertThat(number(answer.body(), 0)).isEqualTo(128 + 9);
            // One that comes after the end.
            int third = request(link, c, 5, WAIT);
            pledge(link, third, 5, EXITED, 1, FIRST, FIRST + 6, FIRST + 12);
            assertThat(number(c.next().body(), 0)).isEqualTo(42);
        }
    }

    @Test
    void whatFailsIsTheDaemonsToTell() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Containerd c = rig.connect();
            int start = request(link, c, 1, START);
            pledge(link, start, 1, LAUNCHED, 7, FIRST, 0, 0);
            int wait = request(link, c, 3, WAIT);
            pledge(link, wait, 3, EXITED, 7, FIRST, FIRST + 6, FIRST + 12);
            PlanBuilder p = new PlanBuilder();
            p.call("open /nowhere", Sys.OPEN, p.string("/nowhere"), Plans.c(0));
            link.spawn(7, "fails", p.build(), 0, 0);
            link.await(Frame.LAUNCHED, 7);
            assertThat(c.poll(200)).isNull();
            link.send(Frame.of(Frame.ANSWER, 0, start, 0, new Message(1, Containerd.RESPONSE, 0, START).frame()));
            assertThat(c.next().body()).isEqualTo(START);
            // Nor afterwards.
            pledge(link, wait, 3, EXITED, 7, FIRST, FIRST + 6, FIRST + 12);
            assertThat(c.poll(200)).isNull();
        }
    }

    @Test
    void isKeptWithoutADaemon() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Containerd c = rig.connect();
            link.spawn(1, "code", Plans.shell("sleep 1; exit 6"), 0, 0);
            link.awaitPid(1);
            int conn = request(link, c, 1, WAIT);
            pledge(link, conn, 1, EXITED, 1, FIRST, FIRST + 6, FIRST + 12);
            link.sync();
            link.close();
            assertThat(number(c.next().body(), 0)).isEqualTo(6);
        }
    }

    @Test
    void placesOutsideOfTheFrameAreNotWrittenTo() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Containerd c = rig.connect();
            link.spawn(1, "code", Plans.gated("exit 1"), 0, 0);
            int end = HEADER + TEMPLATE.length;
            int[] wrong = {end - 4, end, Integer.MAX_VALUE, -1, HEADER - 1, 1};
            for (int i = 0; i < wrong.length; i++) {
                int conn = request(link, c, 2 * i + 1, WAIT);
                pledge(link, conn, 2 * i + 1, EXITED, 1, 0, wrong[i], 0);
            }
            link.gate(1, 0, (byte) 'g');
            link.await("exit", f -> f.kind() == Frame.EXIT && f.b() == 1);
            assertThat(c.poll(200)).isNull();
            link.sync();
        }
    }
}
