package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.api.cri.ContainerConfig;
import dev.caisson.tests.api.cri.ExecSyncResponse;
import dev.caisson.tests.api.cri.ImageSpec;
import dev.caisson.tests.api.cri.LinuxContainerConfig;
import dev.caisson.tests.api.cri.LinuxContainerResources;
import dev.caisson.tests.api.cri.LinuxContainerSecurityContext;
import dev.caisson.tests.api.cri.NamespaceMode;
import dev.caisson.tests.api.cri.NamespaceOption;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.Pod;
import dev.caisson.tests.support.PrivateContainerd;
import dev.caisson.tests.support.Skip;
import dev.caisson.tests.support.TestImages;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A distribution's user land instead of one static program: dynamic linking, bash, its users and groups. */
class DebianTest extends Bed {
    private static final Set<PrivateContainerd> IMPORTED = new HashSet<>();

    @BeforeEach
    void importDebian() {
        synchronized (IMPORTED) {
            if (IMPORTED.add(bed())) {
                bed().importImage(TestImages.debian(bed().dir()));
            }
        }
    }

    private Command run(List<String> options, String... argv) {
        List<String> all = new java.util.ArrayList<>(List.of("--rm"));
        all.addAll(options);
        return bed().ctr().runImage(TestImages.DEBIAN, Ctr.newId("debian"), all, argv);
    }

    @Test
    void shellAndToolsWork() {
        String script = "set -e; . /etc/os-release; echo $ID; [[ $BASH_VERSION == 5.* ]]; "
                + "perl -e 'print 6*7, qq(\\n)'; seq 1 3 | paste -sd+; ps -o comm= -p 1; "
                + "df / | tail -n 1 | awk '{print $6}' 2>/dev/null || stat -f -c %T / >/dev/null; "
                + "tar -cf - /etc/passwd 2>/dev/null | tar -tf -; diff <(echo a) <(echo a) 2>/dev/null || test $? = 127; "
                + "mkdir -p /a/b && chmod 4755 /a/b && stat -c %a /a/b; touch /tmp/x && [ -k /tmp ] && echo end";
        Command.Result result = run(List.of(), "bash", "-c", script).run().ok();

        assertThat(result.out().lines()).contains("debian", "42", "1+2+3", "bash", "etc/passwd", "4755", "end");
        assertThat(result.err()).doesNotContain("rror");
    }

    @Test
    void exitCodeAndSignalsOfAShell() {
        assertThat(run(List.of(), "bash", "-c", "exit 44").run().exit()).isEqualTo(44);
        assertThat(run(List.of(), "bash", "-c", "trap 'exit 45' TERM; kill -TERM $$; sleep 5")
                        .run()
                        .exit())
                .isEqualTo(45);
        assertThat(run(List.of(), "bash", "-c", "sleep 100 & kill -9 $!; wait $!")
                        .run()
                        .exit())
                .isEqualTo(137);
    }

    @Test
    void userOfTheImageByName() {
        Skip.unless(!build.line().equals("1.6"), "ctr run --user", "containerd 1.7 or later");
        Command.Result result = run(
                        List.of("--user", "worker"),
                        "bash",
                        "-c",
                        "id -un; id -u; cd; touch here; stat -c %U here; pwd")
                .run()
                .ok();

        assertThat(result.out()).isEqualTo("worker\n1000\nworker\n/home/worker\n");
    }

    @Test
    void execAsAnotherUser() {
        String id = Ctr.newId("debian");
        bed().ctr()
                .runImage(TestImages.DEBIAN, id, List.of("--detach", "--null-io"), "sleep", "1000")
                .run()
                .ok();
        try {
            Command.Result games = bed().ctr()
                    .command(List.of("task", "exec", "--exec-id", "e1", "--user", "games", id, "id", "-un"))
                    .run()
                    .ok();
            assertThat(games.out()).isEqualTo("games\n");
            Command.Result root = bed().ctr()
                    .exec(id, "bash", "-c", "id -u; setpriv --reuid worker --init-groups id -Gn; ps -e -o comm=")
                    .run()
                    .ok();
            assertThat(root.out().lines()).contains("0", "sleep");
            assertThat(root.out()).contains("audio").contains("extra");
        } finally {
            bed().ctr().remove(id);
        }
    }

    private static UnaryOperator<ContainerConfig.Builder> as(LinuxContainerSecurityContext.Builder user) {
        return builder -> builder.setImage(ImageSpec.newBuilder().setImage(TestImages.DEBIAN))
                .setLinux(LinuxContainerConfig.newBuilder()
                        .setResources(LinuxContainerResources.newBuilder().setOomScoreAdj(500))
                        .setSecurityContext(user.setNamespaceOptions(
                                NamespaceOption.newBuilder().setPid(NamespaceMode.CONTAINER))));
    }

    @Test
    void podRunsAsAUserWithGroupsOfTheImageAndOfThePod() {
        try (Pod pod = Pod.run(bed())) {
            String container = pod.start(
                    "user",
                    as(LinuxContainerSecurityContext.newBuilder()
                            .setRunAsUsername("worker")
                            .addSupplementalGroups(3003)),
                    "sleep",
                    "1000");

            ExecSyncResponse id = pod.exec(container, 10, "bash", "-c", "id -un; id -gn; id -G; echo $HOME; umask");
            assertThat(id.getStdout().toStringUtf8().lines().toList()).satisfies(lines -> {
                assertThat(lines.get(0)).isEqualTo("worker");
                assertThat(lines.get(1)).isEqualTo("worker");
                assertThat(List.of(lines.get(2).split(" "))).contains("1000", "29", "2001", "3003");
                assertThat(lines.get(4)).isEqualTo("0022");
            });
            assertThat(pod.exec(container, 10, "touch", "/not-mine").getExitCode())
                    .isNotZero();
        }
    }
}
