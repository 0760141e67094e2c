package dev.caisson.tests.bench;

import dev.caisson.tests.support.ContainerdBuild;
import dev.caisson.tests.support.CrunPeer;
import dev.caisson.tests.support.PrivateContainerd;
import dev.caisson.tests.support.RuntimeUnderTest;
import dev.caisson.tests.support.Skip;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/** Entry point of {@code ./dev bench}: see {@link Options#USAGE}. */
public final class Bench {
    private Bench() {}

    /** Exits with 2 on a bad command line, 1 when a subject failed a probe. */
    public static void main(String[] args) throws IOException {
        Options options;
        try {
            options = Options.parse(args);
        } catch (IllegalArgumentException e) {
            System.err.println(e.getMessage());
            System.exit(2);
            return;
        }
        int status = 1;
        try {
            run(options);
            status = 0;
        } catch (RuntimeException | AssertionError e) {
            System.getLogger("bench").log(System.Logger.Level.ERROR, "a subject failed", e);
        }
        // The drivers' threads would keep the JVM; exit also runs the hook that takes the containerds down.
        System.exit(status);
    }

    private static void run(Options options) throws IOException {
        Samples samples = new Samples();
        List<Subject> subjects = Collections.synchronizedList(new ArrayList<>());
        Runtime.getRuntime()
                .addShutdownHook(Thread.ofPlatform()
                        .unstarted(() -> subjects.forEach(s -> s.bed().close())));
        for (ContainerdBuild build : ContainerdBuild.available()) {
            if (options.wantsContainerd() && options.lines().contains(build.line())) {
                for (String peer : options.peers()) {
                    runtime(peer, build)
                            .ifPresent(runtime -> subjects.add(new Subject(
                                    peer,
                                    build.line(),
                                    PrivateContainerd.start(PrivateContainerd.Settings.of(build, runtime)))));
                }
            }
        }
        rounds(options, subjects, samples);
        if (options.wants("memory") || options.wants("idle") || options.wants("reattach")) {
            for (Subject subject : subjects) {
                System.out.println("fleet of " + options.fleet() + " pods: " + subject.name());
                Fleet.measure(subject, options, samples);
            }
        }
        if (options.wants(OciRows.NAME)) {
            OciRows.measure(options, samples);
        }
        if (options.wants(TrapRows.NAME) || options.wants(TrapRows.CALLS)) {
            TrapRows.measure(options, samples);
        }
        if (options.wants(KvmRows.NAME) || options.wants(KvmStdioRows.NAME)) {
            KvmRows.measure(options, samples);
        }
        if (CallerRows.NAMES.stream().anyMatch(options::wants)) {
            CallerRows.measure(options, samples);
        }
        System.out.println();
        System.out.print(Report.table(samples));
        Files.createDirectories(options.out());
        Report.json(samples, options.out().resolve("bench.json"));
        Files.writeString(options.out().resolve("bench.svg"), Chart.svg(samples));
        System.out.println("written: " + options.out().resolve("bench.json") + ", "
                + options.out().resolve("bench.svg"));
    }

    private static void rounds(Options options, List<Subject> subjects, Samples samples) {
        List<Probe> probes = Probes.all().stream()
                .filter(probe -> options.wants(probe.name()))
                .toList();
        Samples warmUp = new Samples();
        for (int round = 0; round <= options.rounds() && !probes.isEmpty(); round++) {
            long begin = System.nanoTime();
            for (Probe probe : probes) {
                for (Subject subject : subjects) {
                    // The first round fills caches and pools and is thrown away.
                    probe.sample(subject, round == 0 ? warmUp : samples);
                }
            }
            if (round == 0) {
                // A young caissond rehearses, for half a second, a second after its start: what is measured is a warm
                // one.
                LockSupport.parkNanos(Duration.ofSeconds(3).toNanos());
            }
            System.out.println((round == 0 ? "warm-up" : "round " + round + " of " + options.rounds()) + ": "
                    + (System.nanoTime() - begin) / 1_000_000 + " ms");
        }
    }

    private static Optional<RuntimeUnderTest> runtime(String peer, ContainerdBuild build) {
        return switch (peer) {
            case "caisson" -> {
                Optional<RuntimeUnderTest> caisson =
                        RuntimeUnderTest.prefixSetting().map(RuntimeUnderTest::caisson);
                if (caisson.isEmpty()) {
                    Skip.note("the subject's half of the bench", "CAISSON_PREFIX (./dev install PREFIX)");
                }
                yield caisson;
            }
            case "runc" -> Optional.of(RuntimeUnderTest.runc(build));
            case "crun" -> CrunPeer.wrapper().map(wrapper -> RuntimeUnderTest.crun(build, wrapper));
            default -> throw new IllegalArgumentException("unknown peer " + peer + "\n" + Options.USAGE);
        };
    }
}
