package dev.caisson.tests.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * What the host has at one moment as far as one test bed can have put it there.
 *
 * @param processes {@code pid@starttime command line}
 * @param mounts mount points in the host's mount namespace
 * @param cgroups directories below any mounted cgroup hierarchy
 * @param networks names in /run/netns, and bridges of the bed
 * @param files paths below the directories that a runtime writes to
 */
public record HostSnapshot(
        Set<String> processes, Set<String> mounts, Set<String> cgroups, Set<String> networks, Set<String> files) {
    public HostSnapshot {
        processes = Set.copyOf(processes);
        mounts = Set.copyOf(mounts);
        cgroups = Set.copyOf(cgroups);
        networks = Set.copyOf(networks);
        files = Set.copyOf(files);
    }

    /**
     * @param bed what to look at
     * @param standing processes and files that are meant to stay, for example caissond and its spares
     */
    public static HostSnapshot take(PrivateContainerd bed, Predicate<String> standing) {
        String tag = bed.tag();
        Set<String> processes = new TreeSet<>();
        for (long pid : processesOf(tag)) {
            String line = pid + "@" + Proc.startTime(pid) + " "
                    + Proc.read(pid, "cmdline").strip();
            if (Proc.lives(pid) && !bed.isContainerd(pid) && !standing.test(line)) {
                processes.add(line);
            }
        }
        Set<String> cgroups = new TreeSet<>();
        for (Path cgroup : cgroupsOf(tag)) {
            cgroups.add(cgroup.toString());
        }
        Set<String> files = new TreeSet<>();
        for (Path root : List.of(
                bed.dir().resolve("s/io.containerd.runtime.v2.task"),
                bed.dir().resolve("r/io.containerd.runtime.v2.task"),
                bed.caissonState(),
                Path.of("/run/containerd/runc", tag),
                Path.of("/run/containerd/fifo"))) {
            walk(root, files);
        }
        files.addAll(deadSockets(Path.of("/run/containerd/s")));
        // The containerd namespace's own cgroup and directories come with its first container and stay.
        cgroups.removeIf(path -> path.endsWith("/" + tag));
        files.removeIf(path -> path.endsWith("/" + tag) || path.endsWith("/k8s.io") || standing.test(path));
        return new HostSnapshot(processes, new TreeSet<>(mountsOf(tag)), cgroups, namedNetworks(), files);
    }

    /**
     * Sockets of shims, named by a hash, of any containerd of the machine. One that somebody listens at is found by its process if it is
     * the bed's; one that nobody listens at is litter whoever left it.
     */
    private static Set<String> deadSockets(Path directory) {
        Set<String> sockets = new TreeSet<>();
        walk(directory, sockets);
        try {
            for (String line : Files.readAllLines(Path.of("/proc/net/unix"))) {
                sockets.remove(line.substring(line.lastIndexOf(' ') + 1));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("read /proc/net/unix", e);
        }
        return sockets;
    }

    /** What is here and was not in {@code before}, one line each; empty when nothing leaked. */
    public List<String> newSince(HostSnapshot before) {
        List<String> lines = new ArrayList<>();
        extra("process", before.processes, processes, lines);
        extra("mount", before.mounts, mounts, lines);
        extra("cgroup", before.cgroups, cgroups, lines);
        extra("network namespace", before.networks, networks, lines);
        extra("file", before.files, files, lines);
        return lines;
    }

    /** Adds a line for each thing of a kind that was not there before. */
    public static void extra(String kind, Set<String> before, Set<String> after, List<String> lines) {
        for (String item : new TreeSet<>(after)) {
            if (!before.contains(item)) {
                lines.add(kind + " " + item);
            }
        }
    }

    /** Live processes whose command line, environment, cgroup, executable or directory name {@code tag}, except this JVM's own. */
    public static List<Long> processesOf(String tag) {
        long self = ProcessHandle.current().pid();
        List<Long> ours = new ArrayList<>();
        for (long pid : Proc.pids()) {
            if (pid != self && names(pid, tag) && Proc.lives(pid)) {
                ours.add(pid);
            }
        }
        return ours;
    }

    private static boolean names(long pid, String tag) {
        String executable = Proc.link(pid, "exe");
        // Threads of the kernel and zombies have none, nor anything else that could name a test; half of a host's
        // processes are such.
        return !executable.isEmpty()
                && (executable.contains(tag)
                        || Proc.read(pid, "cmdline").contains(tag)
                        || Proc.read(pid, "environ").contains(tag)
                        || Proc.read(pid, "cgroup").contains(tag)
                        || Proc.link(pid, "cwd").contains(tag)
                        || Proc.link(pid, "root").contains(tag));
    }

    /** Mount points below a path that names {@code tag}, parents first. */
    public static List<String> mountsOf(String tag) {
        List<String> points = new ArrayList<>();
        for (String line : mountInfo()) {
            String point = line.split(" ", -1)[4];
            if (point.contains(tag)) {
                points.add(point);
            }
        }
        return points;
    }

    /** cgroup directories of any hierarchy whose path names {@code tag}, parents first. */
    public static List<Path> cgroupsOf(String tag) {
        List<Path> found = new ArrayList<>();
        Set<Path> roots = new TreeSet<>();
        for (String line : mountInfo()) {
            int separator = line.indexOf(" - cgroup");
            if (separator > 0) {
                roots.add(Path.of(line.split(" ", -1)[4]));
            }
        }
        for (Path root : roots) {
            collectCgroups(root, tag, found);
        }
        return found;
    }

    /** A cgroup has dozens of files, and as many links as groups right below it and two more: most have none and need not be listed. */
    private static void collectCgroups(Path dir, String tag, List<Path> found) {
        try {
            int groups = (int) Files.getAttribute(dir, "unix:nlink") - 2;
            if (groups == 0) {
                return;
            }
            try (DirectoryStream<Path> children = Files.newDirectoryStream(dir, Files::isDirectory)) {
                for (Path child : children) {
                    if (child.toString().contains(tag)) {
                        found.add(child);
                    }
                    collectCgroups(child, tag, found);
                }
            }
        } catch (IOException | UncheckedIOException | DirectoryIteratorException vanished) {
            // A cgroup may be removed while it is listed.
            return;
        }
    }

    private static Set<String> namedNetworks() {
        Set<String> names = new TreeSet<>();
        walk(Path.of("/run/netns"), names);
        return names;
    }

    /** Lines of proc_pid_mountinfo(5) of this process. */
    public static List<String> mountInfo() {
        try {
            return Files.readAllLines(Path.of("/proc/self/mountinfo"));
        } catch (IOException e) {
            throw new UncheckedIOException("read /proc/self/mountinfo", e);
        }
    }

    private static void walk(Path root, Set<String> files) {
        if (!Files.isDirectory(root)) {
            return;
        }
        try (Stream<Path> all = Files.walk(root)) {
            all.filter(path -> !path.equals(root)).forEach(path -> files.add(path.toString()));
        } catch (IOException | UncheckedIOException vanished) {
            // Bundles come and go while they are listed; the next look decides.
            return;
        }
    }
}
