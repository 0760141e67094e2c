package dev.caisson.tests.monitor;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.plan.LaunchPlan;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The command role. */
class CommandTest {
    private static final int ENAMETOOLONG = 36;
    private static final int ENOENT = 2;
    private static final int EINVAL = 22;

    /** What a COMMAND frame says. */
    private record Call(List<String> argv, String cwd, List<String> environment, byte[] stdin) {
        static Call of(Frame f) {
            ByteBuffer b = ByteBuffer.wrap(f.payload()).order(ByteOrder.LITTLE_ENDIAN);
            int argc = b.getInt();
            int envc = b.getInt();
            int stdin = b.getInt();
            List<String> words = new ArrayList<>();
            for (int i = 0; i < argc + 1 + envc; i++) {
                int end = b.position();
                while (b.get(end) != 0) {
                    end++;
                }
                byte[] word = new byte[end - b.position()];
                b.get(word).get();
                words.add(new String(word, UTF_8));
            }
            byte[] rest = new byte[b.remaining()];
            b.get(rest);
            assertThat(rest).hasSize(stdin);
            return new Call(words.subList(0, argc), words.get(argc), words.subList(argc + 1, words.size()), rest);
        }
    }

    private static String text(java.io.InputStream in) throws IOException {
        return new String(in.readAllBytes(), UTF_8);
    }

    @Test
    void argumentsEnvironmentAndDirectoryArriveIntact() throws Exception {
        try (Rig rig = Rig.bare()) {
            Path cwd = Files.createDirectory(rig.dir.resolve("a directory"));
            String big = "x".repeat(100_000);
            Process p = rig.run(new ProcessBuilder(
                            "env",
                            "-i",
                            "CAISSON_STATE_DIR=" + rig.state,
                            "EMPTY=",
                            "A=b c\nd",
                            rig.binary.toString(),
                            "run",
                            "",
                            "\u00e4 b",
                            big)
                    .directory(cwd.toFile()));
            Peer c = rig.daemon().accept().read();
            Frame f = c.await(Frame.COMMAND);
            assertThat((long) f.a()).isEqualTo(p.pid());
            Call call = Call.of(f);
            assertThat(call.argv).containsExactly(rig.binary.toString(), "run", "", "\u00e4 b", big);
            assertThat(call.cwd).isEqualTo(cwd.toString());
            assertThat(call.environment).containsExactly("CAISSON_STATE_DIR=" + rig.state, "EMPTY=", "A=b c\nd");
            assertThat(call.stdin).isEmpty();
            byte[] much = "y".repeat(300_000).getBytes(UTF_8);
            c.send(Frame.of(Frame.OUTPUT, 0, 1, 0, much));
            c.send(Frame.of(Frame.OUTPUT, 0, 2, 0, "to stderr".getBytes(UTF_8)));
            c.send(Frame.of(200, 0, 0)); // from a newer daemon
            c.send(Frame.of(Frame.END, 137, 0));
            assertThat(p.getInputStream().readAllBytes()).isEqualTo(much);
            assertThat(text(p.getErrorStream())).isEqualTo("to stderr");
            assertThat(p.waitFor()).isEqualTo(137);
        }
    }

    /** A command in the foreground that has been told beforehand how to end. */
    private static Peer endingWithItsLaunch(Rig rig) throws Exception {
        Peer c = rig.daemon().accept().read();
        c.await(Frame.COMMAND);
        c.send(Frame.of(Frame.HANDS, 0, 1, 0, new byte[1]));
        c.send(Frame.of(Frame.END_WITH, 1, 0));
        return c;
    }

    private static Process exec(Rig rig) throws Exception {
        return rig.run(new ProcessBuilder(
                "env", "-i", "CAISSON_STATE_DIR=" + rig.state, rig.binary.toString(), "exec", "c1", "true"));
    }

