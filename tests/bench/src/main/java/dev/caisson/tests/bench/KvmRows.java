package dev.caisson.tests.bench;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.ContainerdBuild;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.Lab;
import dev.caisson.tests.support.PrivateContainerd;
import dev.caisson.tests.support.RuntimeUnderTest;
import dev.caisson.tests.support.Skip;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a pod of the KVM wall costs: one whose machine boots, one whose machine is a copy of a template, one of the namespace wall, in turns. In the lab
 * ({@code tests/lab/bench-kvm}): a host's /dev/kvm may be good for nothing. With {@code CAISSON_OLD_PREFIX} the copies of another installation are
 * measured in the same turns.
 */
final class KvmRows {
    static final String NAME = "kvm";

    private static final Duration PATIENCE = Duration.ofMinutes(5);
    private static final String LINE = "/" + NAME;
    private static final int BOOT_EVERY = 3;

    /** An installation and a containerd of its own. */
    private record Bed(String name, Path prefix, PrivateContainerd containerd) {}

    private final Stopwatch stopwatch = Stopwatch.build();
    private final Samples samples;

    private KvmRows(Samples samples) {
        this.samples = samples;
    }

    static void measure(Options options, Samples samples) {
        Optional<Path> prefix = RuntimeUnderTest.prefixSetting();
        if (!Lab.inside() || prefix.isEmpty()) {
            Skip.note("the rows of the KVM wall", "the lab (tests/lab/bench-kvm) and CAISSON_PREFIX");
            return;
        }
        List<Bed> beds = new ArrayList<>();
        try {
            beds.add(bed("caisson", prefix.get()));
            String old = System.getenv("CAISSON_OLD_PREFIX");
            if (old != null) {
                beds.add(bed("old", Path.of(old)));
            }
            if (options.wants(NAME)) {
                new KvmRows(samples).rounds(options, beds);
            }
            if (options.wants(KvmStdioRows.NAME)) {
                new KvmStdioRows(beds.getFirst().containerd(), samples).measure(options.rounds());
            }
        } finally {
            beds.forEach(each -> {
                if (System.getProperty("caisson.bench.log") != null) {
                    printLog(each);
                }
                each.containerd().close();
            });
        }
    }

    private static void printLog(Bed bed) {
        try {
            System.out.println("---- " + bed.name() + "\n"
                    + Files.readString(bed.containerd().caissonState().resolve("caissond.log")));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Bed bed(String name, Path prefix) {
        ContainerdBuild build = ContainerdBuild.available().getFirst();
        return new Bed(
                name,
                prefix,
                PrivateContainerd.start(PrivateContainerd.Settings.of(build, RuntimeUnderTest.caisson(prefix))));
    }

    private void rounds(Options options, List<Bed> beds) {
        for (Bed bed : beds) {
            // The daemon is there from the first container on.
            run(bed, "namespace", "");
            Command.of(bed.prefix().resolve("bin/caisson-kvm").toString(), "template", "build")
                    .env(Map.of(
                            "CAISSON_STATE_DIR", bed.containerd().caissonState().toString()))
                    .timeout(PATIENCE)
                    .run()
                    .ok();
            run(bed, "kvm", "");
        }
        awaitSpares(beds.size());
        for (int round = -1; round < options.rounds(); round++) {
            for (Bed bed : beds) {
                add(round, "ctr run --rm true, ms", bed.name(), run(bed, "kvm", ""));
                awaitSpares(beds.size());
            }
            add(round, "ctr run --rm true, ms", "namespace", run(beds.getFirst(), "namespace", ""));
            if (round >= 0 && round % BOOT_EVERY == 0) {
                add(round, "ctr run --rm true, ms", "boot", run(beds.getFirst(), "kvm", "off"));
            }
        }
        // Another installation is there to compare its copies' starts.
        if (beds.size() > 1) {
            return;
        }
        Bed first = beds.getFirst();
        new KvmIdleRows(first.containerd(), first.prefix(), first.name() + LINE, samples).measure();
    }

    private void add(int round, String row, String subject, double value) {
        System.out.println(row + " " + subject + ": " + Math.round(value));
        if (round >= 0) {
            samples.add(NAME + " " + row, subject + LINE, value);
        }
    }

    /** @param template {@code dev.caisson.kvm.template}; empty for whichever there is */
    private double run(Bed bed, String wall, String template) {
        List<String> options =
                new ArrayList<>(List.of("--rm", "--null-io", "--annotation", "dev.caisson.backend=" + wall));
        if (!template.isEmpty()) {
            options.addAll(List.of("--annotation", "dev.caisson.kvm.template=" + template));
        }
        return stopwatch.time(bed.containerd()
                .ctr()
                .runContainer(Ctr.newId("bench"), options, "true")
                .timeout(PATIENCE));
    }

    /** Each daemon has one ready. */
    private static void awaitSpares(int count) {
        Await.until(
                "as many spare machines", PATIENCE, () -> KvmMachines.ready().size() == count);
    }
}
