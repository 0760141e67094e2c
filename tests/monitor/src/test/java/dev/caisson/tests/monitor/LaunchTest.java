package dev.caisson.tests.monitor;

import static dev.caisson.tests.monitor.Plans.c;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Plans, the processes that come of them, and their exits. */
class LaunchTest {
    private static final int NOTE_SAID = 1;
    private static final int NOTE_FAILED = 2;
    private static final int ENOENT = 2;
    private static final int EINVAL = 22;
    private static final int SIGKILL = 9;
    private static final int CLONE_NEWUTS = 0x4000000;

    private static Frame awaitFailure(Peer link, int launch) {
        return link.await(
                "failure of launch " + launch,
                f -> f.kind() == Frame.NOTE && f.a() == launch && f.body().getInt(0) == NOTE_FAILED);
    }

    @Test
    void exitCodesAndSignals() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.spawn(1, "code", Plans.shell("exit 42"), 0, 0);
            link.spawn(2, "signal", Plans.shell("kill -9 $$"), 0, 0);
            link.spawn(3, "self", Plans.selfShell("exit 255"), 0, Peer.SELF);
            int pid = link.awaitPid(1);
            assertThat(link.await(Frame.LAUNCHED, 1).b()).isEqualTo(pid);
            Frame exit = link.await("exit", f -> f.kind() == Frame.EXIT && f.b() == 1);
            assertThat(exit.a()).isEqualTo(pid);
            assertThat(exit.body().getInt(0)).isEqualTo(42 << 8);
            long age = System.currentTimeMillis() - exit.body().getLong(4) / 1_000_000;
            assertThat(age).isBetween(-50L, 20_000L);
            assertThat(link.awaitStatus(2)).isEqualTo(SIGKILL);
            assertThat(link.awaitStatus(3)).isEqualTo(255 << 8);
        }
    }

    @Test
    void notesArriveAndAFailedStepNamesItself() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            PlanBuilder p = new PlanBuilder();
            Arg.Slot fd = p.slot();
            p.note(77, c(-5_000_000_000L));
            p.attemptInto(fd, Sys.OPEN, p.string("/nowhere"), c(0));
            p.note(78, fd);
            p.call("open /nowhere", Sys.OPEN, p.string("/nowhere"), c(0));
            p.note(79, c(0));
            link.spawn(5, "fails", p.build(), 0, 0);
            Frame said = link.await(Frame.NOTE, 5);
            assertThat(said.body().getInt(0)).isEqualTo(NOTE_SAID);
            assertThat(said.body().getInt(4)).isEqualTo(77);
            assertThat(said.body().getLong(8)).isEqualTo(-5_000_000_000L);
            assertThat(link.await(Frame.NOTE, 5).body().getLong(8)).isEqualTo(-ENOENT);
            Frame failed = awaitFailure(link, 5);
            assertThat(failed.body().getInt(4)).isEqualTo(3);
            assertThat(failed.body().getLong(8)).isEqualTo(-ENOENT);
            assertThat(link.await(Frame.LAUNCHED, 5).b()).isZero();
            assertThat(link.has(f -> f.kind() == Frame.NOTE)).isFalse();
        }
    }

    @Test
    void impossiblePlansAreRefused() throws Exception {
        byte[] slot = Plans.shell("exit 0").encode();
        slot[24 + 2] = 0x55; // result slot of the first step
        slot[24 + 3] = 0x55;
        PlanBuilder p = new PlanBuilder();
        PlanBuilder.Label end = new PlanBuilder.Label();
        p.jumpIfEqual(c(1), c(1), end);
        p.place(end);
        byte[] target = p.build().encode();
        target[24 + 6] |= 2 << 4; // where the first step goes to: the value of slot 0
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            refused(link, 1, slot);
            refused(link, 2, target);
        }
    }

    private static void refused(Peer link, int launch, byte[] plan) {
        byte[] body = ByteBuffer.allocate(2 + plan.length)
                .put((byte) 't')
                .put((byte) 0)
                .put(plan)
                .array();
        link.send(Frame.of(Frame.SPAWN, 0, launch, 0, body));
        Frame failed = awaitFailure(link, launch);
        assertThat(failed.body().getInt(4)).isEqualTo(-1); // no step of it
        assertThat(failed.body().getLong(8)).isEqualTo(-EINVAL);
        link.await(Frame.LAUNCHED, launch);
    }

    @Test
    void aPlayerMakesNamespacesBeforeItHasItsPlan() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.spawnAhead(1, CLONE_NEWUTS);
            link.sync();
            Path seen = rig.dir.resolve("seen");
            link.plan(
                    1,
                    Plans.shell("readlink /proc/self/ns/uts >" + seen + "; exit 4")
                            .encode());
            assertThat(link.awaitStatus(1)).isEqualTo(4 << 8);
            assertThat(Files.readString(seen))
                    .startsWith("uts:[")
                    .isNotEqualTo(Files.readSymbolicLink(Path.of("/proc/self/ns/uts")) + "\n");
        }
    }

    @Test
    void aPlayerWithoutAPlanSaysWhyAndEnds() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.spawnAhead(1, 1); // no namespace's flag
            Frame none = awaitFailure(link, 1);
            assertThat(none.body().getInt(4)).isEqualTo(-2);
            assertThat(none.body().getLong(8)).isEqualTo(-EINVAL);
            link.await(Frame.LAUNCHED, 1);
            link.spawnAhead(2, CLONE_NEWUTS);
            link.plan(2, (byte) 1);
            Frame impossible = awaitFailure(link, 2);
            assertThat(impossible.body().getInt(4)).isEqualTo(-1);
            assertThat(impossible.body().getLong(8)).isEqualTo(-EINVAL);
            link.await(Frame.LAUNCHED, 2);
            link.spawnAhead(3, CLONE_NEWUTS);
            link.sync();
            link.send(Frame.of(Frame.FORGET, 3, 0));
            link.spawnAhead(4, CLONE_NEWUTS);
            link.sync();
            link.send(Frame.of(Frame.KILL, 4, SIGKILL));
            link.await(Frame.LAUNCHED, 4);
            Path children = Path.of("/proc/" + rig.monitorPid() + "/task/" + rig.monitorPid() + "/children");
            Rig.until("no player is left", () -> {
                try {
                    return Files.readString(children).isBlank();
                } catch (IOException e) {
                    return false;
                }
            });
        }
    }

    @Test
    void gateHoldsUntilItIsWrittenTo() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.spawn(1, "gated", Plans.gated("exit 5"), 0, 0);
            link.spawn(2, "closed", Plans.gated("exit 5"), 0, 0);
            int pid = link.awaitPid(1);
            Rig.sleep(200);
            assertThat(Rig.runs(pid)).isTrue();
            assertThat(link.has(f -> f.kind() == Frame.LAUNCHED)).isFalse();
            link.gate(1, 0, (byte) 1);
            assertThat(link.awaitStatus(1)).isEqualTo(5 << 8);
            link.gate(2, 1);
            assertThat(link.awaitStatus(2)).isEqualTo(3 << 8);
        }
    }

    @Test
    void gateNobodyReadsDoesNotHoldTheMonitorUp() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.spawn(1, "deaf", Plans.shell("sleep 1000"), 0, 0);
            link.spawn(2, "deaf", Plans.gated("sleep 1000"), 0, 0);
            link.awaitPid(1);
            link.awaitPid(2);
            link.send(Frame.of(Frame.GATE, 0, 1, 0, new byte[1 << 20]));
            for (int i = 0; i < 100; i++) {
                link.send(Frame.of(Frame.GATE, 0, 2, 0, new byte[4096]));
            }
            link.spawn(3, "after", Plans.shell("exit 1"), 0, 0);
            assertThat(link.awaitStatus(3)).isEqualTo(1 << 8);
        }
    }

    @Test
    void exitsAreKeptUntilForgotten() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.spawn(7, "the tag \u00e4", Plans.gated("exit 9"), 0, 0);
            int pid = link.awaitPid(7);
            rig.daemonThatNeverListens();
            rig.daemon().close();
            // The gate is the daemon's to open, but this process can also just be killed.
            ProcessHandle.of(pid).orElseThrow().destroyForcibly();
            Rig.until("process is reaped", () -> !Files.exists(Path.of("/proc/" + pid)));
            for (int i = 0; i < 2; i++) {
                rig.restartDaemon();
                Peer next = rig.daemon().acceptMonitor();
                Frame proc = next.await(Frame.PROC);
                ByteBuffer b = proc.body();
                assertThat(proc.a()).isEqualTo(pid);
                assertThat(proc.b()).isEqualTo(7);
                assertThat(b.getInt()).isEqualTo(2 | 4); // launched, exited; its gate was never used
                assertThat(b.getInt()).isEqualTo(SIGKILL);
                assertThat(b.getLong()).isPositive();
                int tagLength = b.getShort();
                assertThat(b.getShort()).as("notes").isEqualTo((short) 1);
                b.getInt();
                byte[] tag = new byte[tagLength];
                b.get(tag);
                assertThat(new String(tag, UTF_8)).isEqualTo("the tag \u00e4");
                next.await(Frame.ATTACHED);
            }
            rig.restartDaemon();
            Peer last = rig.daemon().acceptMonitor();
            last.await(Frame.ATTACHED);
            last.send(Frame.of(Frame.FORGET, 7, 0));
            last.sync();
            rig.restartDaemon();
            Peer none = rig.daemon().acceptMonitor();
            none.await(Frame.ATTACHED);
            assertThat(none.has(f -> f.kind() == Frame.PROC)).isFalse();
        }
    }

    @Test
    void processThatDiesBeforeItsPidIsKnown() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            for (int launch = 1; launch <= 5; launch++) {
                PlanBuilder p = new PlanBuilder();
                Plans.child(p, true);
                Plans.exit(p, 10 + launch);
                link.spawn(launch, "early", p.build(), 0, 0);
            }
            // Meanwhile many others' children end: they must not push the early exits out.
            link.spawn(
                    99, "orphans", Plans.selfShell("i=0; while [ $i -lt 200 ]; do (true &); i=$((i+1)); done"), 0, 2);
            for (int launch = 1; launch <= 5; launch++) {
                assertThat(link.awaitStatus(launch)).isEqualTo((10 + launch) << 8);
            }
        }
    }

    @Test
    void pidsOfStrangersAreNotBelieved() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Process stranger = rig.run(new ProcessBuilder("sleep", "1000"));
            link.spawn(50, "other", Plans.shell("sleep 1000"), 0, 0);
            int other = link.awaitPid(50);
            long[] claims = {stranger.pid(), other, rig.monitorPid(), -1, 0, 1L << 32 | 1};
            for (int i = 0; i < claims.length; i++) {
                PlanBuilder p = new PlanBuilder();
                p.note(Plans.SAID_PID, c(claims[i]));
                p.note(70, c(0));
                Plans.sleep(p, 60_000);
                link.spawn(i + 1, "liar", p.build(), 0, 0);
                link.await("last note", f -> f.kind() == Frame.NOTE && f.body().getInt(4) == 70);
                link.send(Frame.of(Frame.KILL, i + 1, SIGKILL)); // meets its player
                assertThat(link.await(Frame.LAUNCHED, i + 1).b()).isZero();
            }
            assertThat(stranger.isAlive()).isTrue();
            assertThat(Rig.runs(other)).isTrue();
            assertThat(Rig.runs(rig.monitorPid())).isTrue();
            assertThat(link.has(f -> f.kind() == Frame.NOTE)).isFalse();
        }
    }

    @Test
    void floodOfNotesIsCut() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            PlanBuilder p = new PlanBuilder();
            PlanBuilder.Label again = new PlanBuilder.Label();
            p.place(again);
            p.note(99, c(1));
            p.jump(again);
            link.spawn(1, "flood", p.build(), 0, 0);
            Rig.until(
                    "as many notes as there may be",
                    () -> link.count(f -> f.kind() == Frame.NOTE && f.a() == 1) >= 1024);
            link.spawn(2, "after", Plans.shell("exit 4"), 0, 0);
            assertThat(link.awaitStatus(2)).isEqualTo(4 << 8);
            link.send(Frame.of(Frame.FORGET, 1, 0));
            link.spawn(3, "after", Plans.shell("exit 4"), 0, 0);
            assertThat(link.awaitStatus(3)).isEqualTo(4 << 8);
            long notes = link.drain().stream()
                    .filter(f -> f.kind() == Frame.NOTE && f.a() == 1)
                    .count();
            assertThat(notes).isEqualTo(1024);
        }
    }

    @Test
    void halfANoteEndsTheLaunch() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            PlanBuilder p = new PlanBuilder();
            p.call("write half a note", Sys.WRITE, c(PlanBuilder.NOTE_FD), p.room(8), c(7));
            Plans.sleep(p, 60_000);
            link.spawn(1, "half", p.build(), 0, 0);
            link.await(Frame.LAUNCHED, 1);
        }
    }

    @Test
    void playerThatHangsEndsWithItsLaunch() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            PlanBuilder p = new PlanBuilder();
            Arg.Slot pid = p.slot();
            p.callInto(pid, "getpid", Sys.GETPID);
            p.note(71, pid);
            Plans.sleep(p, 600_000);
            link.spawn(1, "hangs", p.build(), 0, 0);
            int player = (int) link.await(Frame.NOTE, 1).body().getLong(8);
            assertThat(Rig.runs(player)).isTrue();
            link.send(Frame.of(Frame.FORGET, 1, 0));
            Rig.until("player is gone", () -> !Rig.runs(player));
        }
    }

    @Test
    void plansFindTheirDescriptorsAndNoOthers() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Path out = rig.dir.resolve("fds");
            try (Containerd open = rig.connect()) {
                open.request(1, new byte[1]);
                link.await(Frame.REQUEST);
                link.openIo(1, new Peer.Stream(0, ""), new Peer.Stream(2, out.toString()), new Peer.Stream(3, ""));
                link.spawn(1, "lists", Plans.shell("ls -l /proc/self/fd | sed 1d; grep Sig /proc/self/status"), 1, 0);
                assertThat(link.awaitStatus(1)).isZero();
            }
            List<String> lines = Files.readAllLines(out);
            Set<String> fds = new HashSet<>();
            for (String l : lines) {
                if (l.contains(" -> ") && !l.contains("/proc/")) {
                    fds.add(l.replaceAll(".* ([0-9]+) -> .*", "$1"));
                }
            }
            assertThat(fds).isEqualTo(Set.of("0", "1", "2"));
            assertThat(lines).contains("SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000");
        }
    }

    @Test
    void orphansAreReapedByTheMonitor() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Path file = rig.dir.resolve("orphan");
            link.spawn(1, "forks", Plans.shell("(sleep 0.3 & echo $! > " + file + ")"), 0, 0);
            link.awaitStatus(1);
            int orphan = Integer.parseInt(Files.readString(file).strip());
            assertThat(Files.readString(Path.of("/proc/" + orphan + "/stat")))
                    .containsPattern("\\) [RS] " + rig.monitorPid() + " ");
            Rig.until("orphan is reaped", () -> !Files.exists(Path.of("/proc/" + orphan)));
        }
    }

    @Test
    void processesDieWithTheirMonitor() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.spawn(1, "runs", Plans.shell("exec sleep 1000"), 0, 0);
            link.spawn(2, "waits", Plans.gated("exec sleep 1000"), 0, 0);
            link.spawn(3, "self", Plans.selfShell("exec sleep 1000"), 0, Peer.SELF);
            PlanBuilder hangs = new PlanBuilder();
            Arg.Slot own = hangs.slot();
            hangs.callInto(own, "getpid", Sys.GETPID);
            hangs.note(71, own);
            Plans.sleep(hangs, 600_000);
            link.spawn(4, "player", hangs.build(), 0, 0);
            int player = (int) link.await(Frame.NOTE, 4).body().getLong(8);
            int a = link.awaitPid(1);
            int b = link.awaitPid(2);
            int self = link.await(Frame.LAUNCHED, 3).b();
            ProcessHandle.of(rig.monitorPid()).orElseThrow().destroyForcibly();
            for (int pid : new int[] {a, b, self, player}) {
                Rig.until("process " + pid + " dies", () -> !Rig.runs(pid));
            }
        }
    }

    @Test
    void killReachesOnlyWhatIsThere() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.spawn(1, "runs", Plans.shell("exec sleep 1000"), 0, 0);
            link.await(Frame.LAUNCHED, 1);
            link.send(Frame.of(Frame.KILL, 1, 15));
            assertThat(link.awaitStatus(1)).isEqualTo(15);
            link.send(Frame.of(Frame.KILL, 1, 9)); // too late
            link.send(Frame.of(Frame.KILL, 2, 9)); // never was
            link.send(Frame.of(Frame.KILL, 1, -5));
            link.spawn(3, "after", Plans.shell("exit 4"), 0, 0);
            assertThat(link.awaitStatus(3)).isEqualTo(4 << 8);
        }
    }

    @Test
    void ignoredAndBlockedSignalsOfTheStarterDoNoHarm() throws Exception {
        try (Rig rig = Rig.bare()) {
            // As when a service manager ignores SIGCHLD: the monitor must still learn statuses.
            String script = "import signal,os; signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
                    + "signal.signal(signal.SIGHUP, signal.SIG_IGN);"
                    + "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM});"
                    + "os.execve('" + rig.binary + "', ['caisson', 'start'], {'CAISSON_STATE_DIR': '" + rig.state
                    + "'})";
            rig.run(new ProcessBuilder("python3", "-c", script));
            Peer call = rig.daemon().accept().read();
            call.await(Frame.COMMAND);
            call.send(Frame.of(Frame.START_MONITOR, 0, rig.monitorWords(rig.socket)));
            rig.adopt(call.await(Frame.STARTED).b());
            Peer link = rig.daemon().acceptMonitor();
            Path out = rig.dir.resolve("signals");
            link.openIo(1, new Peer.Stream(0, ""), new Peer.Stream(2, out.toString()), new Peer.Stream(3, ""));
            link.spawn(1, "lists", Plans.shell("grep Sig /proc/self/status; exit 6"), 1, 0);
            assertThat(link.awaitStatus(1)).isEqualTo(6 << 8);
            assertThat(Files.readAllLines(out)).contains("SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000");
        }
    }

    @Test
    void thousandsOfLaunchesLeaveNothing() throws Exception {
        try (Rig rig = Rig.release()) {
            Peer link = rig.startMonitor();
            launch(link, 1, 200);
            long memory = Rig.kib(rig.monitorPid(), "status", "RssAnon");
            int fds = Rig.countDescriptors(rig.monitorPid());
            launch(link, 201, 2200);
            assertThat(Rig.countDescriptors(rig.monitorPid())).isEqualTo(fds);
            assertThat(Rig.kib(rig.monitorPid(), "status", "RssAnon")).isLessThanOrEqualTo(memory + 64);
            Path children = Path.of("/proc/" + rig.monitorPid() + "/task/" + rig.monitorPid() + "/children");
            Rig.until("the last player is reaped", () -> {
                try {
                    return Files.readString(children).isEmpty();
                } catch (IOException e) {
                    return false;
                }
            });
        }
    }

    private static void launch(Peer link, int from, int to) {
        PlanBuilder p = new PlanBuilder();
        Plans.child(p, false);
        Plans.exit(p, 0);
        var plan = p.build();
        for (int launch = from; launch <= to; launch += 20) {
            for (int i = launch; i < launch + 20; i++) {
                link.openIo(i, new Peer.Stream(4, ""), new Peer.Stream(4, ""), new Peer.Stream(3, ""));
                link.spawn(i, "one of many", plan, i, 0);
            }
            for (int i = launch; i < launch + 20; i++) {
                int id = i;
                link.await(Frame.LAUNCHED, id);
                link.await("exit", f -> f.kind() == Frame.EXIT && f.b() == id, Duration.ofSeconds(20));
                link.send(Frame.of(Frame.FORGET, id, 0));
                link.send(Frame.of(Frame.IO_CLOSE, id, 0));
            }
            link.drain();
        }
        link.sync();
    }

    @Test
    void hundredsOfProcessesAtOnce() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            for (int i = 1; i <= 300; i++) {
                link.spawn(i, "one of many", Plans.gated("exit 7"), 0, 0);
            }
            for (int i = 1; i <= 300; i++) {
                link.awaitPid(i);
            }
            for (int i = 1; i <= 300; i++) {
                link.gate(i, 1, (byte) 1);
            }
            for (int i = 1; i <= 300; i++) {
                assertThat(link.awaitStatus(i)).isEqualTo(7 << 8);
            }
        }
    }

    @Test
    void quitLeavesNoByteBehind() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            Containerd slow = Containerd.silent(rig.socket);
            slow.request(1, new byte[0]);
            int conn = link.await(Frame.REQUEST).a();
            byte[] answer = new Containerd.Message(1, Containerd.RESPONSE, 0, new byte[2 << 20]).frame();
            link.send(Frame.of(Frame.ANSWER, 0, conn, 0, answer));
            link.send(Frame.of(Frame.QUIT, 0, 0));
            Rig.sleep(200);
            ByteBuffer all = ByteBuffer.allocate(answer.length);
            while (all.hasRemaining() && slow.channel.read(all) > 0) {
                // until all is there or the end comes
            }
            assertThat(all.position()).isEqualTo(answer.length);
            rig.expectGone(rig.monitorPid());
        }
    }
}
