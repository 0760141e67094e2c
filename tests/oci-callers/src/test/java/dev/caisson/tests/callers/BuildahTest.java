package dev.caisson.tests.callers;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Command;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Buildah, which calls create, start, state, kill and delete itself and waits for the container's process. */
class BuildahTest extends CallerSuite {
    @SuppressWarnings("NullAway.Init") // opened before each test
    private Podman podman;

    @BeforeEach
    void open() {
        need("Buildah", "buildah", "podman");
        podman = new Podman(runtime);
    }

    @AfterEach
    void close() {
        if (podman != null) {
            podman.buildah("rm", "--all");
            podman.close();
        }
    }

    @Test
    void runChangesTheWorkingContainer() {
        String container =
                podman.buildah("from", "--pull-never", Caller.IMAGE).ok().out().strip();

        Command.Result result = podman.buildah(
                "run",
                "--runtime",
                podman.binary(),
                "--isolation",
                "oci",
                container,
                "sh",
                "-c",
                "echo text > /made; echo out; echo err >&2");
        assertThat(result.ok().out()).isEqualTo("out\n");
        assertThat(result.err()).isEqualTo("err\n");
        assertThat(podman.buildah("run", "--runtime", podman.binary(), "--isolation", "oci", container, "cat", "/made")
                        .ok()
                        .out())
                .isEqualTo("text\n");
        assertThat(podman.buildah(
                                "run",
                                "--runtime",
                                podman.binary(),
                                "--isolation",
                                "oci",
                                container,
                                "sh",
                                "-c",
                                "exit 3")
                        .exit())
                .isEqualTo(3);
        assertThat(podman.buildah(
                                "run",
                                "--runtime",
                                podman.binary(),
                                "--isolation",
                                "oci",
                                container,
                                "/no/such/program")
                        .exit())
                .isNotZero();
    }

    @Test
    void aContainerfileIsBuilt() {
        podman.write("Containerfile", """
                FROM %s
                RUN echo built > /made && mkdir /data
                WORKDIR /data
                ENV A=b
                RUN echo $A $(pwd) > /second
                CMD ["cat", "/made", "/second"]
                """.formatted(Caller.IMAGE));

        podman.buildah(
                        "build",
                        "--pull-never",
                        "--runtime",
                        podman.binary(),
                        "--isolation",
                        "oci",
                        "--network",
                        "none",
                        "--tag",
                        "caisson.test/built:1",
                        "--file",
                        podman.dir().resolve("Containerfile").toString(),
                        podman.dir().resolve("bin").toString())
                .ok();

        assertThat(podman.podman("run", "--rm", "caisson.test/built:1").ok().out())
                .isEqualTo("built\nb /data\n");
    }
}
