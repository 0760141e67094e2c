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
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What a pod of the KVM wall costs: one whose machine boots, one whose machine is a copy of a template, one of the namespace wall, in turns. In the lab
 * ({@code tests/lab/bench-kvm}): a host's /dev/kvm may be good for nothing. With {@code CAISSON_OLD_PREFIX} the copies of another installation are
 * measured in the same turns.
 */
final class KvmRows {
    static final String NAME = "kvm";

    private static final Path MACHINES = Path.of("/run/caisson-kvm");
    private static final Duration PATIENCE = Duration.ofMinutes(5);
    private static final String LINE = "/" + NAME;
    private static final int BOOT_EVERY = 3;
    private static final int IDLE_PODS = 5;
    private static final Duration IDLE_TIME = Duration.ofSeconds(20);
    private static final int TICKS_PER_SECOND = 100;

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
            new KvmRows(samples).rounds(options, beds);
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
        String templates = "/tmp/templates-" + name;
        PrivateContainerd containerd =
                PrivateContainerd.start(PrivateContainerd.Settings.of(build, RuntimeUnderTest.caisson(prefix))
                        .withEnvironment(Map.of(
                                "CAISSOND_JAVA_OPTIONS",
                                "-Dcaisson.kvm.boot.seconds=180 -Dcaisson.kvm.templates=" + templates)));
        return new Bed(name, prefix, containerd);
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
        idle(beds.getFirst());
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

    /** Some pods that do nothing: what their machines take of the host's memory, how much of it they share, and what they do. */
    private void idle(Bed bed) {
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < IDLE_PODS; i++) {
            String id = Ctr.newId("idle");
            ids.add(id);
            List<String> options = List.of("--detach", "--null-io", "--annotation", "dev.caisson.backend=kvm");
            bed.containerd()
                    .ctr()
                    .runContainer(id, options, "sleep", "100000")
                    .timeout(PATIENCE)
                    .run()
                    .ok();
        }
        List<Path> machines = machines(" kept ");
        long[] before = machines.stream().mapToLong(KvmRows::ticks).toArray();
        Await.sleep(IDLE_TIME);
        for (int i = 0; i < machines.size(); i++) {
            Path machine = machines.get(i);
            add(
                    i,
                    "processor time of an idle machine, %",
                    bed.name(),
                    100.0 * (ticks(machine) - before[i]) / TICKS_PER_SECOND / IDLE_TIME.toSeconds());
            String maps = text(machine.resolve("smaps"));
            int at = maps.indexOf("/machine\n");
            if (at >= 0) {
                String guest = maps.substring(at);
                long touched = kib(guest, "Rss");
                long written = kib(guest, "Anonymous");
                add(i, "guest pages shared with the template, %", bed.name(), 100.0 * (touched - written) / touched);
                long all = kib(text(machine.resolve("smaps_rollup")), "Pss");
                add(i, "PSS of an idle pod's machine, MiB", bed.name(), all / 1024.0);
                add(i, "of it not its guest's memory, MiB", bed.name(), (all - kib(guest, "Pss")) / 1024.0);
            }
        }
        ids.forEach(id -> bed.containerd().ctr().remove(id));
    }

    private static long ticks(Path process) {
        String[] stat = text(process.resolve("stat")).split(" ", -1);
        return Long.parseLong(stat[13]) + Long.parseLong(stat[14]);
    }

    private static long kib(String map, String what) {
        return Pattern.compile(what + ": +([0-9]+) kB")
                .matcher(map)
                .results()
                .mapToLong(each -> Long.parseLong(each.group(1)))
                .findFirst()
                .orElseThrow();
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException("read " + file, e);
        }
    }

    /** Each daemon has one ready. */
    private static void awaitSpares(int count) {
        Await.until(
                "as many spare machines", PATIENCE, () -> machines(" ready ").size() == count);
    }

    /** Processes of the machines in that state. */
    private static List<Path> machines(String state) {
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(MACHINES)) {
            for (Path each : all) {
                Path mark = each.resolve("process");
                String said = Files.exists(mark) ? Files.readString(mark) : "";
                if (said.contains(state)) {
                    found.add(Path.of("/proc", said.split(" ", 2)[0]));
                }
            }
        } catch (IOException e) {
            return List.of(); // one has gone while it was looked at: once more
        }
        return found;
    }
}
