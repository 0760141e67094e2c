package dev.caisson.tests.tour;

import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.ContainerdBuild;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.Pod;
import dev.caisson.tests.support.PrivateContainerd;
import dev.caisson.tests.support.RuntimeUnderTest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Runs containers and a pod under a private containerd, kills the daemon in front of them, and compares with runc. Everything lives
 * in one directory under /tmp and is gone at the end.
 */
public final class Tour {
    private static final int ROUNDS = 10;

    private int step;

    private Tour() {}

    public static void main(String[] args) throws Exception {
        Path prefix = Path.of(args[0]);
        ContainerdBuild build = ContainerdBuild.available().getFirst();
        new Tour().show(prefix, build);
        System.exit(0);
    }

    private void say(String text) {
        System.out.printf("%n%d. %s%n", ++step, text);
    }

    private static void print(String label, String text) {
        for (String line : text.strip().split("\n", -1)) {
            System.out.println("   " + label + line);
        }
    }

    private void show(Path prefix, ContainerdBuild build) throws Exception {
        try (PrivateContainerd bed = PrivateContainerd.start(
                        PrivateContainerd.Settings.of(build, RuntimeUnderTest.caisson(prefix)));
                PrivateContainerd peer =
                        PrivateContainerd.start(PrivateContainerd.Settings.of(build, RuntimeUnderTest.runc(build))
                                .withoutCri())) {
            say("A real containerd (" + build + ") with the runtime io.containerd.caisson.v2, both in " + bed.dir());
            Ctr ctr = bed.ctr();

            say("ctr run: a container says where it is");
            print(
                    "| ",
                    ctr.runContainer(
                                    Ctr.newId("hello"),
                                    List.of("--rm"),
                                    "sh",
                                    "-c",
                                    "echo hello from pid $$ on $(hostname), $(grep -c . /proc/self/mountinfo) mounts; id")
                            .run()
                            .ok()
                            .out());

            say("A pod over the CRI with an address of its own, two containers, one exec");
            try (Pod pod = Pod.run(bed)) {
                String web = pod.start("web", "sleep", "1000");
                String side = pod.start("side", "sleep", "1000");
                print("| ", pod.execOut(web, "sh", "-c", "echo web; ip -o -4 addr show eth0"));
                print("| ", pod.execOut(side, "sh", "-c", "echo side, the same network; ip -o -4 addr show eth0"));
            }

            say("A container runs while its daemon is killed");
            String id = Ctr.newId("survivor");
            ctr.runDetached(id, "sleep", "1000");
            long daemon = bed.caissondPid().orElseThrow();
            print("| ", "caissond is process " + daemon + ": kill -9 " + daemon);
            Command.of("kill", "-9", Long.toString(daemon)).run().ok();
            print("| ", ctr.run("tasks", "ls").ok().out());
            Command.Result exec = ctr.exec(id, "echo", "exec works: the next request started another daemon")
                    .run()
                    .ok();
            print("| ", exec.out());
            print(
                    "| ",
                    "caissond is process " + bed.caissondPid().orElseThrow() + " now; that exec took "
                            + exec.took().toMillis() + " ms");
            ctr.remove(id);

            say("ctr run --rm true, " + ROUNDS + " times each, in turns");
            List<Duration> ours = new ArrayList<>();
            List<Duration> theirs = new ArrayList<>();
            once(bed);
            once(peer);
            for (int i = 0; i < ROUNDS; i++) {
                ours.add(once(bed));
                theirs.add(once(peer));
            }
            double a = median(ours);
            double b = median(theirs);
            print(
                    "| ",
                    String.format(
                            Locale.ROOT, "caisson %.1f ms, runc %.1f ms (medians): %.2f times runc's", a, b, a / b));
            say("Cleaning up");
        }
        System.out.println();
        System.out.println("Next: ./dev test, ./dev bench, and README.md for your own containerd.");
    }

    private static Duration once(PrivateContainerd bed) {
        return bed.ctr()
                .runContainer(Ctr.newId("t"), List.of("--rm"), "true")
                .run()
                .ok()
                .took();
    }

    private static double median(List<Duration> times) {
        List<Duration> sorted = new ArrayList<>(times);
        sorted.sort(null);
        return sorted.get(sorted.size() / 2).toNanos() / 1e6;
    }
}
