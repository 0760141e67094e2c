package dev.caisson.namespace.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.RootfsMount;
import dev.caisson.oci.Linux;
import dev.caisson.oci.NamespaceType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Which namespaces a launcher may make before it has its plan. */
final class NamespacesAheadTest {
    private static final int NET_IPC_UTS = 0x40000000 | 0x08000000 | 0x04000000;

    private static Linux linux(Consumer<Linux.Builder> change) {
        Linux.Builder b = Scenarios.spec(s -> {}).linux().toBuilder();
        change.accept(b);
        return b.build();
    }

    private static Linux with(NamespaceType type, @Nullable String path) {
        return linux(b -> {
            List<Linux.Namespace> all = new ArrayList<>(b.namespaces);
            all.removeIf(n -> n.type() == type);
            all.add(new Linux.Namespace(type, path));
            b.namespaces = all;
        });
    }

    @Test
    void thoseThatAreNewAndTheHosts() {
        assertThat(InitPlan.namespacesAhead(linux(b -> {}), List.of(), false)).isEqualTo(NET_IPC_UTS);
        assertThat(InitPlan.namespacesAhead(with(NamespaceType.IPC, "/proc/7/ns/ipc"), List.of(), false))
                .isEqualTo(0x40000000 | 0x04000000);
    }

    @Test
    void noneWhereTheNetworkIsJoinedOrShared() {
        assertThat(InitPlan.namespacesAhead(with(NamespaceType.NETWORK, "/run/netns/a"), List.of(), false))
                .isZero();
        Linux shared = linux(b -> {
            List<Linux.Namespace> all = new ArrayList<>(b.namespaces);
            all.removeIf(n -> n.type() == NamespaceType.NETWORK);
            b.namespaces = all;
        });
        assertThat(InitPlan.namespacesAhead(shared, List.of(), false)).isZero();
    }

    @Test
    void noneOfAUserNamespaceOrAUser() {
        assertThat(InitPlan.namespacesAhead(with(NamespaceType.USER, null), List.of(), false))
                .isZero();
        assertThat(InitPlan.namespacesAhead(linux(b -> {}), List.of(), true)).isZero();
    }

    /** Its launcher looks for devices, and for a server, in the host's network. */
    @Test
    void noneWhereTheLauncherNeedsTheHostsNetwork() {
        Linux devices = linux(b -> b.netDevices = Map.of("eth1", new Linux.NetDevice("eth0")));
        assertThat(InitPlan.namespacesAhead(devices, List.of(), false)).isZero();
        RootfsMount local = new RootfsMount("overlay", "overlay", "", List.of("lowerdir=/a:/b"));
        RootfsMount remote = new RootfsMount("nfs4", "server:/images/a", "", List.of());
        assertThat(InitPlan.namespacesAhead(linux(b -> {}), List.of(local), false))
                .isEqualTo(NET_IPC_UTS);
        assertThat(InitPlan.namespacesAhead(linux(b -> {}), List.of(local, remote), false))
                .isZero();
    }
}
