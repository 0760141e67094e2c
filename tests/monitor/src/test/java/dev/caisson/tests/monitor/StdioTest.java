package dev.caisson.tests.monitor;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.monitor.Peer.Stream;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;

/** Fifos, files, logger pipes and terminals. */
class StdioTest {
    private static final Stream NONE = new Stream(0, "");
    private static final Stream SAME = new Stream(3, "");
    private static final Stream PIPE = new Stream(4, "");
    private static final Stream TTY = new Stream(5, "");
    private static final int NOTE_FAILED = 2;
    private static final int ENOENT = 2;
    private static final int EBADF = 9;
    private static final int EEXIST = 17;
    private static final int EINVAL = 22;

    private static Stream path(Path p) {
        return new Stream(1, p.toString());
    }

    private static Stream create(Path p) {
        return new Stream(2, p.toString());
    }

    private static Path fifo(Rig rig, String name) throws IOException, InterruptedException {
        Path p = rig.dir.resolve(name);
        assertThat(rig.run(new ProcessBuilder("mkfifo", p.toString())).waitFor())
                .isZero();
        return p;
    }

    /** Collects what comes out of a fifo. */
    private static final class Reader {
        private final StringBuilder text = new StringBuilder();
        private boolean ended;

        Reader(Path fifo) {
            Thread.ofPlatform().daemon().start(() -> {
                try (InputStream in = new FileInputStream(fifo.toFile())) {
                    byte[] b = new byte[65536];
                    int n;
                    while ((n = in.read(b)) > 0) {
                        synchronized (text) {
                            text.append(new String(b, 0, n, UTF_8));
                        }
                    }
                } catch (IOException e) {
                    // shows as an end
                }
                synchronized (text) {
                    ended = true;
                }
            });
        }

        String text() {
            synchronized (text) {
                return text.toString();
            }
        }

        boolean ended() {
            synchronized (text) {
                return ended;
            }
        }
    }

    /** Lets a terminal's process go on, as a daemon does: when its master has been taken. */
    private static void open(Peer link, int launch) {
        link.await(
                "console note",
                f -> f.kind() == Frame.NOTE && f.a() == launch && f.body().getInt(4) == Plans.SAID_CONSOLE);
        link.gate(launch, 0, (byte) 1);
    }

    /** A program whose streams are io 1, on a terminal that the monitor has taken. */
    private static void onTerminal(Peer link, int launch, String script) {
        link.spawn(launch, "terminal", Plans.terminal(script, false), 1, 0);
        open(link, launch);
    }

    /** Opens a fifo, writes, and leaves. */
    private static void write(Path fifo, String text) throws IOException {
        try (OutputStream w = new FileOutputStream(fifo.toFile())) {
            w.write(text.getBytes(UTF_8));
        }
    }

    private static void assertIdle(Rig rig) throws Exception {
        long before = Rig.ticks(rig.monitorPid());
        Rig.sleep(1000);
        assertThat(Rig.ticks(rig.monitorPid()) - before).isLessThanOrEqualTo(2);
    }

