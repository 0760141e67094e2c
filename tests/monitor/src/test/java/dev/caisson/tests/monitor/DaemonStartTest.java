package dev.caisson.tests.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** When, and how often, the daemon's program is started. The program here notes its start and waits for the fake daemon. */
class DaemonStartTest {
    /** Keeps the start lock, descriptor 3, until somebody listens or 20 s have passed. */
    private static String waitingDaemon(Rig rig) {
        return "echo \"$@\" $(readlink /proc/self/fd/3) >>" + starts(rig) + "\ni=0; while [ -d " + rig.state
                + " ] && [ ! -S " + rig.state + "/caissond.sock ] && [ $i -lt 400 ]; do sleep 0.05; i=$((i+1)); done";
    }

    private static Path starts(Rig rig) {
        return rig.dir.resolve("starts");
    }

    private static int countStarts(Rig rig) throws IOException {
        return Files.exists(starts(rig)) ? Files.readAllLines(starts(rig)).size() : 0;
    }

    private static void goDown(Rig rig) throws IOException {
        rig.loseDaemon();
        Files.deleteIfExists(rig.state.resolve("caissond.sock"));
    }

    @Test
    void onceForManyRequests() throws Exception {
        try (Rig rig = Rig.bare()) {
            rig.startMonitor();
            rig.daemonScript(waitingDaemon(rig));
            goDown(rig);
            for (int i = 0; i < 30; i++) {
                rig.connect().request(1, new byte[] {1});
            }
            List<Process> commands = new ArrayList<>();
            for (int i = 0; i < 10; i++) {
                commands.add(rig.command(List.of(), "state", "x"));
            }
            Rig.sleep(2500); // in which others would be started, too
            assertThat(Files.readAllLines(starts(rig)))
                    .containsExactly("--state-dir " + rig.state + " " + rig.state + "/start.lock");
            rig.restartDaemon();
            int requests = 0;
            for (int i = 0; i < 11; i++) {
                Peer p = rig.daemon().accept().read();
                Frame first = p.await("anything", f -> true);
                if (first.kind() == Frame.COMMAND) {
                    p.send(Frame.of(Frame.END, 7, 0));
                } else {
                    p.await(Frame.ATTACHED);
                    requests = p.drain().size();
                }
            }
            for (Process p : commands) {
                assertThat(p.waitFor()).isEqualTo(7);
            }
            assertThat(requests).isPositive();
            assertThat(countStarts(rig)).isEqualTo(1);
        }
    }

    @Test
    void notWhenNothingIsPending() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.spawn(1, "runs", Plans.gated("exit 0"), 0, 0);
            link.awaitPid(1);
            rig.daemonScript(waitingDaemon(rig));
            goDown(rig);
            Containerd idle = rig.connect();
            Rig.sleep(3000);
            assertThat(countStarts(rig)).isZero();
            idle.request(1, new byte[] {1});
            Rig.until("daemon is started", () -> Files.exists(starts(rig)));
        }
    }

    @Test
    void notWhileAStandbyWaitsForTheDeadOnesLock() throws Exception {
        try (Rig rig = Rig.bare()) {
            rig.startMonitor();
            rig.daemonScript(waitingDaemon(rig));
            Process standby = rig.run(new ProcessBuilder(
                    "flock",
                    rig.state.resolve("standby.lock").toString(),
                    "sh",
                    "-c",
                    "touch " + rig.dir + "/held; sleep 1000"));
            Rig.until("lock is held", () -> Files.exists(rig.dir.resolve("held")));
            goDown(rig);
            rig.connect().request(1, new byte[] {1});
            Process command = rig.command(List.of(), "state", "x");
            Rig.sleep(1500);
            assertThat(countStarts(rig)).isZero();
            standby.descendants().forEach(ProcessHandle::destroyForcibly);
            standby.destroyForcibly();
            Rig.until("daemon is started", () -> Files.exists(starts(rig)));
            command.destroyForcibly();
        }
    }

    @Test
    void whenAnExitIsPending() throws Exception {
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            link.spawn(1, "ends", Plans.gated("exit 0"), 0, 0);
            int pid = link.awaitPid(1);
            rig.daemonScript(waitingDaemon(rig));
            goDown(rig);
            ProcessHandle.of(pid).orElseThrow().destroyForcibly();
            Rig.until("daemon is started", () -> Files.exists(starts(rig)));
            rig.restartDaemon();
            Peer next = rig.daemon().acceptMonitor();
            assertThat(next.await(Frame.PROC).body().getInt(0) & 4).isNotZero();
        }
    }

    @Test
    void everMoreRarelyWhenItDoesNotComeUp() throws Exception {
        try (Rig rig = Rig.bare()) {
            rig.startMonitor();
            rig.daemonScript("echo start >>" + starts(rig));
            goDown(rig);
            Containerd c = rig.connect();
            c.request(1, new byte[] {1});
            Rig.sleep(4000); // at 0, 0.5, 1.5 and 3.5 s
            assertThat(countStarts(rig)).isBetween(3, 5);
        }
    }

    @Test
    void aDaemonThatHangsUpAtOnceIsNotPestered() throws Exception {
        try (Rig rig = Rig.bare()) {
            rig.startMonitor();
            rig.restartDaemon();
            int links = 0;
            long end = System.nanoTime() + 3_000_000_000L;
            while (System.nanoTime() < end) {
                if (rig.daemon().hasNobodyWaiting()) {
                    Rig.sleep(5);
                } else {
                    rig.daemon().accept().close();
                    links++;
                }
            }
            // At once, then 20 ms later and each time four times as long.
            assertThat(links).isBetween(1, 5);
        }
    }

    @Test
    void aNewDaemonIsNoticedAtOnce() throws Exception {
        try (Rig rig = Rig.bare()) {
            rig.startMonitor();
            goDown(rig);
            long start = System.nanoTime();
            rig.restartDaemon();
            rig.daemon().acceptMonitor().await(Frame.ATTACHED);
            assertThat((System.nanoTime() - start) / 1_000_000).isLessThan(1000);
        }
    }
}
