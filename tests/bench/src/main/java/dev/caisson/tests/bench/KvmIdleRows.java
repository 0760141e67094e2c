package dev.caisson.tests.bench;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.PrivateContainerd;
import dev.caisson.tests.support.Proc;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Pods of the KVM wall that do nothing, all of them copies of one template: what they take of the host's memory, how much of their guests' they share, and what
 * their machines do in a minute.
 */
final class KvmIdleRows {
    private static final int PODS = 10;
    private static final Duration PATIENCE = Duration.ofMinutes(5);
    /** The agent's compiler, and what else a container's start leaves to do. */
    private static final Duration SETTLE = Duration.ofSeconds(20);

    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final String GUEST_MEMORY = "/machine\n";

    private final PrivateContainerd containerd;
    private final Path prefix;
    private final String subject;
    private final Samples samples;

    /** @param subject whose rows they are */
    KvmIdleRows(PrivateContainerd containerd, Path prefix, String subject, Samples samples) {
        this.containerd = containerd;
        this.prefix = prefix;
        this.subject = subject;
        this.samples = samples;
    }

    void measure() {
        List<String> ids = new ArrayList<>();
        try {
            while (ids.size() < PODS) {
                String id = Ctr.newId("idle");
                ids.add(id);
                List<String> options = List.of("--detach", "--null-io", "--annotation", "dev.caisson.backend=kvm");
                containerd
                        .ctr()
                        .runContainer(id, options, "sleep", "100000")
                        .timeout(PATIENCE)
                        .run()
                        .ok();
            }
            Await.sleep(SETTLE);
            List<Long> machines = KvmMachines.kept();
            activity(ids, machines);
            memory(machines);
        } finally {
            ids.forEach(id -> containerd.ctr().remove(id));
        }
    }

    private void add(String row, double value) {
        samples.add(KvmRows.NAME + " " + row, subject, value);
    }

    private void activity(List<String> ids, List<Long> machines) {
        List<Long> exits = ids.stream().map(this::exits).toList();
        List<Long> before = machines.stream().map(KvmIdleRows::runNanos).toList();
        Await.sleep(MINUTE);
        for (int i = 0; i < machines.size(); i++) {
            add(
                    "processor time of an idle machine, % (bar 0.5)",
                    100.0 * (runNanos(machines.get(i)) - before.get(i)) / MINUTE.toNanos());
        }
        for (int i = 0; i < ids.size(); i++) {
            add("exits to Java of an idle guest in a minute (bar 0)", (double) exits(ids.get(i)) - exits.get(i));
        }
    }

    /** Of all that its group, in which it is alone, has run: threads that have ended are no longer among its own. */
    private static long runNanos(long pid) {
        String group = Proc.read(pid, "cgroup").strip().replaceFirst("^0::", "");
        try {
            String usage = Files.readString(Path.of("/sys/fs/cgroup" + group + "/cpu.stat"));
            return TimeUnit.MICROSECONDS.toNanos(
                    Long.parseLong(usage.lines().findFirst().orElseThrow().replace("usage_usec ", "")));
        } catch (IOException e) {
            throw new UncheckedIOException("read what the processors have run for " + pid, e);
        }
    }

    private long exits(String id) {
        String metrics = Command.of(prefix.resolve("bin/caisson-kvm").toString(), "metrics", id)
                .env(Map.of("CAISSON_STATE_DIR", containerd.caissonState().toString()))
                .timeout(PATIENCE)
                .run()
                .ok()
                .out();
        return Pattern.compile("caisson_machine_exits_total\\{[^}]*} ([0-9]+)")
                .matcher(metrics)
                .results()
                .mapToLong(each -> Long.parseLong(each.group(1)))
                .sum();
    }

    private void memory(List<Long> machines) {
        long guests = 0;
        for (long machine : machines) {
            String maps = Proc.read(machine, "smaps");
            int at = maps.indexOf(GUEST_MEMORY);
            if (at < 0) {
                throw new AssertionError("no memory of a template's in process " + machine);
            }
            String guest = maps.substring(at);
            long touched = kib(guest, "Rss");
            long written = kib(guest, "Anonymous");
            add("memory that an idle guest has touched, MiB", touched / 1024.0);
            add("of it shared with the template, % (bar 70)", 100.0 * (touched - written) / touched);
            long pss = kib(guest, "Pss");
            add("its machine's beyond that, MiB PSS", (Proc.rollupKib(machine, "Pss") - pss) / 1024.0);
            guests += pss;
        }
        Set<Long> daemons = daemons(machines);
        long all = Stream.concat(
                        machines.stream(),
                        HostSnapshot.processesOf(containerd.tag()).stream().filter(pid -> !daemons.contains(pid)))
                .distinct()
                .mapToLong(pid -> Proc.rollupKib(pid, "Pss"))
                .sum();
        add(
                "an idle pod beyond its guest, of " + machines.size() + ", MiB PSS (bar 60)",
                (all - guests) / 1024.0 / machines.size());
    }

    /** What is there once for all pods: containerd, caissond, what stands ready. */
    private Set<Long> daemons(List<Long> machines) {
        long daemon = containerd.caissondPid().orElseThrow();
        return Stream.concat(
                        Stream.concat(
                                Stream.of(daemon),
                                ProcessHandle.of(daemon)
                                        .orElseThrow()
                                        .children()
                                        .map(ProcessHandle::pid)),
                        Stream.of(containerd.pid()))
                .filter(pid -> !machines.contains(pid))
                .collect(Collectors.toSet());
    }

    private static long kib(String map, String what) {
        return Pattern.compile("\n" + what + ": +([0-9]+) kB")
                .matcher(map)
                .results()
                .mapToLong(each -> Long.parseLong(each.group(1)))
                .findFirst()
                .orElseThrow();
    }
}
