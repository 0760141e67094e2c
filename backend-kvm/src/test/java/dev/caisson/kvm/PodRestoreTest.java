package dev.caisson.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.ContainerFault;
import dev.caisson.kvm.guest.CacheMode;
import dev.caisson.kvm.guest.GuestSpec;
import dev.caisson.kvm.template.SavedPod;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class PodRestoreTest {
    private static final SavedPod.Container SANDBOX = new SavedPod.Container("sandbox", "s", 0, false, List.of());
    private static final SavedPod.Container WEB = new SavedPod.Container(
            "web", "w", 1, false, List.of(new SavedPod.Volume("/data", false), new SavedPod.Volume("/secret", true)));
    private static final SavedPod.Container LOG = new SavedPod.Container("log", "l", 2, false, List.of());
    private static final SavedPod POD = new SavedPod(List.of(SANDBOX, WEB, LOG));

    private static SavedPod.Container choose(SavedPod pod, String id, String wanted, boolean isFirst)
            throws ContainerFault {
        return PodRestore.choose(pod, id, wanted, isFirst);
    }

    private static void refused(ThrowingCallable attempt, String why) {
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(attempt)
                .withMessageContaining(why)
                .satisfies(e -> assertThat(e.kind()).isEqualTo(ContainerFault.Kind.INVALID));
    }

    @Test
    void theFirstOneComesWithTheMachine() throws Exception {
        assertThat(choose(POD, "sandbox", "", true)).isEqualTo(SANDBOX);
        assertThat(choose(POD, "anything", "", true)).isEqualTo(SANDBOX);
        refused(() -> choose(POD, "web", "", true), "comes with sandbox");
        refused(() -> choose(POD, "x", "web", true), "comes with sandbox");
        refused(() -> choose(POD, "sandbox", "", false), "the pod has one");
    }

    @Test
    void othersGoByTheirIdsOrTheirAnnotations() throws Exception {
        assertThat(choose(POD, "log", "", false)).isEqualTo(LOG);
        assertThat(choose(POD, "log", "web", false)).isEqualTo(WEB);
        assertThat(choose(POD, "new", "log", false)).isEqualTo(LOG);
        refused(() -> choose(POD, "new", "", false), "web, log");
        refused(() -> choose(POD, "log", "none", false), "no container none");
        assertThat(choose(new SavedPod(List.of(SANDBOX, WEB)), "new", "", false))
                .as("the only one that it can be")
                .isEqualTo(WEB);
        refused(() -> choose(new SavedPod(List.of(SANDBOX)), "new", "", false), "none that joins a pod");
    }

    private static GuestSpec.Volume offered(int number, String destination, boolean readOnly) {
        return new GuestSpec.Volume("n." + number, "/host" + number, destination, readOnly, CacheMode.AUTO);
    }

    @Test
    void filesOfTheHostsAreKnownByTheirPlaces() throws Exception {
        assertThat(PodRestore.volumes(WEB, List.of(offered(0, "/secret", true), offered(1, "/data", false)), "n"))
                .containsExactly(
                        new GuestSpec.Volume("w.0", "/host1", "/data", false, CacheMode.AUTO),
                        new GuestSpec.Volume("w.1", "/host0", "/secret", true, CacheMode.AUTO));
        refused(() -> PodRestore.volumes(WEB, List.of(offered(0, "/data", false)), "n"), "at /secret, read-only");
        refused(
                () -> PodRestore.volumes(WEB, List.of(offered(0, "/secret", false), offered(1, "/data", false)), "n"),
                "at /secret, read-only");
        refused(
                () -> PodRestore.volumes(LOG, List.of(offered(0, "/data", false)), "n"),
                "no files of the host's at /data");
    }
}
