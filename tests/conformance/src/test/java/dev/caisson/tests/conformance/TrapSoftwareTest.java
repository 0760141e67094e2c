package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.OciRuntime;
import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import dev.caisson.tests.support.Skip;
import dev.caisson.tests.support.Spec;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * This machine's own programs, bound into a container, do behind the seccomp-trap wall, in the tiers default and strict, what they do on the host's kernel: the
 * same script runs behind the namespace wall first, and the outputs must agree. Scripts are the resources {@code software/NAME.sh}; they print nothing that is another thing each time.
 */
@EnabledIfSystemProperty(named = "caisson.wall", matches = "trap")
class TrapSoftwareTest {
    private static final Duration LIMIT = Duration.ofMinutes(3);

    @TempDir
    private Path dir;

    /** {@code user} runs the script; {@code needs} are the programs without which there is nothing to run. */
    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "coreutils, 0, /usr/bin/bash",
        "make, 0, /usr/bin/gcc /usr/bin/make",
        "git, 0, /usr/bin/git",
        "python, 1000, /usr/bin/python3",
        "node, 1000, /usr/bin/node",
        "jvm, 1000, ",
        "sqlite, 0, /usr/bin/sqlite3",
        "postgres, 1000, /usr/lib/postgresql /usr/bin/psql",
        "redis, 1000, /usr/bin/redis-server /usr/bin/redis-benchmark",
        "nginx, 1000, /usr/sbin/nginx /usr/bin/curl",
        "debug, 0, /usr/bin/gcc /usr/bin/strace /usr/bin/gdb",
    })
    void doesTheSame(String name, int user, String needs) throws IOException {
        for (String program : needs == null ? List.<String>of() : List.of(needs.split(" ", -1))) {
            Skip.unless(Files.exists(Path.of(program)), name + " behind the trap wall", program);
        }
        Command.Result real = run(caisson(), name, user, "namespace", "default");
        agree(real, run(caisson(), name, user, "seccomp-trap", "default"));
        if (!name.equals("debug")) {
            agree(real, run(caisson(), name, user, "seccomp-trap", "strict"));
        }
    }

    /** With all that dpkg and the scripts of packages do; the Debian is a tar file that {@code tests/lab/debian-system} makes. */
    @Test
    void aptInstalls() throws IOException {
        String debian = System.getenv("CAISSON_DEBIAN");
        Skip.unless(debian != null, "apt-get behind the trap wall", "a Debian (debootstrap, and a mirror)");
        Path archive = dir.resolve("archive");
        Path make = Files.writeString(dir.resolve("packages.sh"), script("packages"));
        Command.of("sh", make.toString(), archive.toString()).run().ok();

        agree(apt(debian, archive, "namespace"), apt(debian, archive, "seccomp-trap"));
    }

    private Command.Result apt(String debian, Path archive, String wall) throws IOException {
        Path bundle = dir.resolve(wall);
        Path rootfs = Files.createDirectories(bundle.resolve("rootfs"));
        Command.of("tar", "-xf", debian, "-C", rootfs.toString()).run().ok();
        Files.createDirectories(rootfs.resolve("archive"));
        Files.writeString(rootfs.resolve("script.sh"), script("apt"));
        Spec spec = Spec.of("software", "apt", "/bin/sh", "-eu", "/script.sh").bind(archive, "/archive", "ro");
        ((ObjectNode) spec.tree().get("process")).putArray("env").add("PATH=/usr/bin:/usr/sbin");
        return run(caisson(), spec, bundle, "apt", wall, "default");
    }

    private static void agree(Command.Result real, Command.Result trapped) {
        assertThat(real.exit()).as(real.toString()).isZero();
        assertThat(real.out()).endsWith("done\n");
        assertThat(trapped.out()).as(trapped.err()).isEqualTo(real.out());
        assertThat(trapped.exit()).isZero();
    }

    private static OciRuntime caisson() {
        return OciRuntime.available().stream()
                .filter(runtime -> runtime.kind() == Kind.CAISSON)
                .findFirst()
                .orElseThrow();
    }

    private Command.Result run(OciRuntime caisson, String name, int user, String wall, String tier) throws IOException {
        Path bundle = dir.resolve(wall + "-" + tier);
        Path rootfs = bundle.resolve("rootfs");
        for (String directory : List.of("dev", "etc", "proc", "sys", "work", "usr")) {
            Files.createDirectories(rootfs.resolve(directory));
        }
        for (String link : List.of("bin", "sbin", "lib", "lib64")) {
            Files.createSymbolicLink(rootfs.resolve(link), Path.of("usr", link));
        }
        Files.writeString(rootfs.resolve("etc/passwd"), "root:x:0:0::/work:/bin/sh\nuser:x:1000:1000::/work:/bin/sh\n");
        Files.writeString(rootfs.resolve("etc/hosts"), "127.0.0.1 localhost\n");
        Files.writeString(rootfs.resolve("work/script.sh"), script(name));
        Spec spec =
                Spec.of("software", name, "/bin/sh", "-eu", "/work/script.sh").bind(Path.of("/usr"), "/usr", "ro");
        ObjectNode process = (ObjectNode) spec.tree().get("process");
        process.putObject("user").put("uid", user).put("gid", user);
        process.put("cwd", "/work");
        process.putArray("env")
                .add("PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin")
                .add("HOME=/work")
                .add("LC_ALL=C")
                .add("JAVA_HOME=" + Path.of(System.getProperty("java.home")));
        return run(caisson, spec, bundle, name, wall, tier);
    }

    private static Command.Result run(OciRuntime caisson, Spec spec, Path bundle, String name, String wall, String tier)
            throws IOException {
        ObjectNode config = spec.tree();
        ((ObjectNode) config.get("linux")).remove("cgroupsPath");
        ((com.fasterxml.jackson.databind.node.ArrayNode) config.get("mounts"))
                .addObject()
                .put("type", "tmpfs")
                .put("source", "tmpfs")
                .put("destination", "/tmp")
                .putArray("options")
                .add("nosuid")
                .add("mode=1777");
        config.putObject("annotations")
                .put("dev.caisson.backend", wall)
                .put("dev.caisson.trap.tier", tier)
                .put("dev.caisson.trap.debug", Boolean.toString(name.equals("debug")));
        Files.writeString(bundle.resolve("config.json"), config.toString());
        return caisson.command(bundle.resolve("root"), "run", "--bundle", bundle.toString(), "software-" + name)
                .timeout(LIMIT)
                .run();
    }

    private static String script(String name) throws IOException {
        try (InputStream in = TrapSoftwareTest.class.getResourceAsStream("/software/" + name + ".sh")) {
            assertThat(in).as(name).isNotNull();
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
