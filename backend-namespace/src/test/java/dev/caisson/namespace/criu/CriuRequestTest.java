package dev.caisson.namespace.criu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.Checkpoint;
import dev.caisson.backend.Checkpoint.Option;
import dev.caisson.namespace.criu.CriuRequest.Joined;
import dev.caisson.namespace.criu.rpc.CriuReq;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.Spec;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What CRIU is asked, as text: the fields that are set and not false, in the order of their names. */
final class CriuRequestTest {
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

    /** The text form of a message of the lite runtime begins with an object's identity. */
    @SuppressWarnings("LiteProtoToString") // which is useless where a program was shrunk: this is none
    private static List<String> lines(CriuReq request) {
        return request.toString()
                .lines()
                .map(String::strip)
                .filter(line -> !line.startsWith("#") && !line.endsWith(": false"))
                .toList();
    }

    @Test
    void aDump() {
        CriuReq request = CriuRequest.dump(
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

        assertThat(lines(request)).containsExactly("""
                opts {
                external: "mnt[/data]:/data"
                external: "mnt[/etc/hosts]:/etc/hosts"
                external: "mnt[/proc/kcore]:/dev/null"
                external: "net[7]:extRootNetNS"
                freeze_cgroup: "/sys/fs/cgroup/c1"
                images_dir_fd: 10
                log_file: "dump.log"
                log_level: 4
                manage_cgroups_mode: SOFT
                orphan_pts_master: true
                pid: 42
                work_dir_fd: 11
                }
                type: DUMP""".split("\n", -1));
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

        CriuReq request = CriuRequest.dump(spec(Map.of()), asked, 1, path -> false, List.of(), List.of(), null, null);

        assertThat(lines(request))
                .contains("lazy_pages: true", "address: \"[::1]\"", "port: 99", "status_fd: 12", "type: DUMP");
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

        CriuReq request = CriuRequest.dump(
                spec(Map.of("org.criu.config", "/etc/mine")),
                asked,
                1,
                path -> false,
                List.of("/dev/null"),
                List.of(),
                null,
                "/etc/criu/runc.conf");

        assertThat(lines(request)).containsExactly("""
                opts {
                auto_dedup: true
                config_file: "/etc/mine"
                empty_ns: 1073741824
                ext_unix_sk: true
                external: "mnt[/data]:/data"
                external: "mnt[/etc/hosts]:/etc/hosts"
                external: "mnt[/dev/null]:/dev/null"
                file_locks: true
                images_dir_fd: 10
                leave_running: true
                link_remap: true
                log_file: "dump.log"
                log_level: 4
                manage_cgroups_mode: STRICT
                orphan_pts_master: true
                parent_img: "../before"
                pid: 1
                ps {
                address: "[::1]"
                port: 99
                }
                shell_job: true
                tcp_close: true
                tcp_established: true
                tcp_skip_in_flight: true
                track_mem: true
                work_dir_fd: 11
                }
                type: PRE_DUMP""".split("\n", -1));
    }

    @Test
    void aRestore() {
        Checkpoint asked = new Checkpoint(
                Path.of("/img"),
                Path.of("/work"),
                Set.of(Option.TCP_ESTABLISHED),
                null,
                "ignore",
                null,
                null,
                "apparmor:other",
                "a:b:c");

        CriuReq request = CriuRequest.restore(
                spec(Map.of()),
                Path.of("/bundle"),
                asked,
                "/bundle/rootfs",
                Map.of("pipe:[12]", 6),
                List.of("/dev/null"),
                List.of(
                        new Joined(NamespaceType.NETWORK, "/run/netns/n", 7),
                        new Joined(NamespaceType.IPC, "/proc/1/ns/ipc", 8)),
                "/c1",
                "/etc/criu/runc.conf");

        assertThat(lines(request)).containsExactly("""
                opts {
                cg_root {
                path: "/c1"
                }
                config_file: "/etc/criu/runc.conf"
                evasive_devices: true
                external: "mnt[/data]:/bundle/rel/data"
                external: "mnt[/etc/hosts]:/run/hosts"
                external: "mnt[/dev/null]:/dev/null"
                images_dir_fd: 10
                inherit_fd {
                fd: 6
                key: "pipe:[12]"
                }
                join_ns {
                ns: "ipc"
                ns_file: "/proc/1/ns/ipc"
                }
                log_file: "restore.log"
                log_level: 4
                lsm_mount_context: "a:b:c"
                lsm_profile: "apparmor:other"
                manage_cgroups_mode: IGNORE
                notify_scripts: true
                orphan_pts_master: true
                root: "/bundle/rootfs"
                rst_sibling: true
                tcp_established: true
                work_dir_fd: 11
                }
                type: RESTORE""".split("\n", -1));
    }
}
