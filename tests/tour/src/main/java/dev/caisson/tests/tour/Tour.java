package dev.caisson.tests.tour;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.ContainerdBuild;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.Pod;
import dev.caisson.tests.support.PrivateContainerd;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.RuntimeUnderTest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Entry point of {@code ./dev run}. Everything happens under a containerd of the tour's own, in one directory under /tmp, which is
 * taken down at the end and on an interrupt.
 */
public final class Tour {
    private static final int ROUNDS = 10;
    private static final Duration SOON = Duration.ofSeconds(20);

    private final ContainerdBuild build;
    private final RuntimeUnderTest caisson;
    private final PrivateContainerd bed;
    private final Ctr ctr;

    private Tour(ContainerdBuild build, RuntimeUnderTest caisson, PrivateContainerd bed) {
        this.build = build;
        this.caisson = caisson;
        this.bed = bed;
        this.ctr = bed.ctr();
    }

    /** Exits with 1 if anything did not go as shown. */
    public static void main(String[] args) {
        int status = 1;
        try {
            tour();
            status = 0;
        } catch (RuntimeException | AssertionError e) {
            System.out.flush();
            System.err.println("the tour ended early: " + e.getMessage());
        }
        // The drivers' threads would keep the JVM.
        System.exit(status);
    }

    private static void tour() {
        System.setProperty("caisson.containerd", "1.6");
        ContainerdBuild debian = ContainerdBuild.available().stream()
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("Debian's packages containerd and runc are missing"));
        Path prefix = RuntimeUnderTest.prefixSetting()
                .orElseThrow(
                        () -> new IllegalStateException("CAISSON_PREFIX is not set: start this through ./dev run"));
        RuntimeUnderTest caisson = RuntimeUnderTest.caisson(prefix);

