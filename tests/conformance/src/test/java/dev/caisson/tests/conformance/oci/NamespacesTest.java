package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Programs {@code linux_ns_nopath}, {@code linux_ns_path}, {@code linux_ns_path_type}, {@code linux_ns_itype}. */
class NamespacesTest extends OciSuite {
    /** runtime-spec's names and the kernel's. */
    private static final Map<String, String> KERNEL = Map.of(
            "pid", "pid", "network", "net", "mount", "mnt", "ipc", "ipc", "uts", "uts", "user", "user", "cgroup",
            "cgroup");

    private static final String SELF = Long.toString(ProcessHandle.current().pid());

    private static String of(long pid, String type) {
        return Proc.link(pid, "ns/" + KERNEL.get(type));
    }

    private static String own(String type) {
        return of(Long.parseLong(SELF), type);
    }

    /** The default configuration has every namespace but these two. */
    private Box with(Box box, String type) {
        if (type.equals("user") || type.equals("cgroup")) {
            box.without(type).add("/linux/namespaces", "{\"type\": \"" + type + "\"}");
        }
        if (type.equals("user")) {
            box.set("/linux/uidMappings", "[{\"containerID\": 0, \"hostID\": 0, \"size\": 1000}]")
                    .set("/linux/gidMappings", "[{\"containerID\": 0, \"hostID\": 0, \"size\": 1000}]");
        }
        return box;
    }

    @ParameterizedTest
    @ValueSource(strings = {"pid", "network", "mount", "ipc", "uts", "user", "cgroup"})
    void withoutAPathItIsNew(String type) {
        Box box = with(box("exec sleep 1000"), type);
        box.create().start();

        assertThat(of(box.pid(), type)).isNotEmpty().isNotEqualTo(own(type));
    }

    @ParameterizedTest
    @ValueSource(strings = {"pid", "network", "ipc", "uts", "user", "cgroup"})
    void whatIsNotNamedIsInherited(String type) {
        Box box = box("exec sleep 1000").without(type);
        if (type.equals("uts")) {
            box.config().remove("hostname");
        }
        if (type.equals("network")) {
            // The kernel mounts sysfs for the owner of the network namespace only; here that is root again.
            box.without("user");
        }
        box.create().start();

        assertThat(of(box.pid(), type)).isEqualTo(own(type));
    }

    /**
     * Without a mount namespace runc and crun mount in the caller's, which they spoil; here it is a throw-away one. What must not
     * happen is that the host has mounts of the container afterwards.
     */
    @Test
    void withoutAMountNamespaceTheHostIsNotSpoilt() {
        Box box = box("true").without("mount");
        if (!runtime.isSubject()) {
            box.under("unshare", "-m");
        }

        box.tryCreate();

        assertThat(HostSnapshot.mountsOf(tag())).isEmpty();
    }

    private long namespaceOwner(String... flags) {
        List<String> argv = new java.util.ArrayList<>(List.of("unshare"));
        argv.addAll(List.of(flags));
        argv.addAll(List.of("sh", "-c", "sleep 1000 & wait"));
        Process owner = beside(argv.toArray(String[]::new));
        // The shell's child: in the new pid namespace too, into which unshare itself does not go.
        Await.until(
                "a process in its namespaces",
                SOON,
                () -> owner.descendants()
                        .anyMatch(each -> Proc.read(each.pid(), "cmdline").startsWith("sleep")));
        return owner.descendants()
                .filter(each -> Proc.read(each.pid(), "cmdline").startsWith("sleep"))
                .findFirst()
                .orElseThrow()
                .pid();
    }

    @ParameterizedTest
    @ValueSource(strings = {"pid", "network", "mount", "ipc", "uts", "cgroup"})
    void aNamespaceIsJoinedByItsPath(String type) {
        long owner = namespaceOwner(
                type.equals("pid")
                        ? new String[] {"--pid", "--fork", "--kill-child"}
                        : new String[] {"--" + (type.equals("network") ? "net" : type)});
        Box box = box("exec sleep 1000")
                .without(type)
                .add(
                        "/linux/namespaces",
                        "{\"type\": \"" + type + "\", \"path\": \"/proc/" + owner + "/ns/" + KERNEL.get(type) + "\"}");
        if (type.equals("uts")) {
            box.config().remove("hostname");
        }
        box.create().start();

        assertThat(of(box.pid(), type)).isEqualTo(of(owner, type)).isNotEqualTo(own(type));
    }

    @ParameterizedTest
    @ValueSource(strings = {"pid", "network", "mount", "ipc", "uts", "user", "cgroup"})
    void aPathOfAnotherTypeIsRefused(String type) {
        String other = type.equals("ipc") ? "uts" : "ipc";
        Box box = with(box("true"), type).without(type);
        box.add("/linux/namespaces", "{\"type\": \"" + type + "\", \"path\": \"/proc/" + SELF + "/ns/" + other + "\"}");

        Command.Result created = box.tryCreate();

        assertThat(created.exit()).isNotZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"pid", "network", "mount", "ipc", "uts", "user", "cgroup"})
    void aPathThatIsNoNamespaceIsRefused(String type) {
        for (String path : List.of("/proc/" + SELF + "/status", "/no/such/namespace")) {
            Box box = with(box(path.startsWith("/proc") ? "file" : "absent", "true"), type)
                    .without(type);
            box.add("/linux/namespaces", "{\"type\": \"" + type + "\", \"path\": \"" + path + "\"}");

            assertThat(box.tryCreate().exit()).as(path).isNotZero();
        }
    }

    @Test
    void aNamespaceIsNamedOnce() {
        deviates(Kind.CRUN, "refusal of a namespace named twice", "1.8.1 takes the last");
        Box box = box("true").add("/linux/namespaces", "{\"type\": \"ipc\"}");

        assertThat(box.tryCreate().exit()).isNotZero();
    }
}
