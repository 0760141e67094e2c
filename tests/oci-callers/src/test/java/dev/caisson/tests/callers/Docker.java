package dev.caisson.tests.callers;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.OciRuntime;
import dev.caisson.tests.support.Proc;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Debian's Docker engine (20.10) with storage, sockets, containerd and mounts of its own. It has no bridge and no packet filter: that
 * would be the machine's.
 */
final class Docker implements AutoCloseable {
    private static final Duration START = Duration.ofSeconds(60);

    private final Caller caller;
    private final String host;
    private final Process daemon;

    Docker(OciRuntime runtime) {
        caller = new Caller(runtime, "/docker/[0-9a-f]{64}");
        Path dir = caller.dir;
        host = "unix://" + dir.resolve("d.sock");
        List<String> argv = List.of(
                "unshare",
                "--mount",
                "/usr/sbin/dockerd",
                "--storage-driver=vfs",
                "--iptables=false",
                "--bridge=none",
                "--data-root=" + dir.resolve("data"),
                "--exec-root=" + dir.resolve("exec"),
                "--pidfile=" + dir.resolve("pid"),
                "--host=" + host,
                "--add-runtime=" + "subject=" + caller.binary(),
                "--default-runtime=subject");
        daemon = caller.command(Map.of(), argv.toArray(String[]::new))
                .into(dir.resolve("dockerd"))
                .start();
        try {
            Await.until(
                    () -> "Docker answers: " + log(),
                    START,
                    () -> run("version").exit() == 0);
            run("import", caller.archive().toString(), Caller.IMAGE).ok();
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    private String log() {
        try {
            return Files.readString(caller.dir.resolve("dockerd.err"));
        } catch (java.io.IOException e) {
            return e.toString();
        }
    }

    Command command(String... arguments) {
        List<String> argv = new ArrayList<>(List.of("/usr/bin/docker", "--host", host));
        for (String argument : arguments) {
            argv.add(argument);
            if (argument.equals("run") && argv.size() == 4) {
                argv.add("--network=none");
            }
        }
        if (argv.stream().filter(each -> each.startsWith("--network")).count() > 1) {
            argv.remove("--network=none");
        }
        return caller.command(Map.of(), argv.toArray(String[]::new));
    }

    Command.Result run(String... arguments) {
        return command(arguments).run();
    }

    /** Removes every container. */
    void clear() {
        List<String> all = run("ps", "--all", "--quiet").ok().out().lines().toList();
        if (!all.isEmpty()) {
            List<String> argv = new ArrayList<>(List.of("rm", "--force", "--volumes"));
            argv.addAll(all);
            run(argv.toArray(String[]::new)).ok();
        }
    }

    @Override
    public void close() {
        try {
            clear();
        } finally {
            // unshare executes the daemon in its own place.
            daemon.destroy();
            Await.until("the end of dockerd", START, () -> !Proc.lives(daemon.pid()));
            caller.close();
        }
    }
}
