package dev.caisson.kvm.guest;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.ContainerFault;
import dev.caisson.oci.Hook;
import dev.caisson.oci.Hooks;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecTemplate;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GuestSpecTest {
    @TempDir
    Path directory;

    private static Spec spec(Consumer<Spec.Builder> change) {
        Spec.Builder b = SpecTemplate.rootful(false).toBuilder();
        change.accept(b);
        return b.build();
    }

    private static Spec with(Mount mount) {
        return spec(b -> {
            List<Mount> mounts = new ArrayList<>(b.mounts);
            mounts.add(mount);
            b.mounts = mounts;
        });
    }

    @Test
    void theRootIsOnTheContainersDisk() throws ContainerFault {
        GuestSpec guest = GuestSpec.of("c", spec(b -> {}));
        assertThat(requireNonNull(guest.spec().root()).path()).isEqualTo("disk/rootfs");
        assertThat(guest.spec().linux().cgroupsPath()).isEqualTo("/c");
        assertThat(guest.volumes()).isEmpty();
    }

    @Test
    void whatIsBoundIsSharedUnderANameOfItsOwn() throws Exception {
        Path file = Files.writeString(directory.resolve("hosts"), "x");
        GuestSpec guest = GuestSpec.of("c", with(Mount.of("/etc/hosts", file.toString(), "bind", List.of("rbind"))));
        assertThat(guest.volumes())
                .containsExactly(new GuestSpec.Volume("c.0", file.toString(), "/etc/hosts", false, CacheMode.NEVER));
        Mount bind = guest.spec().mounts().getLast();
        assertThat(bind.source()).isEqualTo("/run/volumes/c.0");
        assertThat(bind.destination()).isEqualTo("/etc/hosts");
        for (String option : List.of("ro", "rro")) {
            GuestSpec second =
                    GuestSpec.of("d", with(Mount.of("/data", directory.toString(), "bind", List.of("rbind", option))));
            assertThat(second.volumes())
                    .containsExactly(new GuestSpec.Volume("d.0", directory.toString(), "/data", true, CacheMode.NEVER));
            assertThat(second.spec().mounts().getLast().options()).contains(option);
        }
    }

    /** What would do something else than it says is refused, by its name. */
    @Test
    void bindsThatAGuestCannotHaveAreRefused() throws Exception {
        refused(Mount.of("/dev/x", "/dev/null", "bind", List.of("bind")), "/dev/null");
        refused(Mount.of("/data", directory.toString(), "bind", List.of("rbind", "rshared")), "shared");
        List<dev.caisson.oci.IdMapping> ids = List.of(new dev.caisson.oci.IdMapping(0, 1000, 1));
        refused(new Mount("/data", directory.toString(), "bind", List.of("bind"), ids, ids), "mapped ids");
    }

    private static void refused(Mount mount, String why) {
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> GuestSpec.of("c", with(mount)))
                .withMessageContaining(why)
                .satisfies(e -> assertThat(e.kind()).isEqualTo(ContainerFault.Kind.UNSUPPORTED));
    }

    @Test
    void hooksAndTheHostsNetworkAreRefused() {
        Hook hook = new Hook("/bin/true", List.of(), List.of(), null);
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> GuestSpec.of(
                        "c",
                        spec(b -> b.hooks =
                                new Hooks(List.of(), List.of(hook), List.of(), List.of(), List.of(), List.of()))))
                .withMessageContaining("hooks");
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> GuestSpec.of("c", spec(b -> {
                    Linux.Builder l = b.linux.toBuilder();
                    l.namespaces = List.of(new Linux.Namespace(NamespaceType.MOUNT, null));
                    b.linux = l.build();
                })))
                .withMessageContaining("network");
    }

    @Test
    void namespacesOfTheHostBecomeTheMachines() throws ContainerFault {
        GuestSpec guest = GuestSpec.of("c", spec(b -> {
            Linux.Builder l = b.linux.toBuilder();
            l.namespaces = List.of(
                    new Linux.Namespace(NamespaceType.MOUNT, null),
                    new Linux.Namespace(NamespaceType.PID, null),
                    new Linux.Namespace(NamespaceType.IPC, "/proc/77/ns/ipc"),
                    new Linux.Namespace(NamespaceType.NETWORK, "/run/netns/pod"));
            b.linux = l.build();
        }));
        assertThat(guest.spec().linux().namespaces())
                .containsExactly(
                        new Linux.Namespace(NamespaceType.MOUNT, null),
                        new Linux.Namespace(NamespaceType.PID, null),
                        new Linux.Namespace(NamespaceType.IPC, "/proc/1/ns/ipc"),
                        new Linux.Namespace(NamespaceType.NETWORK, "/proc/1/ns/net"));
    }

    @Test
    void profilesAndTheChoiceOfAWallStayOutside() throws ContainerFault {
        GuestSpec guest = GuestSpec.of("c", spec(b -> {
            ProcessSpec.Builder p = requireNonNull(b.process).toBuilder();
            p.apparmorProfile = "docker-default";
            p.selinuxLabel = "system_u:system_r:container_t:s0";
            b.process = p.build();
            b.annotations = Map.of("dev.caisson.backend", "kvm", "a", "b");
        }));
        ProcessSpec process = requireNonNull(guest.spec().process());
        assertThat(process.apparmorProfile()).isNull();
        assertThat(process.selinuxLabel()).isNull();
        assertThat(guest.spec().annotations()).isEqualTo(Map.of("a", "b"));
    }
}
