package dev.caisson.tests.monitor;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The init role, as process 1 of a pid namespace. */
class InitTest {
    private static Process init(Rig rig, String... program) throws IOException {
        Path name = rig.binary.resolveSibling("caisson-init");
        if (!Files.exists(name)) {
            Files.createSymbolicLink(name, rig.binary);
        }
        // Under nohup SIGHUP would be ignored, which is inherited and which no shell can change.
        List<String> words = new ArrayList<>(List.of(
                "env",
                "--default-signal=HUP",
                "unshare",
                "--pid",
                "--mount-proc",
                "--fork",
                "--kill-child",
                name.toString()));
        words.addAll(Arrays.asList(program));
        return rig.run(new ProcessBuilder(words));
    }

    private static int initPid(Process unshare) {
        Rig.until("init", () -> unshare.children().findAny().isPresent());
        return (int) unshare.children().findAny().orElseThrow().pid();
    }

    @Test
    void exitCodesAndSignals() throws Exception {
        try (Rig rig = Rig.bare()) {
            for (int code : new int[] {0, 1, 42, 127, 128, 255}) {
                assertThat(init(rig, "/bin/sh", "-c", "exit " + code).waitFor()).isEqualTo(code);
            }
            for (int signal : new int[] {1, 9, 15}) {
                assertThat(init(rig, "/bin/sh", "-c", "kill -" + signal + " $$").waitFor())
                        .isEqualTo(128 + signal);
            }
            assertThat(init(rig, "/no/such/program").waitFor()).isEqualTo(127);
            assertThat(init(rig, "/etc/passwd").waitFor()).isEqualTo(126);
        }
    }

    @Test
    void isTheFirstProcessAndItsProgramLeadsASession() throws Exception {
        try (Rig rig = Rig.bare()) {
            // By the shell alone: it blocks all signals while it starts a program, which may be seen by that already.
            String script = "echo $$ $PPID; read -r _ _ _ _ _ s _ </proc/$$/stat; echo $s;"
                    + "while read -r l; do case $l in Sig[BI]*) echo \"$l\";; esac; done </proc/$$/status";
            Process p = init(rig, "/bin/sh", "-c", script);
            List<String> lines =
                    new String(p.getInputStream().readAllBytes(), UTF_8).lines().toList();
            assertThat(lines.get(0)).isEqualTo("2 1");
            assertThat(lines.get(1)).isEqualTo("2");
            assertThat(lines).contains("SigBlk:\t0000000000000000");
        }
    }

    @Test
    void orphansAreReaped() throws Exception {
        try (Rig rig = Rig.bare()) {
            String script =
                    "for i in 1 2 3 4 5 6 7 8; do (sleep 0.1 &); done; sleep 0.6; grep -l Z /proc/[0-9]*/stat | wc -l;"
                            + "cat /proc/[0-9]*/stat | grep -c ') Z '; exit 3";
            Process p = init(rig, "/bin/sh", "-c", script);
            assertThat(new String(p.getInputStream().readAllBytes(), UTF_8)).endsWith("0\n");
            assertThat(p.waitFor()).isEqualTo(3);
        }
    }

    @Test
    void signalsArePassedOn() throws Exception {
        try (Rig rig = Rig.bare()) {
            String script = "trap 'exit 40' TERM; trap 'echo usr1' USR1; trap 'echo hup' HUP; echo ready;"
                    + "while :; do sleep 0.05; done";
            Process p = init(rig, "/bin/sh", "-c", script);
            java.io.BufferedReader out = p.inputReader();
            assertThat(out.readLine()).isEqualTo("ready");
            int pid = initPid(p);
            for (String[] s : new String[][] {{"USR1", "usr1"}, {"HUP", "hup"}}) {
                rig.run(new ProcessBuilder("kill", "-" + s[0], "" + pid)).waitFor();
                assertThat(out.readLine()).isEqualTo(s[1]);
            }
            rig.run(new ProcessBuilder("kill", "-TERM", "" + pid)).waitFor();
            assertThat(p.waitFor()).isEqualTo(40);
        }
    }

    @Test
    void withoutAProgramItWaitsToBeEnded() throws Exception {
        try (Rig rig = Rig.bare()) {
            Process p = init(rig);
            int pid = initPid(p);
            Rig.until("init waits in rt_sigtimedwait", () -> {
                try {
                    return Files.readString(Path.of("/proc/" + pid + "/syscall"))
                            .startsWith("128 ");
                } catch (IOException e) {
                    return false;
                }
            });
            rig.run(new ProcessBuilder("kill", "-HUP", "" + pid)).waitFor();
            assertThat(p.waitFor(300, TimeUnit.MILLISECONDS)).isFalse();
            rig.run(new ProcessBuilder("kill", "-TERM", "" + pid)).waitFor();
            assertThat(p.waitFor()).isZero();
        }
    }

    @Test
    void inheritedIgnoreOfChildrensEndsDoesNoHarm() throws Exception {
        try (Rig rig = Rig.bare()) {
            init(rig, "/bin/true").waitFor(); // makes the link
            String script = "import signal,os; signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
                    + "os.execv('" + rig.binary.resolveSibling("caisson-init")
                    + "', ['caisson-init', '/bin/sh', '-c', 'exit 9'])";
            Process p = rig.run(new ProcessBuilder("python3", "-c", script));
            assertThat(p.waitFor(10, TimeUnit.SECONDS)).isTrue();
            assertThat(p.exitValue()).isEqualTo(9);
        }
    }
}
