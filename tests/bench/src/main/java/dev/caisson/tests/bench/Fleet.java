package dev.caisson.tests.bench;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** The rows that need many idle pods: memory, processor time while idle, re-attachment after the daemon was killed. */
final class Fleet {
    private static final Duration SETTLE = Duration.ofSeconds(2);
    /** A monitor does not hurry to a daemon that may be the next to die within a second. */
    private static final Duration BETWEEN_KILLS = Duration.ofSeconds(4);

    /** A pod looks once, 15 s after its start, whether anybody came to use it. */
    private static final Duration AFTER_START = Duration.ofSeconds(16);

    private static final Duration IDLE = Duration.ofSeconds(20);
    private static final Duration REATTACH_LIMIT = Duration.ofSeconds(60);

    private Fleet() {}

    static void measure(Subject subject, Options options, Samples samples) {
        List<Task> pods = new ArrayList<>();
        String name = subject.name();
        int twenty = Math.min(20, options.fleet());
        try {
            grow(subject, pods, 1);
            memory(subject, 1, options, samples);
            grow(subject, pods, twenty);
            long pssTwenty = memory(subject, twenty, options, samples);
            grow(subject, pods, options.fleet());
            long pssAll = memory(subject, options.fleet(), options, samples);
            if (options.wants("memory") && options.fleet() > twenty) {
                samples.add(
                        "memory per further pod, MiB PSS",
                        name,
                        (pssAll - pssTwenty) / 1024.0 / (options.fleet() - twenty));
            }
            if (options.wants("idle")) {
                Await.sleep(AFTER_START);
                long before = subject.cpuTicks();
                Await.sleep(IDLE);
                samples.add(
                        "processor while " + options.fleet() + " pods idle, % of a core",
                        name,
                        (subject.cpuTicks() - before) * 10.0 / IDLE.toMillis() * 100);
            }
            if (options.wants("reattach") && subject.isCaisson()) {
                for (int round = 0; round < Math.min(options.rounds(), 10); round++) {
                    reattach(subject, pods, samples);
                }
            }
        } finally {
            pods.forEach(Task::close);
        }
    }

    private static void grow(Subject subject, List<Task> pods, int size) {
        while (pods.size() < size) {
            Task task = Task.container(subject.bed(), Ctr.newId("fleet"), "sleep", "100000");
            pods.add(task);
            task.create(Stdio.NONE);
            task.start();
            if (pods.size() % 20 == 0) {
                System.out.println("  " + subject.name() + ": " + pods.size() + " pods");
            }
        }
    }

    private static long memory(Subject subject, int pods, Options options, Samples samples) {
        if (!options.wants("memory")) {
            return 0;
        }
        Await.sleep(SETTLE);
        long pss = subject.pssKib();
        samples.add("runtime with " + pods + " pods, MiB PSS", subject.name(), pss / 1024.0);
        samples.add("runtime with " + pods + " pods, MiB private", subject.name(), subject.privateKib() / 1024.0);
        if (subject.isCaisson()) {
            subject.bed().caissondPid().flatMap(ProcessHandle::of).ifPresent(daemon -> {
                samples.add("caissond with " + pods + " pods, MiB PSS", subject.name(), pssMib(daemon));
                // Its only lasting child is its standby.
                daemon.children()
                        .forEach(standby -> samples.add(
                                "its standby with " + pods + " pods, MiB PSS", subject.name(), pssMib(standby)));
            });
        }
        return pss;
    }

    private static double pssMib(ProcessHandle process) {
        return Proc.rollupKib(process.pid(), "Pss") / 1024.0;
    }

    /** kill -9 of caissond, then metrics of every pod: the monitors cannot answer those themselves. */
    private static void reattach(Subject subject, List<Task> pods, Samples samples) {
        Await.sleep(BETWEEN_KILLS);
        long java = System.nanoTime();
        Command.of(javaBinary(), "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-version")
                .run()
                .ok();
        samples.add("one JVM start (java -version), ms", subject.name(), (System.nanoTime() - java) / 1e6);
        subject.bed().caissondPid().flatMap(ProcessHandle::of).ifPresent(ProcessHandle::destroyForcibly);
        long begin = System.nanoTime();
        answered(pods.get(0));
        samples.add("killed caissond to first answer, ms", subject.name(), (System.nanoTime() - begin) / 1e6);
        pods.forEach(Fleet::answered);
        samples.add("killed caissond to all answered, ms", subject.name(), (System.nanoTime() - begin) / 1e6);
    }

    private static void answered(Task pod) {
        Await.until(() -> "metrics of " + pod.id(), REATTACH_LIMIT, () -> {
            try {
                return !pod.metrics().getValue().isEmpty();
            } catch (StatusRuntimeException | IndexOutOfBoundsException notYet) {
                return false;
            }
        });
    }

    private static String javaBinary() {
        return System.getProperty("java.home") + "/bin/java";
    }
}
