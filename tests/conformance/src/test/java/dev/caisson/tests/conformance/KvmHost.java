package dev.caisson.tests.conformance;

import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.Proc;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * What machines can have left on a host, but for what the spare has that waits for the next pod.
 *
 * @param machines their processes
 * @param files theirs, and those of rehearsals
 * @param namespaces of all other processes
 * @param links interfaces in the host's network
 */
record KvmHost(Set<String> machines, Set<String> files, Set<String> groups, Set<String> namespaces, Set<String> links) {
    private static final Path MACHINES = Path.of("/run/caisson-kvm");
    private static final String MAIN = "dev.caisson.kvm.vmm.MachineMain";
    private static final String REHEARSAL = "caisson-rehearsal";
    private static final String READY = "ready";
    private static final String NEW = "new";

    /** States of machines by their names; empty for one that has not said any. */
    private static Map<String, String[]> marks() {
        Map<String, String[]> marks = new HashMap<>();
        if (!Files.isDirectory(MACHINES)) {
            return marks;
        }
        try (Stream<Path> all = Files.list(MACHINES)) {
            for (Path each : all.toList()) {
                Path mark = each.resolve("process");
                marks.put(
                        String.valueOf(each.getFileName()),
                        Files.exists(mark) ? Files.readString(mark).split(" ", -1) : new String[0]);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("list " + MACHINES, e);
        }
        return marks;
    }

    private static boolean is(String state, String[] mark) {
        return mark.length > 2 && mark[2].equals(state);
    }

    /** Whether there is a machine that is neither a pod's nor ready for one. */
    static boolean isMaking() {
        return marks().values().stream().anyMatch(mark -> mark.length == 0 || is(NEW, mark));
    }

    static KvmHost look() {
        Set<String> spares = new TreeSet<>();
        Set<Long> processes = new HashSet<>();
        marks().forEach((name, mark) -> {
            if (is(READY, mark)) {
                spares.add(name);
                processes.add(Long.parseLong(mark[0]));
            }
        });
        Set<String> machines = new TreeSet<>();
        Set<String> namespaces = new TreeSet<>();
        for (long pid : Proc.pids()) {
            if (processes.contains(pid)) {
                continue;
            }
            if (Proc.read(pid, "cmdline").contains(MAIN)) {
                machines.add(Long.toString(pid));
            }
            for (String kind : List.of("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")) {
                namespaces.add(Proc.link(pid, "ns/" + kind));
            }
            if (Proc.state(pid) == 'Z') {
                machines.add(pid + ", a zombie");
            }
        }
        Set<String> groups = new TreeSet<>();
        HostSnapshot.cgroupsOf("caisson-kvm").forEach(each -> groups.add(each.toString()));
        groups.removeIf(each -> each.endsWith("/caisson-kvm") || spares.stream().anyMatch(each::contains));
        Set<String> links = new TreeSet<>();
        Command.of("ip", "-o", "link").run().ok().out().lines().forEach(line -> links.add(line.split(": ", 3)[1]));
        return new KvmHost(machines, files(spares), groups, namespaces, links);
    }

    private static Set<String> files(Set<String> spares) {
        Set<String> files = new TreeSet<>(marks().keySet());
        files.removeAll(spares);
        try (Stream<Path> all = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
            all.map(each -> String.valueOf(each.getFileName()))
                    .filter(name -> name.startsWith(REHEARSAL))
                    .forEach(files::add);
        } catch (IOException e) {
            throw new UncheckedIOException("list temporary files", e);
        }
        return files;
    }

    /** What is here and was not there. */
    List<String> beyond(KvmHost before) {
        List<String> more = new ArrayList<>();
        HostSnapshot.extra("machine", before.machines, machines, more);
        HostSnapshot.extra("file", before.files, files, more);
        HostSnapshot.extra("cgroup", before.groups, groups, more);
        HostSnapshot.extra("namespace", before.namespaces, namespaces, more);
        HostSnapshot.extra("interface", before.links, links, more);
        return more;
    }
}