        step("A containerd of our own, from Debian, with a busybox image made from this machine's busybox");
        PrivateContainerd bed = start(debian, caisson);
        note("root, state and sockets are in " + bed.dir() + "; your own containerd is not touched");
        Tour tour = new Tour(debian, caisson, bed);
        tour.containers();
        tour.killedDaemon();
        tour.pod();
        tour.besideRunc();
        step("Taking everything down");
        bed.close();
        List<Long> left = HostSnapshot.processesOf(bed.tag());
        if (!left.isEmpty()) {
            throw new IllegalStateException("processes left behind: " + left);
        }
        note("no process, mount, cgroup or file is left");
        System.out.println();
        System.out.println(
                "Next: ./dev test runs the tests, ./dev bench measures, and the README says how to put Caisson behind your"
                        + " own containerd.");
    }

    /** Closed by a hook too, so that an interrupted tour leaves nothing. */
    private static PrivateContainerd start(ContainerdBuild build, RuntimeUnderTest runtime) {
        PrivateContainerd bed = PrivateContainerd.start(PrivateContainerd.Settings.of(build, runtime));
        Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().unstarted(bed::close));
        return bed;
    }

    private void containers() {
        step("A container through Caisson: containerd starts " + caisson.shim().getFileName()
                + ", which is one name of a small static binary");
        show(ctr.runContainer(Ctr.newId("hello"), List.of("--rm"), "echo", "hello from a container"));
        show(ctr.runContainer(Ctr.newId("exit"), List.of("--rm"), "sh", "-c", "echo my pid is $$; exit 3"), 3);
    }

    private void killedDaemon() {
        String id = Ctr.newId("survivor");
        step("A long-running container, and what of Caisson runs beside it");
        ctr.runDetached(id, "sh", "-c", "while :; do sleep 1; done");
        long init = taskPid(id);
        note("the container's first process is " + init + " on the host");
        processes();
        show(ctr.exec(id, "ps", "-o", "pid,args"));

        step("kill -9 of the daemon in front of the running container");
        long daemon = bed.caissondPid().orElseThrow(() -> new IllegalStateException("no caissond runs"));
        ProcessHandle.of(daemon).ifPresent(ProcessHandle::destroyForcibly);
        Await.until(() -> "end of caissond " + daemon, SOON, () -> !Proc.lives(daemon));
        note("caissond " + daemon + " is dead, the container's process " + init + " "
                + (Proc.lives(init) ? "lives" : "is DEAD"));
        if (!Proc.lives(init)) {
            throw new IllegalStateException("the container died with the daemon");
        }
        Command.Result exec = show(ctr.exec(id, "echo", "exec works right after"));
        note("that took " + exec.took().toMillis() + " ms with the start of the next caissond, pid "
                + bed.caissondPid().map(Object::toString).orElse("unknown"));
        ctr.run("task", "kill", "--signal", "KILL", id).ok();
        ctr.remove(id);
    }

    private void pod() {
        step("A pod over the CRI, as a kubelet makes it: sandbox, network by CNI, two containers");
        try (Pod pod = Pod.run(bed)) {
            String address = pod.status().getNetwork().getIp();
            note("pod " + pod.config().getMetadata().getName() + " has the address " + address);
            pod.start(
                    "server",
                    "sh",
                    "-c",
                    "mkdir /www; echo hello over the network > /www/index.html; httpd -f -p 8080 -h /www");
            String client = pod.start("client", "sleep", "1000");
            Await.until(
                    () -> "an answer of the pod's server",
                    SOON,
                    () -> pod.exec(client, 5, "wget", "-qO-", "http://127.0.0.1:8080/")
                                    .getExitCode()
                            == 0);
            note("exec in one container: wget http://127.0.0.1:8080/ of the other one says");
            output(pod.execOut(client, "wget", "-qO-", "http://127.0.0.1:8080/"));
            processes();
        }
    }

    private void besideRunc() {
        step("Beside runc: " + ROUNDS + " times ctr run --rm of /bin/true, taking turns");
        RuntimeUnderTest runc = RuntimeUnderTest.runc(build);
        PrivateContainerd other = start(build, runc);
        try {
            double[] ours = new double[ROUNDS];
            double[] theirs = new double[ROUNDS];
            for (int round = -1; round < ROUNDS; round++) {
                double caissonMillis = timed(bed);
                double runcMillis = timed(other);
                // The first round fills caches and counts for nobody.
                if (round >= 0) {
                    ours[round] = caissonMillis;
                    theirs[round] = runcMillis;
                }
            }
            double ourMedian = median(ours);
            double theirMedian = median(theirs);
            output(String.format(
                    Locale.ROOT,
                    "caisson                         %6.0f ms (median; %.0f to %.0f)%n"
                            + "containerd-shim-runc-v2 + runc  %6.0f ms (median; %.0f to %.0f)%n"
                            + "ratio                           %9.2f%n",
                    ourMedian,
                    ours[0],
                    ours[ROUNDS - 1],
                    theirMedian,
                    theirs[0],
                    theirs[ROUNDS - 1],
                    ourMedian / theirMedian));
        } finally {
            other.close();
        }
    }

    private static double timed(PrivateContainerd bed) {
        Command run = bed.ctr().runContainer(Ctr.newId("turn"), List.of("--rm", "--null-io"), "true");
        return run.run().ok().took().toNanos() / 1e6;
    }

    /** Sorts {@code values}. */
    private static double median(double[] values) {
        Arrays.sort(values);
        int middle = values.length / 2;
        return values.length % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    }

    private long taskPid(String id) {
        for (String line : ctr.run("task", "ls").ok().out().split("\n", -1)) {
            String[] columns = line.trim().split("\\s+", -1);
            if (columns.length >= 2 && columns[0].equals(id)) {
                return Long.parseLong(columns[1]);
            }
        }
        throw new IllegalStateException("ctr task ls does not show " + id);
    }

    /** Caisson's own processes of this bed, with what they cost. */
    private void processes() {
        String hostPids = Proc.link(ProcessHandle.current().pid(), "ns/pid");
        List<String> lines = new ArrayList<>();
        for (long pid : HostSnapshot.processesOf(bed.tag())) {
            String command = Proc.read(pid, "cmdline").replace('\0', ' ').strip();
            if (pid == bed.pid()
                    || command.contains("/ctr ")
                    || !Proc.link(pid, "ns/pid").equals(hostPids)) {
                continue;
            }
            String name =
                    command.contains("caissond.jar") ? "caissond (Java, one per node)" : "monitor (C, one per pod)";
            lines.add(String.format(Locale.ROOT, "%8d  %6.2f MiB  %s", pid, Proc.rollupKib(pid, "Pss") / 1024.0, name));
        }
        note("Caisson's processes and their memory (PSS):");
        output(String.join("\n", lines) + "\n");
    }

    private static Command.Result show(Command command) {
        return show(command, 0);
    }

    /** Runs {@code command} and prints it as one would type it, with its output. */
    private static Command.Result show(Command command, int expected) {
        Command.Result result = command.run();
        List<String> argv = result.argv();
        // Without the address and namespace of the private containerd, which say nothing.
        System.out.println("    $ ctr " + String.join(" ", argv.subList(5, argv.size())));
        output(result.out() + result.err());
        if (result.exit() != expected) {
            throw new AssertionError("exit code " + result.exit() + " instead of " + expected + ": " + result);
        }
        if (expected != 0) {
            note("exit code " + expected + ", as the program said");
        }
        return result;
    }

    private static void step(String sentence) {
        System.out.println();
        System.out.println("==> " + sentence);
    }

    private static void note(String sentence) {
        System.out.println("    " + sentence);
    }

    private static void output(String text) {
        for (String line : text.lines().toList()) {
            System.out.println("      | " + line);
        }
    }
}
