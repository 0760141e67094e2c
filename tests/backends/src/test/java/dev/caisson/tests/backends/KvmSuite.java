package dev.caisson.tests.backends;

import dev.caisson.backend.Backend;
import dev.caisson.backend.MachineTemplates;
import dev.caisson.backend.testkit.PodFixture;
import dev.caisson.backend.testkit.PodTest;
import dev.caisson.kvm.KvmBackend;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;

/** Tests of the KVM wall whose pods have a real monitor and a real machine, which goes on from a template. In the lab, where /dev/kvm runs guests. */
abstract class KvmSuite extends PodTest {
    static final Backend BACKEND = withoutSpares();

    /** What a pod that asks for nothing fits into. */
    static final MachineTemplates.Shape SHAPE = new MachineTemplates.Shape(512, 1, 0);

    /** The next pod's machine would be made while this one's is looked at; {@link KvmTemplateTest} has them. */
    private static Backend withoutSpares() {
        System.setProperty("caisson.kvm.spares", "false");
        // One shows that it can be done; more pay off later than in these tests.
        System.setProperty("caisson.kvm.rehearsals", "1");
        try {
            return new KvmBackend();
        } finally {
            System.clearProperty("caisson.kvm.spares");
        }
    }

    @BeforeAll
    static void thereIsKvm() {
        Assumptions.assumeTrue(System.getenv("CAISSON_LAB") != null, "SKIPPED: guests run in the lab");
    }

    @Override
    protected Backend backend() {
        return BACKEND;
    }

    @Override
    protected PodFixture openPod(Path directory) throws IOException {
        return MonitorPod.open(directory);
    }

    private long phase = System.nanoTime();

    /** Says how long what lies behind took: in the lab it matters. */
    final void done(String what) {
        long now = System.nanoTime();
        System.out.println(getClass().getSimpleName() + ": " + what + ": " + (now - phase) / 1_000_000 + " ms");
        phase = now;
    }

    /** The one boot that a test has; the machines of its pods go on from that. */
    final String template() throws Exception {
        return template(SHAPE);
    }

    /** As {@link #template()}, for pods that ask for something else. */
    final String template(MachineTemplates.Shape shape) throws Exception {
        System.setProperty("caisson.kvm.templates", temp.resolve("templates").toString());
        MachineTemplates templates = Objects.requireNonNull(BACKEND.templates());
        for (MachineTemplates.Entry each : templates.list()) {
            if (each.shape().equals(shape)) {
                return each.name();
            }
        }
        String name = templates.build(shape, pod().launcher());
        done("template");
        return name;
    }

    /** Of cgroup v2, below its mount. */
    static String group(Path process) throws IOException {
        return Files.readString(process.resolve("cgroup")).strip().substring("0::/".length());
    }

    /** The process that is a machine; there is one. */
    static Path machine() throws IOException {
        try (DirectoryStream<Path> all = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path each : all) {
                if (commandLine(each).contains("MachineMain")) {
                    return each;
                }
            }
        }
        throw new AssertionError("no machine runs");
    }

    static String commandLine(Path process) {
        try {
            return Files.readString(process.resolve("cmdline"));
        } catch (IOException e) {
            return ""; // it has ended
        }
    }
}
