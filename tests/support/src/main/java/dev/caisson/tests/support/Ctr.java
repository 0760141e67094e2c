package dev.caisson.tests.support;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/** The {@code ctr} command line of the same build as the containerd that it talks to. */
public final class Ctr {
    private static final AtomicInteger NEXT = new AtomicInteger();

    private final PrivateContainerd containerd;
    private final String namespace;

    Ctr(PrivateContainerd containerd, String namespace) {
        this.containerd = containerd;
        this.namespace = namespace;
    }

    /** An id that no other test uses. */
    public static String newId(String what) {
        return what + "-" + NEXT.incrementAndGet();
    }

    /** The command that runs {@code ctr} with {@code args}; give it input or another deadline before running it. */
    public Command command(List<String> args) {
        List<String> argv = new ArrayList<>(List.of(
                containerd.settings().build().ctr().toString(),
                "--address",
                containerd.socket().toString(),
                "--namespace",
                namespace));
        argv.addAll(args);
        return Command.of(argv).env(Map.of("CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS", "1"));
    }

    /** {@code ctr args...} to its end. */
    public Command.Result run(String... args) {
        return command(List.of(args)).run();
    }

    /** {@code ctr run} of the busybox image with {@code options} before the image name. */
    public Command runContainer(String id, List<String> options, String... argv) {
        return runImage(TestImages.BUSYBOX, id, options, argv);
    }

    /** {@code ctr run} of any image that was imported. */
    public Command runImage(String image, String id, List<String> options, String... argv) {
        List<String> args = new ArrayList<>(List.of(
                "run",
                "--snapshotter",
                containerd.settings().snapshotter(),
                "--runtime",
                containerd.settings().runtime().type()));
        containerd.settings().runtime().ociBinary().ifPresent(binary -> {
            args.add("--runc-binary");
            args.add(binary.toString());
        });
        args.addAll(options);
        args.add(image);
        args.add(id);
        args.addAll(List.of(argv));
        return command(args);
    }

    /** {@code ctr run -d} with no output. */
    public void runDetached(String id, String... argv) {
        runContainer(id, List.of("--detach", "--null-io"), argv).run().ok();
    }

    /** {@code ctr task exec} with a fresh exec id. */
    public Command exec(String id, String... argv) {
        List<String> args = new ArrayList<>(List.of("task", "exec", "--exec-id", newId("x"), id));
        args.addAll(List.of(argv));
        return command(args);
    }

    /** Kills and removes a container whatever state it is in; does nothing if there is none. */
    public void remove(String id) {
        run("task", "kill", "--signal", "KILL", id);
        for (int attempt = 0; attempt < 50; attempt++) {
            Command.Result deleted = run("task", "delete", "--force", id);
            if (deleted.exit() == 0 || deleted.err().contains("not found")) {
                break;
            }
            Await.sleep(Duration.ofMillis(50));
        }
        run("container", "delete", id);
    }
}
