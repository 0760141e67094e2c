package dev.caisson.tests.monitor;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/**
 * An installation in a directory of its own, with a state directory, a fake daemon and monitors. Closing it ends the monitors and
 * fails when a sanitizer has reported anything.
 */
final class Rig implements AutoCloseable {
    private static final Path BUILD = Path.of(System.getProperty("monitor.build", "target/monitor"));

    final Path dir;
    final Path state;
    final Path socket;
    final Path binary;
    final Path program;
    private final List<Integer> monitors = new ArrayList<>();
    private final List<Process> processes = new ArrayList<>();
    private FakeDaemon daemon;

    private Rig(String build) throws IOException {
        dir = Files.createTempDirectory("caisson-mon");
        state = Files.createDirectory(dir.resolve("state"));
        socket = dir.resolve("pod.sock");
        binary = Files.createDirectory(dir.resolve("bin")).resolve("caisson");
        program = Files.createDirectory(dir.resolve("libexec")).resolve("caissond");
        Files.copy(BUILD.resolve(build), binary);
        daemon = new FakeDaemon(state);
    }

    /** With a fake daemon, without a monitor, sanitized. */
    static Rig bare() throws IOException {
        return new Rig("caisson-asan");
    }

    /** The binary that is shipped: for figures. */
    static Rig release() throws IOException {
        return new Rig("caisson");
    }

    FakeDaemon daemon() {
        return daemon;
    }

    /** A dead daemon's successor. */
    FakeDaemon restartDaemon() throws IOException {
        daemon.close();
        daemon = new FakeDaemon(state);
        return daemon;
    }

    /** The daemon dies; returns when the monitor has noticed, which has a descriptor less then. */
    void loseDaemon() throws IOException {
        int before = countDescriptors(monitorPid());
        daemon.close();
        until("the monitor has lost its daemon", () -> {
            try {
                return countDescriptors(monitorPid()) < before;
            } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
        });
    }

    /** Starts a monitor as a shim's start does, and returns its link. */
    Peer startMonitor() throws IOException, InterruptedException {
        Process command = command(List.of(), "start");
        Peer c = daemon.accept().read();
        c.await(Frame.COMMAND);
        c.send(Frame.of(Frame.START_MONITOR, 0, monitorWords(socket)));
        Frame started = c.await(Frame.STARTED);
        if (started.a() != 0 || started.flags() != 0) {
            throw new AssertionError("no monitor: " + started);
        }
        monitors.add(started.b());
        c.send(Frame.of(Frame.END, 0, 0));
        if (command.waitFor() != 0) {
            throw new AssertionError("the command failed");
        }
        Peer link = daemon.acceptMonitor();
        link.await(Frame.ATTACHED);
        return link;
    }

    String monitorWords(Path at) {
        return binary + "\0" + at + "\0caisson-monitor\0" + state + "\0" + program + "\0pod of the test\0";
    }

    int monitorPid() {
        return monitors.getLast();
    }

    void adopt(int monitor) {
        monitors.add(monitor);
    }

    Containerd connect() throws IOException {
        return Containerd.connect(socket);
    }

    /** Runs the command role under the name {@code caisson}. */
    Process command(List<String> environment, String... args) throws IOException {
        List<String> words = new ArrayList<>(List.of("env", "-i", "CAISSON_STATE_DIR=" + state));
        words.addAll(environment);
        words.add(binary.toString());
        words.addAll(Arrays.asList(args));
        return run(new ProcessBuilder(words));
    }

    Process run(ProcessBuilder b) throws IOException {
        Process p = b.start();
        processes.add(p);
        return p;
    }

    /** Makes the program that is started as the daemon. */
    void daemonScript(String text) throws IOException {
        Files.writeString(program, "#!/bin/sh\n" + text + "\n");
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    /** Holds the start lock for as long as the rig is there. */
    void daemonThatNeverListens() throws IOException {
        daemonScript("while [ -d " + state + " ]; do sleep 0.1; done");
    }

    static void until(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("not within 20 s: " + what);
            }
            sleep(5);
        }
    }

    static void sleep(int millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        }
    }

    /** Whether the process runs; a zombie does not. */
    static boolean runs(int pid) {
        try {
            String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
            return stat.charAt(stat.lastIndexOf(')') + 2) != 'Z';
        } catch (IOException e) {
            return false;
        }
    }

    static int countDescriptors(int pid) throws IOException {
        try (Stream<Path> fds = Files.list(Path.of("/proc/" + pid + "/fd"))) {
            return (int) fds.count();
        }
    }

    /** A number of kibibytes from a file such as /proc/PID/status. */
    static long kib(int pid, String file, String field) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/" + file))) {
            if (line.startsWith(field + ":")) {
                return Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        throw new AssertionError("no " + field + " in " + file);
    }

    /** User and system time of a process in clock ticks. */
    static long ticks(int pid) throws IOException {
        String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
        String[] f = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        return Long.parseLong(f[11]) + Long.parseLong(f[12]);
    }

    @Override
    public void close() throws IOException {
        List<Integer> dead = new ArrayList<>();
        for (int pid : monitors) {
            if (!runs(pid)) {
                dead.add(pid);
            }
            ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
        }
        for (Process p : processes) {
            p.destroyForcibly()
                    .onExit()
                    .completeOnTimeout(p, 5, TimeUnit.SECONDS)
                    .join();
        }
        daemon.close();
        for (int pid : monitors) {
            until("monitor " + pid + " is gone", () -> !runs(pid));
        }
        try (Stream<Path> all = Files.walk(dir)) {
            for (Path p : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(p);
            }
        }
        failOnReports(dead);
    }

    private static void failOnReports(List<Integer> dead) throws IOException {
        StringBuilder text = new StringBuilder();
        try (Stream<Path> all = Files.list(BUILD)) {
            for (Path p : all.filter(f -> f.getFileName().toString().startsWith("report."))
                    .toList()) {
                text.append(p).append('\n').append(Files.readString(p, StandardCharsets.ISO_8859_1));
                Files.move(p, p.resolveSibling("seen-" + p.getFileName()));
            }
        }
        if (!text.isEmpty()) {
            throw new AssertionError("sanitizer report, monitors " + dead + " dead:\n" + text);
        }
    }

    /** The monitor is expected to have ended. */
    void expectGone(int pid) {
        until("monitor ends", () -> !runs(pid));
    }
}
