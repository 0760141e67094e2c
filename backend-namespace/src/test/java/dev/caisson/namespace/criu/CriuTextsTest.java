package dev.caisson.namespace.criu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.Checkpoint;
import dev.caisson.backend.Checkpoint.Option;
import dev.caisson.namespace.criu.CriuCommand.Joined;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.Spec;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What CRIU is asked, and what is taken from its log. */
final class CriuTextsTest {
    private static Checkpoint asked(Set<Option> options, @Nullable String parent) {
        return new Checkpoint(Path.of("/img"), Path.of("/work"), options, parent, null, null, null, null, null);
    }

    private static Spec spec(Map<String, String> annotations) {
        Linux.Builder linux = Linux.NONE.toBuilder();
        linux.maskedPaths = List.of("/proc/kcore", "/proc/acpi");
        Spec.Builder b = new Spec.Builder();
        b.mounts = List.of(
                Mount.of("/proc", "proc", "proc", List.of()),
                Mount.of("/data", "rel/data", "bind", List.of("rbind", "ro")),
                Mount.of("/etc/hosts", "/run/hosts", "bind", List.of("bind")));
        b.linux = linux.build();
        b.annotations = annotations;
        return b.build();
    }

    @Test
    void aDump() {
        List<String> argv = CriuCommand.dump(
                "/usr/sbin/criu",
                spec(Map.of()),
                asked(Set.of(), null),
                42,
                "/proc/kcore"::equals,
                List.of(),
                List.of(
                        new Joined(NamespaceType.NETWORK, "/run/netns/n", 7),
                        new Joined(NamespaceType.IPC, "/proc/1/ns/ipc", 8)),
                "/sys/fs/cgroup/c1",
                null);

        assertThat(argv)
                .containsExactly(
                        ("/usr/sbin/criu dump --tree 42 --images-dir /img --work-dir /work --log-file dump.log -v4"
                                        + " --manage-cgroups --freeze-cgroup /sys/fs/cgroup/c1"
                                        + " --external mnt[/data]:/data --external mnt[/etc/hosts]:/etc/hosts"
                                        + " --external mnt[/proc/kcore]:/dev/null --external net[7]:extRootNetNS")
                                .split(" ", -1));
    }

    @Test
    void memoryOnDemandIsServedByTheDump() {
        Checkpoint asked = new Checkpoint(
                Path.of("/img"),
                Path.of("/work"),
                Set.of(Option.LAZY_PAGES),
                null,
                null,
                "[::1]:99",
                "/proc/5/fd/3",
                null,
                null);

        List<String> argv =
                CriuCommand.dump("criu", spec(Map.of()), asked, 1, path -> false, List.of(), List.of(), null, null);

        assertThat(String.join(" ", argv)).contains(" --lazy-pages --address [::1] --port 99 --status-fd 9 ");
    }

    @Test
    void everyOptionOfADump() {
        Checkpoint asked = new Checkpoint(
                Path.of("/img"),
                Path.of("/work"),
                EnumSet.complementOf(EnumSet.of(Option.LAZY_PAGES)),
                "../before",
                "strict",
                "[::1]:99",
                null,
                null,
                null);

        List<String> argv = CriuCommand.dump(
                "criu",
                spec(Map.of("org.criu.config", "/etc/mine")),
                asked,
                1,
                path -> false,
                List.of("/dev/null"),
                List.of(),
                null,
                "/etc/criu/runc.conf");

        assertThat(String.join(" ", argv))
                .isEqualTo("criu pre-dump --tree 1 --images-dir /img --work-dir /work --log-file dump.log -v4"
                        + " --manage-cgroups=strict --config /etc/mine --tcp-established --skip-in-flight --tcp-close"
                        + " --link-remap --ext-unix-sk --shell-job --file-locks --auto-dedup --empty-ns net"
                        + " --leave-running --prev-images-dir ../before --track-mem"
                        + " --page-server --address [::1] --port 99"
                        + " --external mnt[/data]:/data --external mnt[/etc/hosts]:/etc/hosts"
                        + " --external mnt[/dev/null]:/dev/null");
    }

    @Test
    void aRestore() {
        Checkpoint asked = new Checkpoint(
                Path.of("/img"),
                Path.of("/work"),
                Set.of(Option.TCP_ESTABLISHED),
                null,
                null,
                null,
                null,
                "apparmor:other",
                "a:b:c");

        List<String> argv = CriuCommand.restore(
                "criu",
                spec(Map.of()),
                Path.of("/bundle"),
                asked,
                "/bundle/rootfs",
                Path.of("/state/pid"),
                Map.of("pipe:[12]", 6),
                List.of("/dev/null"),
                List.of(
                        new Joined(NamespaceType.NETWORK, "/run/netns/n", 7),
                        new Joined(NamespaceType.IPC, "/proc/1/ns/ipc", 8)),
                "/c1",
                Path.of("/state/criu-hooks"),
                "/etc/criu/runc.conf");

        assertThat(String.join(" ", argv))
                .isEqualTo("criu restore --images-dir /img --work-dir /work --log-file restore.log -v4"
                        + " --manage-cgroups --config /etc/criu/runc.conf --tcp-established"
                        + " --action-script /state/criu-hooks --restore-detached --restore-sibling --pidfile /state/pid --root /bundle/rootfs"
                        + " --evasive-devices --cgroup-root /c1 --lsm-profile apparmor:other --lsm-mount-context a:b:c"
                        + " --external mnt[/data]:/bundle/rel/data --external mnt[/etc/hosts]:/run/hosts"
                        + " --external mnt[/dev/null]:/dev/null --inherit-fd fd[6]:pipe:[12]"
                        + " --join-ns ipc:/proc/1/ns/ipc");
    }

    @Test
    void theFirstErrorIsTheReason() {
        assertThat(CriuLog.reason(List.of(
                        "(00.000611) Version: 3.17.1 (gitid 0)",
                        "(02.240271) Error (criu/files-reg.c:1710): Can't lookup mount=36 for fd=1 path=/tmp/out",
                        "(02.967402) Error (criu/cr-dump.c:2053): Dumping FAILED.")))
                .isEqualTo("Can't lookup mount=36 for fd=1 path=/tmp/out");
        assertThat(CriuLog.reason(List.of("(00.1) Warn  (criu/x.c:1): no", "Error (", "nothing")))
                .isNull();
        assertThat(CriuLog.reason(List.of())).isNull();
    }

    /** The log is written by a program that looks into a container: its names are whoever's. */
    @Test
    void noLogIsTooOdd() {
        Random random = new Random(3);
        for (int i = 0; i < 20_000; i++) {
            StringBuilder line = new StringBuilder("Error (".substring(random.nextInt(7)));
            for (int n = random.nextInt(900); n > 0; n--) {
                line.append((char) (random.nextInt(8) == 0 ? "(): \n".charAt(random.nextInt(5)) : random.nextInt(256)));
            }
            String reason = CriuLog.reason(List.of(line.toString()));
            assertThat(reason == null || reason.length() <= 303).isTrue();
        }
    }
}
