package dev.caisson.oci;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class JsonOutputTest {
    @Test
    void stateLooksLikeRuncs() {
        ContainerState state = new ContainerState(
                "1.3.0",
                "c1",
                ContainerStatus.RUNNING,
                4711,
                "/b",
                "/b/rootfs",
                Instant.parse("2026-11-24T10:20:30.123456789Z"),
                Map.of("k", "a\"b"),
                "");

        assertThat(new String(StateJson.write(state), UTF_8)).isEqualTo("""
                        {
                          "ociVersion": "1.3.0",
                          "id": "c1",
                          "pid": 4711,
                          "status": "running",
                          "bundle": "/b",
                          "rootfs": "/b/rootfs",
                          "created": "2026-11-24T10:20:30.123456789Z",
                          "annotations": {
                            "k": "a\\"b"
                          },
                          "owner": ""
                        }""");
    }

    @Test
    void aStoppedContainerHasPidZeroAndARunningOneHasNot() {
        assertThat(new String(
                        StateJson.writeCompact(ContainerState.of("c", ContainerStatus.STOPPED, 0, "/b", Map.of())),
                        UTF_8))
                .isEqualTo(
                        "{\"ociVersion\":\"1.3.0\",\"id\":\"c\",\"pid\":0,\"status\":\"stopped\",\"bundle\":\"/b\"}");
        assertThatThrownBy(() -> ContainerState.of("c", ContainerStatus.RUNNING, 0, "/b", Map.of()))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void seccompAgentsGetTheContainerProcessState() {
        assertThat(new String(
                        StateJson.writeContainerProcessState(
                                List.of("seccompFd"),
                                9,
                                "m",
                                ContainerState.of("c", ContainerStatus.CREATING, 9, "/b", Map.of())),
                        UTF_8))
                .isEqualTo(
                        "{\"ociVersion\":\"1.3.0\",\"fds\":[\"seccompFd\"],\"pid\":9,\"metadata\":\"m\",\"state\":"
                                + "{\"ociVersion\":\"1.3.0\",\"id\":\"c\",\"pid\":9,\"status\":\"creating\",\"bundle\":\"/b\"}}");
    }

    @Test
    void featuresLeaveOutWhatIsUnknown() {
        Features features = new Features(
                "1.0.0",
                "1.3.0",
                List.of("prestart"),
                List.of("ro"),
                new Features.LinuxFeatures(
                        List.of("pid"),
                        List.of(),
                        new Features.Cgroup(true, true, false, null, null),
                        null,
                        null,
                        false,
                        new Features.IntelRdtFeatures(true, true, false),
                        null,
                        true,
                        null),
                Map.of(),
                List.of("org.criu.config"));

        assertThat(new String(FeaturesJson.write(features), UTF_8)).isEqualTo("""
                        {
                          "ociVersionMin": "1.0.0",
                          "ociVersionMax": "1.3.0",
                          "hooks": [
                            "prestart"
                          ],
                          "mountOptions": [
                            "ro"
                          ],
                          "linux": {
                            "namespaces": [
                              "pid"
                            ],
                            "cgroup": {
                              "v1": true,
                              "v2": true,
                              "systemd": false
                            },
                            "selinux": {
                              "enabled": false
                            },
                            "intelRdt": {
                              "enabled": true,
                              "schemata": true,
                              "monitoring": false
                            },
                            "mountExtensions": {
                              "idmap": {
                                "enabled": true
                              }
                            }
                          },
                          "potentiallyUnsafeConfigAnnotations": [
                            "org.criu.config"
                          ]
                        }""");
    }

    /** {@code runc-spec.json} is what "runc spec" of runc 1.1.5 writes, but for the ambient set that later versions dropped. */
    @Test
    void theDefaultConfigurationIsRuncsByteForByte() throws Exception {
        Spec.Builder b = SpecTemplate.rootful(false).toBuilder();
        b.ociVersion = "1.0.2-dev";
        try (var in = Objects.requireNonNull(JsonOutputTest.class.getResourceAsStream("runc-spec.json"))) {
            assertThat(new String(SpecWriter.write(b.build()), UTF_8)).isEqualTo(new String(in.readAllBytes(), UTF_8));
        }
    }

    @Test
    void interpretedMountOptionsAreListedOnceAndInOrder() {
        assertThat(MountOptions.INTERPRETED).isSorted().doesNotHaveDuplicates().allMatch(MountOptions::isInterpreted);
        assertThat(MountOptions.INTERPRETED)
                .contains("rro", "idmap", "tmpcopyup", "nosymfollow")
                .doesNotContain("acl", "size=1m");
    }

    @Test
    void enumsSpellThemselves() {
        for (NamespaceType t : NamespaceType.values()) {
            assertThat(NamespaceType.of(t.wire())).isEqualTo(t);
        }
        for (RlimitType t : RlimitType.values()) {
            assertThat(RlimitType.of(t.wire())).isEqualTo(t);
        }
        for (SeccompArch a : SeccompArch.values()) {
            assertThat(SeccompArch.of(a.wire())).isEqualTo(a);
        }
        for (ContainerStatus s : ContainerStatus.values()) {
            assertThat(ContainerStatus.of(s.wire())).isEqualTo(s);
        }
        assertThat(NamespaceType.of("PID")).isNull();
    }
}