    private static void endsUnasked(LaunchPlan plan, int code) throws Exception {
        try (Rig rig = Rig.bare()) {
            Process p = exec(rig);
            Peer c = endingWithItsLaunch(rig);
            c.spawn(1, "exec c1", plan, 1, 0);
            c.gate(1, 0, (byte) 'g');
            assertThat(p.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(p.exitValue()).isEqualTo(code);
        }
    }

    @Test
    void aProgramsEndIsNotAskedFor() throws Exception {
        endsUnasked(Plans.gated("exit 7"), 7);
    }

    @Test
    void norThatOfOneWhoseLauncherIsSlower() throws Exception {
        endsUnasked(Plans.shellOfASlowLauncher("exit 7"), 7);
    }

    private static byte[] remains(Object... kindsAndPaths) {
        StringBuilder list = new StringBuilder();
        for (int i = 0; i < kindsAndPaths.length; i += 2) {
            list.append((char) (int) (Integer) kindsAndPaths[i])
                    .append(kindsAndPaths[i + 1])
                    .append('\0');
        }
        return list.toString().getBytes(UTF_8);
    }

    /** A command in the foreground whose process runs; it has been told what to remove behind its end. */
    private static Peer removingBehindItsLaunch(Rig rig, LaunchPlan plan, byte[] remains) throws Exception {
        Peer c = rig.daemon().accept().read();
        c.await(Frame.COMMAND);
        c.send(Frame.of(Frame.HANDS, 0, 1, 0, new byte[1]));
        c.spawn(1, "init c1", plan, 1, 0);
        c.send(Frame.of(Frame.END, 3, 1, 0, remains));
        return c;
    }

    @Test
    void whatIsLeftBehindAProgramIsRemovedUnasked() throws Exception {
        try (Rig rig = Rig.bare()) {
            Path state = Files.createDirectory(rig.dir.resolve("c1"));
            Path record = Files.createFile(state.resolve("record"));
            Path used = Files.createDirectory(rig.dir.resolve("used"));
            Files.createFile(used.resolve("by another"));
            Process p = exec(rig);
            Peer c = removingBehindItsLaunch(rig, Plans.gated("exit 7"), remains(3, used, 2, record, 1, state));
            assertThat(state).isDirectory();
            c.gate(1, 0, (byte) 'g');
            assertThat(c.await(Frame.REMOVED).a()).isZero();
            assertThat(p.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(p.exitValue()).isEqualTo(7);
            assertThat(state).doesNotExist();
            assertThat(used).isDirectory();
        }
    }

    @Test
    void whatIsNotAsExpectedIsForTheDaemonToRemove() throws Exception {
        try (Rig rig = Rig.bare()) {
            Path state = Files.createDirectory(rig.dir.resolve("c1"));
            Files.createFile(state.resolve("unexpected"));
            Path last = Files.createFile(rig.dir.resolve("last"));
            Process p = exec(rig);
            Peer c = removingBehindItsLaunch(rig, Plans.gated("exit 7"), remains(1, state, 2, last));
            c.gate(1, 0, (byte) 'g');
            c.await(Frame.EXIT);
            Frame left = c.await(Frame.REMOVED);
            assertThat(left.a()).isEqualTo(39); // ENOTEMPTY
            assertThat(new String(left.payload(), UTF_8)).isEqualTo(state.toString());
            assertThat(last).exists();
            c.send(Frame.of(Frame.END, 9, 0));
            assertThat(p.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(p.exitValue()).isEqualTo(9);
        }
    }

    /** What is missing was not seen as the daemon meant it. */
    @Test
    void theNextDaemonIsAskedToRemoveWhatIsMissing() throws Exception {
        try (Rig rig = Rig.bare()) {
            Process p = exec(rig);
            Peer c = removingBehindItsLaunch(
                    rig, Plans.shell("exec sleep 1000"), remains(2, rig.dir.resolve("missing")));
            c.await(Frame.LAUNCHED);
            c.close();
            p.children().forEach(ProcessHandle::destroyForcibly);
            Peer next = rig.daemon().accept().read();
            Frame asked = next.await(Frame.COMMAND);
            assertThat(asked.b()).isEqualTo(2 | 9 << 8);
            next.send(Frame.of(Frame.END, 137, 0));
            assertThat(p.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(p.exitValue()).isEqualTo(137);
        }
    }

    @Test
    void howAPlanThatFailedEndsIsForTheDaemonToSay() throws Exception {
        try (Rig rig = Rig.bare()) {
            Process p = exec(rig);
            Peer c = endingWithItsLaunch(rig);
            c.spawn(1, "exec c1", Plans.failing(), 1, 0);
            c.await(Frame.EXIT);
            c.send(Frame.of(Frame.OUTPUT, 0, 2, 0, "no such program".getBytes(UTF_8)));
            c.send(Frame.of(Frame.END, 255, 0));
            assertThat(p.waitFor()).isEqualTo(255);
            assertThat(text(p.getErrorStream())).isEqualTo("no such program");
        }
    }

    @Test
    void onlyAShimReadsItsInput() throws Exception {
        try (Rig rig = Rig.bare()) {
            Path shim = Files.createSymbolicLink(rig.binary.resolveSibling("containerd-shim-caisson-v2"), rig.binary);
            byte[] input = new byte[200_000];
            new java.util.Random(3).nextBytes(input);
            for (String verb : List.of("start", "delete")) {
                Path file = Files.write(rig.dir.resolve("input"), input);
                ProcessBuilder b = new ProcessBuilder(shim.toString(), verb).redirectInput(file.toFile());
                b.environment().put("CAISSON_STATE_DIR", rig.state.toString());
                Process p = rig.run(b);
                Peer c = rig.daemon().accept().read();
                byte[] got = Call.of(c.await(Frame.COMMAND)).stdin;
                assertThat(got).isEqualTo(verb.equals("start") ? input : new byte[0]);
                c.send(Frame.of(Frame.END, 0, 0));
                assertThat(p.waitFor()).isZero();
            }
        }
    }

    @Test
    void missingDaemonIsNotWaitedFor() throws Exception {
        try (Rig rig = Rig.bare()) {
            rig.daemon().close();
            long start = System.nanoTime();
            Process p = rig.command(List.of(), "state");
            String error = text(p.getErrorStream());
            assertThat(p.waitFor()).isEqualTo(1);
            assertThat(error)
                    .isEqualTo("caisson: connect to caissond in " + rig.state + ": No such file or directory\n");
            assertThat((System.nanoTime() - start) / 1_000_000).isLessThan(2000);
        }
    }

    @Test
    void anEndThatWasSentTooEarlyDoesNotCountWithoutAMonitor() throws Exception {
        try (Rig rig = Rig.bare()) {
            Process p = rig.command(List.of(), "start");
            Peer c = rig.daemon().accept().read();
            c.await(Frame.COMMAND);
            c.send(Frame.of(Frame.START_MONITOR, 0, rig.monitorWords(rig.dir.resolve("no/such/dir/pod.sock"))));
            c.send(Frame.of(Frame.OUTPUT, 0, 1, 0, "unix:///there".getBytes(UTF_8)));
            c.send(Frame.of(Frame.END, 0, 0));
            assertThat(c.await(Frame.STARTED).a()).as("errno").isNotZero();
            c.send(Frame.of(Frame.OUTPUT, 0, 2, 0, "no monitor".getBytes(UTF_8)));
            c.send(Frame.of(Frame.END, 1, 0));
            assertThat(text(p.getInputStream())).isEmpty();
            assertThat(text(p.getErrorStream())).isEqualTo("no monitor");
            assertThat(p.waitFor()).isEqualTo(1);
        }
    }

    @Test
    void anEndThatWasSentTooEarlyWaitsForTheMonitor() throws Exception {
        try (Rig rig = Rig.bare()) {
            Process p = rig.command(List.of(), "start");
            Peer c = rig.daemon().accept().read();
            c.await(Frame.COMMAND);
            c.send(Frame.of(Frame.START_MONITOR, 0, rig.monitorWords(rig.socket)));
            c.send(Frame.of(Frame.OUTPUT, 0, 1, 0, "unix:///there".getBytes(UTF_8)));
            c.send(Frame.of(Frame.END, 0, 0));
            rig.adopt(c.await(Frame.STARTED).b());
            assertThat(text(p.getInputStream())).isEqualTo("unix:///there");
            assertThat(p.waitFor()).isZero();
            rig.daemon().acceptMonitor().await(Frame.ATTACHED);
        }
    }

    @Test
    void aCommandThatEndsBadlyTakesItsMonitorBack() throws Exception {
        try (Rig rig = Rig.bare()) {
            Process p = rig.command(List.of(), "start");
            Peer c = rig.daemon().accept().read();
            c.await(Frame.COMMAND);
            c.send(Frame.of(Frame.START_MONITOR, 0, rig.monitorWords(rig.socket)));
            int monitor = c.await(Frame.STARTED).b();
            c.send(Frame.of(Frame.END, 1, 0));
            assertThat(p.waitFor()).isEqualTo(1);
            assertThat(ProcessHandle.of(monitor)).isEmpty();
            assertThat(rig.socket).doesNotExist();
        }
    }

    @Test
    void aCommandThatLosesItsDaemonStartsItsMonitorAgain() throws Exception {
        try (Rig rig = Rig.bare()) {
            Process p = rig.command(List.of(), "start");
            Peer c = rig.daemon().accept().read();
            c.await(Frame.COMMAND);
            c.send(Frame.of(Frame.START_MONITOR, 0, rig.monitorWords(rig.socket)));
            int first = c.await(Frame.STARTED).b();
            rig.daemon().acceptMonitor().await(Frame.ATTACHED);
            c.close();
            Peer again = rig.daemon().accept().read();
            assertThat(again.await(Frame.COMMAND).flags()).as("asked before").isEqualTo(1);
            assertThat(ProcessHandle.of(first)).isEmpty();
            again.send(Frame.of(Frame.START_MONITOR, 0, rig.monitorWords(rig.socket)));
            Frame second = again.await(Frame.STARTED);
            assertThat(second.flags()).as("served already").isZero();
            rig.adopt(second.b());
            again.send(Frame.of(Frame.END, 0, 0));
            assertThat(p.waitFor()).isZero();
            rig.daemon().acceptMonitor().await(Frame.ATTACHED);
        }
    }

    @Test
    void worksWithoutEnvironmentAndStreams() throws Exception {
        try (Rig rig = Rig.bare()) {
            // The default state directory need not exist or be ours here: only that it comes to a decent end counts.
            Process v = rig.run(new ProcessBuilder("env", "-i", rig.binary.toString(), "--version"));
            assertThat(text(v.getInputStream())).startsWith("caisson version ");
            assertThat(v.waitFor()).isZero();
            Process p = rig.run(new ProcessBuilder(
                    "sh", "-c", "CAISSON_STATE_DIR=" + rig.state + " exec " + rig.binary + " start <&- >&- 2>&-"));
            Peer c = rig.daemon().accept().read();
            c.await(Frame.COMMAND);
            c.send(Frame.of(Frame.OUTPUT, 0, 2, 0, "nobody reads this".getBytes(UTF_8)));
            c.send(Frame.of(Frame.START_MONITOR, 0, rig.monitorWords(rig.socket)));
            Frame started = c.await(Frame.STARTED);
            assertThat(started.a()).isZero();
            rig.adopt(started.b());
            c.send(Frame.of(Frame.END, 0, 0));
            assertThat(p.waitFor()).isZero();
            rig.daemon().acceptMonitor().await(Frame.ATTACHED);
            // It has its listener: the descriptor was passed on although low numbers had been free.
            try (Containerd d = rig.connect()) {
                assertThat(d.channel.isConnected()).isTrue();
            }
        }
    }

    @Test
    void answerOfADaemonThatDoesNotReadIsShown() throws Exception {
        try (Rig rig = Rig.bare()) {
            Process p = rig.command(List.of(), "x".repeat(100_000), "y".repeat(100_000), "z".repeat(120_000));
            Peer c = rig.daemon().accept(); // reads nothing yet
            c.send(Frame.of(Frame.OUTPUT, 0, 2, 0, "refused".getBytes(UTF_8)));
            c.send(Frame.of(Frame.END, 9, 0));
            Rig.sleep(200);
            assertThat(p.isAlive()).isTrue();
            c.read();
            assertThat(text(p.getErrorStream())).isEqualTo("refused");
            assertThat(p.waitFor()).isEqualTo(9);
        }
    }

    @Test
    void daemonThatDiesIsReplacedAndNothingIsPrintedTwice() throws Exception {
        try (Rig rig = Rig.bare()) {
            Process p = rig.command(List.of(), "state");
            for (int i = 0; i < 3; i++) {
                Peer c = rig.daemon().accept().read();
                assertThat(Call.of(c.await(Frame.COMMAND)).argv).containsExactly(rig.binary.toString(), "state");
                c.send(Frame.of(Frame.OUTPUT, 0, 1, 0, "half".getBytes(UTF_8)));
                if (i == 2) {
                    c.send(Frame.of(Frame.END, 0, 0));
                } else {
                    c.close();
                }
            }
            assertThat(text(p.getInputStream())).isEqualTo("half");
            assertThat(p.waitFor()).isZero();
        }
    }

    @Test
    void daemonThatAlwaysDiesIsNamed() throws Exception {
        try (Rig rig = Rig.bare()) {
            Process p = rig.command(List.of(), "state");
            Thread.ofPlatform().daemon().start(() -> {
                try {
                    while (true) {
                        rig.daemon().accept().close();
                    }
                } catch (InterruptedException | AssertionError e) {
                    // nobody comes any more
                }
            });
            assertThat(text(p.getErrorStream()))
                    .startsWith("caisson: read answer of caissond: ")
                    .endsWith("\n");
            assertThat(p.waitFor()).isEqualTo(1);
        }
    }

    @Test
    void monitorStartsOverAStaleSocketButNotOverALiveOne() throws Exception {
        try (Rig rig = Rig.bare()) {
            try (ServerSocketChannel stale = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
                stale.bind(UnixDomainSocketAddress.of(rig.socket));
            }
            assertThat(rig.socket).exists();
            rig.startMonitor();
            assertThat(Files.getPosixFilePermissions(rig.socket)).hasSize(2); // rw for the owner
            rig.command(List.of(), "start");
            Peer c = rig.daemon().accept().read();
            c.await(Frame.COMMAND);
            c.send(Frame.of(Frame.START_MONITOR, 0, rig.monitorWords(rig.socket)));
            Frame started = c.await(Frame.STARTED);
            assertThat(started.flags()).isEqualTo(1);
            assertThat(started.a()).isZero();
            assertThat(started.b()).isZero();
        }
    }

    @Test
    void whatHindersAMonitorIsTold() throws Exception {
        try (Rig rig = Rig.bare()) {
            rig.command(List.of(), "start");
            Peer c = rig.daemon().accept().read();
            c.await(Frame.COMMAND);
            c.send(Frame.of(Frame.START_MONITOR, 0, rig.monitorWords(rig.dir.resolve("no/such/dir/pod.sock"))));
            assertThat(c.await(Frame.STARTED).a()).isEqualTo(ENOENT);
            c.send(Frame.of(Frame.START_MONITOR, 0, rig.monitorWords(rig.dir.resolve("x".repeat(120)))));
            assertThat(c.await(Frame.STARTED).a()).isEqualTo(ENAMETOOLONG);
            c.send(Frame.of(Frame.START_MONITOR, 0, "/no/such/program\0" + rig.socket + "\0caisson-monitor\0"));
            assertThat(c.await(Frame.STARTED).a()).isEqualTo(ENOENT);
            assertThat(rig.socket).doesNotExist();
            c.send(Frame.of(Frame.START_MONITOR, 0, "too few\0words\0"));
            assertThat(c.await(Frame.STARTED).a()).isEqualTo(EINVAL);
            c.send(Frame.of(Frame.START_MONITOR, 0, ""));
            assertThat(c.await(Frame.STARTED).a()).isEqualTo(EINVAL);
            c.send(Frame.of(Frame.START_MONITOR, 0, "w\0".repeat(1000)));
            assertThat(c.await(Frame.STARTED).a()).isNotZero();
            c.send(Frame.of(Frame.END, 0, 0));
        }
    }

    @Test
    void ofManyThatFindAStaleSocketOneStartsAMonitor() throws Exception {
        try (Rig rig = Rig.bare()) {
            for (int round = 0; round < 5; round++) {
                Path socket = rig.dir.resolve("pod" + round);
                try (ServerSocketChannel stale = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
                    stale.bind(UnixDomainSocketAddress.of(socket));
                }
                int count = 8;
                List<Peer> commands = new ArrayList<>();
                for (int i = 0; i < count; i++) {
                    rig.command(List.of(), "start");
                }
                for (int i = 0; i < count; i++) {
                    Peer c = rig.daemon().accept().read();
                    c.await(Frame.COMMAND);
                    commands.add(c);
                }
                for (Peer c : commands) {
                    c.send(Frame.of(Frame.START_MONITOR, 0, rig.monitorWords(socket)));
                }
                int started = 0;
                for (Peer c : commands) {
                    Frame f = c.await(Frame.STARTED);
                    assertThat(f.a()).isZero();
                    if (f.flags() == 0) {
                        started++;
                        rig.adopt(f.b());
                    }
                    c.send(Frame.of(Frame.END, 0, 0));
                }
                assertThat(started).isEqualTo(1);
                rig.daemon().acceptMonitor();
            }
        }
    }
}