    @Test
    void fifosAreHandedToTheProcess() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Path in = fifo(rig, "in");
            Path out = fifo(rig, "out");
            Path err = fifo(rig, "err");
            // Nobody has opened any of them yet: that must not hold the monitor up.
            assertThat(link.openIo(1, path(in), path(out), path(err))).isZero();
            Reader o = new Reader(out);
            Reader e = new Reader(err);
            link.spawn(1, "cat", Plans.shell("cat; echo done >&2"), 1, 0);
            link.await(Frame.LAUNCHED, 1);
            write(in, "hello");
            Rig.until("bytes through cat", () -> o.text().equals("hello"));
            // The writer is gone, which is a detach and not the end of file.
            Rig.sleep(200);
            assertThat(link.has(f -> f.kind() == Frame.EXIT)).isFalse();
            write(in, " again");
            Rig.until("bytes through cat", () -> o.text().equals("hello again"));
            link.send(Frame.of(Frame.CLOSE_STDIN, 1, 0));
            assertThat(link.awaitStatus(1)).isZero();
            Rig.until("readers see the end", () -> o.ended() && e.ended());
            assertThat(e.text()).isEqualTo("done\n");
        }
    }

    @Test
    void inputThatWaitsInTheFifoIsReadBeforeItsEnd() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Path in = fifo(rig, "in");
            Path out = rig.dir.resolve("out");
            link.openIo(1, path(in), create(out), SAME);
            write(in, "early");
            link.send(Frame.of(Frame.CLOSE_STDIN, 1, 0));
            link.spawn(1, "cat", Plans.shell("cat; echo ' err' >&2"), 1, 0);
            assertThat(link.awaitStatus(1)).isZero();
            assertThat(out).hasContent("early err\n");
        }
    }

    @Test
    void outputWithoutAReaderIsNoBrokenPipe() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Path out = fifo(rig, "out");
            link.openIo(1, NONE, path(out), SAME);
            Path written = rig.dir.resolve("written");
            Path read = rig.dir.resolve("read");
            String script = "echo one; >" + written + "; while [ ! -e " + read + " ]; do sleep 0.02; done; echo two";
            link.spawn(1, "writes", Plans.shell(script), 1, 0);
            Rig.until("a line nobody reads", () -> Files.exists(written));
            Reader r = new Reader(out);
            Files.createFile(read);
            assertThat(link.awaitStatus(1)).isZero();
            Rig.until("what was written has waited", () -> r.text().equals("one\ntwo\n"));
            link.send(Frame.of(Frame.IO_CLOSE, 1, 0));
            Rig.until("end", r::ended);
        }
    }

    @Test
    void filesAreAppendedTo() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Path log = rig.dir.resolve("log");
            assertThat(link.openIo(1, NONE, path(log), SAME)).isEqualTo(ENOENT);
            assertThat(link.openIo(1, NONE, create(log), SAME)).isZero();
            assertThat(link.openIo(1, NONE, create(log), SAME)).isEqualTo(EEXIST);
            link.spawn(1, "one", Plans.shell("echo one; echo err >&2"), 1, 0);
            link.awaitStatus(1);
            link.send(Frame.of(Frame.IO_CLOSE, 1, 0));
            assertThat(link.openIo(1, NONE, path(log), SAME)).isZero();
            link.spawn(2, "two", Plans.shell("echo two"), 1, 0);
            link.awaitStatus(2);
            assertThat(log).hasContent("one\nerr\ntwo\n");
        }
    }

    @Test
    void whatCannotBeOpenedIsNamed() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            int before = Rig.countDescriptors(rig.monitorPid());
            link.send(Frame.of(
                    Frame.IO_OPEN, 0, 9, 0, ("\0\0" + "\2" + rig.dir + "/a\0" + "\1/nowhere\0").getBytes(UTF_8)));
            Frame f = link.await(Frame.IO, 9);
            assertThat(f.b()).isEqualTo(ENOENT);
            assertThat(f.flags()).as("which of the three").isEqualTo(2);
            for (String bad : new String[] {"", "\0", "\1", "\0\0\0\0", "\1/dev/null", "\0\0\0\0\1/dev/null"}) {
                link.send(Frame.of(Frame.IO_OPEN, 0, 9, 0, bad.getBytes(UTF_8)));
                assertThat(link.await(Frame.IO, 9).b()).isEqualTo(EINVAL);
            }
            assertThat(Rig.countDescriptors(rig.monitorPid())).isEqualTo(before);
        }
    }

    @Test
    void nothingGoesToDevNull() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Path note = rig.dir.resolve("note");
            assertThat(link.openIo(1, NONE, NONE, SAME)).isZero();
            String script = "for i in 0 1 2; do readlink /proc/$$/fd/$i; done >" + note;
            link.spawn(1, "lists", Plans.shell(script), 1, 0);
            link.spawn(2, "lists", Plans.shell("exec 3>&1; test \"$(readlink /proc/$$/fd/1)\" = /dev/null"), 0, 0);
            assertThat(link.awaitStatus(1)).isZero();
            assertThat(Files.readAllLines(note)).startsWith("/dev/null").endsWith("/dev/null");
            assertThat(link.awaitStatus(2)).isZero();
        }
    }

    /** The daemon sends the launch right behind the streams; if those cannot be opened nothing may run without them. */
    @Test
    void nothingRunsWithoutItsStreams() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Path trace = rig.dir.resolve("ran");
            byte[] nowhere = ("\0\0\1" + rig.dir + "/none/out\0\0\0").getBytes(UTF_8);
            link.send(Frame.of(Frame.IO_OPEN, 0, 5, 0, nowhere));
            link.spawn(1, "unheard", Plans.shell("touch " + trace), 5, 0);
            assertThat(link.await(Frame.IO, 5).b()).isEqualTo(ENOENT);
            Frame note = link.await(Frame.NOTE, 1);
            assertThat(note.body().getInt(0)).as("kind").isEqualTo(NOTE_FAILED);
            assertThat(note.body().getInt(4)).as("step").isEqualTo(-1);
            assertThat(note.body().getLong(8)).as("errno").isEqualTo(-EBADF);
            link.await(Frame.LAUNCHED, 1);
            assertThat(trace).doesNotExist();
        }
    }

    @Test
    void loggerReadsBothStreamsAndSeesTheirEnd() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Path log = rig.dir.resolve("log");
            link.openIo(1, NONE, PIPE, PIPE);
            String script = "exec 3<&1 4<&2; cat <&3 | sed s/^/o:/ >" + log + "; cat <&4 | sed s/^/e:/ >>" + log;
            link.spawn(1, "logger", Plans.selfShell(script), 1, Peer.SELF | Peer.LOGGER);
            link.await(Frame.LAUNCHED, 1);
            link.spawn(2, "init", Plans.shell("echo out; echo err >&2"), 1, 0);
            assertThat(link.awaitStatus(2)).isZero();
            assertThat(link.awaitStatus(1)).isZero();
            assertThat(log).hasContent("o:out\ne:err\n");
        }
    }

    @Test
    void terminalsBytesAreCopied() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Path in = fifo(rig, "in");
            Path out = fifo(rig, "out");
            assertThat(link.openIo(1, path(in), path(out), TTY)).isZero();
            Reader r = new Reader(out);
            link.send(Frame.of(Frame.RESIZE, 1, 30 << 16 | 100)); // before there is one
            String script = "stty size; read line; echo got $line; stty size; exit 5";
            onTerminal(link, 1, script);
            Rig.until("first size", () -> r.text().contains("30 100"));
            link.send(Frame.of(Frame.RESIZE, 1, 40 << 16 | 120));
            write(in, "words\r");
            Rig.until("second size", () -> r.text().contains("got words\r\n40 120"));
            assertThat(link.awaitStatus(1)).isEqualTo(5 << 8);
            Rig.until("the end", r::ended);
        }
    }

    @Test
    void terminalMaySayItsConsoleBeforeItsPid() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Path out = fifo(rig, "out");
            link.openIo(1, NONE, path(out), TTY);
            Reader r = new Reader(out);
            link.spawn(1, "terminal", Plans.terminal("echo shown", true), 1, 0);
            // The gate opens when the console is known but cannot have been taken yet: it must still not be lost.
            open(link, 1);
            link.awaitPid(1);
            Rig.until("output", () -> r.text().equals("shown\r\n"));
        }
    }

    @Test
    void terminalOutlivesTheMomentInWhichNobodyHasItOpen() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Path out = fifo(rig, "out");
            link.openIo(1, NONE, path(out), TTY);
            Reader r = new Reader(out);
            // As an init does that starts one getty after the other.
            String script = "t=$(tty); echo one; exec </dev/null >/dev/null 2>&1; sleep 0.3; echo two >$t; sleep 0.3";
            onTerminal(link, 1, script);
            Rig.until("both lines", () -> r.text().equals("one\r\ntwo\r\n"));
            assertThat(link.awaitStatus(1)).isZero();
            Rig.until("the end", r::ended);
        }
    }

    @Test
    void allOutputOfATerminalIsCopiedEvenToASlowReader() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Path out = fifo(rig, "out");
            link.openIo(1, NONE, path(out), TTY);
            onTerminal(link, 1, "seq 1 60000");
            Rig.sleep(500); // so slow: all buffers on the way fill meanwhile
            Reader r = new Reader(out);
            link.awaitStatus(1);
            Rig.until("the end", r::ended);
            assertThat(r.text()).endsWith("\r\n59999\r\n60000\r\n");
            assertThat(r.text().lines().count()).isEqualTo(60000);
        }
    }

    @Test
    void deadTerminalWhoseReaderIsStuckCostsNoTime() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Path out = fifo(rig, "out");
            link.openIo(1, NONE, path(out), TTY);
            // Fills the fifo and the copy's buffer and leaves the rest in the terminal's.
            onTerminal(link, 1, "trap '' HUP; head -c 67000 /dev/zero & sleep 0.5");
            link.awaitStatus(1);
            Rig.sleep(2500); // longer than a dead process's terminal is drained
            assertIdle(rig);
        }
    }

    @Test
    void chattyTerminalLeavesTimeForOthers() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.openIo(1, NONE, NONE, TTY);
            onTerminal(link, 1, "exec yes");
            link.await(Frame.LAUNCHED, 1);
            for (int i = 2; i < 12; i++) {
                link.spawn(i, "other", Plans.shell("exit 1"), 0, 0);
                assertThat(link.awaitStatus(i)).isEqualTo(1 << 8);
            }
        }
    }

    @Test
    void onlyATerminalIsTakenForOne() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            var p = new dev.caisson.linux.plan.PlanBuilder();
            Plans.child(p, false);
            var fd = p.slot();
            p.callInto(fd, "open", dev.caisson.linux.plan.Sys.OPEN, p.string("/dev/zero"), Plans.c(2));
            p.note(Plans.SAID_CONSOLE, fd);
            Plans.gate(p);
            Plans.exit(p, 0);
            link.openIo(1, NONE, NONE, TTY);
            int before = Rig.countDescriptors(rig.monitorPid());
            link.spawn(1, "liar", p.build(), 1, 0);
            link.await("console note", f -> f.kind() == Frame.NOTE && f.body().getInt(4) == Plans.SAID_CONSOLE);
            link.gate(1, 1, (byte) 1);
            link.awaitStatus(1);
            // The end of the launch's notes is another event than the end of its process.
            Rig.until("no descriptor is left", () -> {
                try {
                    return Rig.countDescriptors(rig.monitorPid()) == before;
                } catch (IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            });
        }
    }

    @Test
    void loggersEndIsNotItsTerminalsEnd() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Path log = rig.dir.resolve("log");
            Path in = fifo(rig, "in");
            link.openIo(1, path(in), PIPE, TTY);
            link.spawn(1, "logger", Plans.selfShell("exit 0"), 1, Peer.SELF | Peer.LOGGER);
            onTerminal(link, 2, "read x; echo $x >" + log);
            link.awaitStatus(1);
            Rig.sleep(2300); // longer than a dead process's terminal is drained
            Files.writeString(in, "still there\r", StandardOpenOption.WRITE);
            assertThat(link.awaitStatus(2)).isZero();
            assertThat(log).hasContent("still there\n");
        }
    }

    @Test
    void terminalInputNobodyReadsCostsNoTime() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Path in = fifo(rig, "in");
            link.openIo(1, path(in), NONE, TTY);
            Path raw = rig.dir.resolve("raw");
            onTerminal(link, 1, "stty raw -echo; >" + raw + "; sleep 1000");
            Rig.until("a raw terminal", () -> Files.exists(raw));
            write(in, "\0".repeat(60_000));
            link.send(Frame.of(Frame.CLOSE_STDIN, 1, 0));
            Rig.sleep(300); // in which is copied what there is room for
            assertIdle(rig);
        }
    }
}
