package dev.caisson.tests.monitor;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The boot role, as process 1 of a pid namespace whose root has a boot plan: what it switches off is that namespace. */
class BootTest {
    private static final int AT_FDCWD = -100;
    /** reboot(2): the parent of a pid namespace's first process sees it killed by SIGINT when it has switched off. */
    private static final int SWITCHED_OFF = 128 + 2;

    /** A root like the host's, with what the plan and the sanitizers need. */
    private static final String SCRIPT = """
            set -e
            root=$1 out=$2 binary=$3
            shift 3
            mkdir -p "$root/usr" "$root/proc" "$root/dev" "$root$out"
            for each in bin sbin lib lib64; do ln -s usr/$each "$root/$each"; done
            mount --bind /usr "$root/usr"
            mount --bind "$out" "$root$out"
            mount --rbind /dev "$root/dev"
            mount -t proc proc "$root/proc"
            exec chroot "$root" /bin/bash -c 'exec -a /init "$0" "$@"' "$binary" "$@"
            """;

    @TempDir
    Path directory;

    /** What it complained about, and its end. */
    private record Ended(int code, String said) {}

    private Ended boot(Rig rig, byte[] plan, String... program) throws Exception {
        Path root = Files.createDirectory(directory.resolve("root"));
        Files.write(root.resolve("boot.plan"), plan);
        // From where it reports to.
        Path out =
                Path.of(System.getProperty("monitor.build", "target/monitor")).toRealPath();
        List<String> words = new ArrayList<>(List.of(
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "bash",
                "-c",
                SCRIPT,
                "bash",
                root.toString(),
                out.toString(),
                out.resolve("caisson-asan").toString()));
        words.addAll(List.of(program));
        Process process = rig.run(new ProcessBuilder(words).redirectErrorStream(true));
        String said = new String(process.getInputStream().readAllBytes(), UTF_8);
        return new Ended(process.waitFor(), said);
    }

    private static PlanBuilder marking(String file) {
        PlanBuilder p = new PlanBuilder();
        p.call("make " + file, Sys.MKDIRAT, Arg.of(AT_FDCWD), p.string(file), Arg.of(0755));
        return p;
    }

    @Test
    void playsThePlanThenRunsTheProgramAndSwitchesOff() throws Exception {
        try (Rig rig = Rig.bare()) {
            byte[] plan = marking("/made").build().encode();
            assertThat(boot(rig, plan, "/bin/sh", "-c", "[ -d /made ] && echo made; exit 7"))
                    .isEqualTo(new Ended(SWITCHED_OFF, "made\ncaisson: boot: program ended with 7\n"));
        }
    }

    @Test
    void aStepThatFailsIsNamedAndNothingRuns() throws Exception {
        try (Rig rig = Rig.bare()) {
            PlanBuilder p = marking("/made");
            p.call("make it again", Sys.MKDIRAT, Arg.of(AT_FDCWD), p.string("/made"), Arg.of(0755));
            assertThat(boot(rig, p.build().encode(), "/bin/echo", "ran"))
                    .isEqualTo(new Ended(SWITCHED_OFF, "caisson: boot: failed step 1\ncaisson: boot: its errno 17\n"));
        }
    }

    @Test
    void aDamagedPlanIsNone() throws Exception {
        try (Rig rig = Rig.bare()) {
            byte[] plan = marking("/made").build().encode();
            plan[0]++;
            assertThat(boot(rig, plan, "/bin/echo", "ran").said()).startsWith("caisson: boot: no plan, errno ");
            assertThat(directory.resolve("root/made")).doesNotExist();
        }
    }
}
