package dev.caisson.kvm.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import java.util.Map;
import org.junit.jupiter.api.Test;

class KataAnnotationsTest {
    private static final String HYPERVISOR = "io.katacontainers.config.hypervisor.";
    private static final String RUNTIME = "io.katacontainers.config.runtime.";

    private static final KataAnnotations NOTHING =
            new KataAnnotations(0, 0, Integer.MAX_VALUE, Integer.MAX_VALUE, false, CacheMode.NEVER);

    private static void refused(Kind kind, String name, String value) {
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> KataAnnotations.of(Map.of(name, value)))
                .withMessageContaining("annotation " + name)
                .satisfies(e -> assertThat(e.kind()).isEqualTo(kind));
    }

    @Test
    void sizesAreKept() throws Exception {
        assertThat(KataAnnotations.of(Map.of(
                        HYPERVISOR + "default_vcpus", "2.5",
                        HYPERVISOR + "default_max_vcpus", "4",
                        HYPERVISOR + "default_memory", "1024",
                        HYPERVISOR + "default_maxmemory", "4096")))
                .isEqualTo(new KataAnnotations(1024, 3, 4096, 4, false, CacheMode.NEVER));
        assertThat(KataAnnotations.of(Map.of())).isEqualTo(NOTHING);
        assertThat(KataAnnotations.of(Map.of(HYPERVISOR + "default_vcpus", "0", HYPERVISOR + "default_max_vcpus", "0")))
                .isEqualTo(NOTHING);
    }

    @Test
    void whatIsDoneAnywayIsTaken() throws Exception {
        assertThat(KataAnnotations.of(Map.of(
                        HYPERVISOR + "shared_fs",
                        "virtio-fs",
                        HYPERVISOR + "enable_hugepages",
                        "false",
                        RUNTIME + "sandbox_cgroup_only",
                        "true",
                        RUNTIME + "internetworking_model",
                        "tcfilter",
                        "io.katacontainers.pkg.oci.container_type",
                        "pod_sandbox",
                        "org.example.other",
                        "anything")))
                .isEqualTo(NOTHING);
        assertThat(KataAnnotations.of(Map.of(RUNTIME + "disable_guest_seccomp", "true"))
                        .withoutSeccomp())
                .isTrue();
    }

    @Test
    void whatTheGuestMayKeepOfSharedFilesIsAsked() throws Exception {
        String name = HYPERVISOR + "virtio_fs_cache";
        assertThat(KataAnnotations.of(Map.of(name, "auto")).cache()).isEqualTo(CacheMode.AUTO);
        assertThat(KataAnnotations.of(Map.of(name, "never")).cache()).isEqualTo(CacheMode.NEVER);
        assertThat(KataAnnotations.of(Map.of(name, "none")).cache()).isEqualTo(CacheMode.NEVER);
        refused(Kind.UNSUPPORTED, name, "always");
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> KataAnnotations.of(Map.of(name, "always")))
                .withMessageContaining("\"auto\" or \"never\" or \"none\"");
        refused(Kind.UNSUPPORTED, name, "metadata");
    }

    @Test
    void theRestIsRefusedByName() {
        refused(Kind.UNSUPPORTED, HYPERVISOR + "kernel", "/boot/vmlinux");
        refused(Kind.UNSUPPORTED, HYPERVISOR + "image_hash", "00");
        refused(Kind.UNSUPPORTED, HYPERVISOR + "kernel_params", "debug");
        refused(Kind.UNSUPPORTED, HYPERVISOR + "shared_fs", "virtio-9p");
        refused(Kind.UNSUPPORTED, HYPERVISOR + "enable_hugepages", "true");
        refused(Kind.UNSUPPORTED, RUNTIME + "internetworking_model", "macvtap");
        refused(Kind.UNSUPPORTED, "io.katacontainers.container.resource.swappiness", "60");
        refused(Kind.UNSUPPORTED, "io.katacontainers.config.something.new", "1");
    }

    @Test
    void whatIsNoNumberIsWrong() {
        refused(Kind.INVALID, HYPERVISOR + "default_vcpus", "many");
        refused(Kind.INVALID, HYPERVISOR + "default_vcpus", "-1");
        refused(Kind.INVALID, HYPERVISOR + "default_memory", "1.5");
        refused(Kind.INVALID, HYPERVISOR + "default_memory", "99999999999");
    }
}
