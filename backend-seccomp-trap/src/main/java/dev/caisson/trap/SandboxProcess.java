package dev.caisson.trap;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.trap.sandbox.Control;
import dev.caisson.trap.sandbox.SandboxMain;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The daemon's view of a sandbox process: it is told what to serve, and what it says is believed only where it cannot hurt. */
final class SandboxProcess {
    private static final Duration START_TIME = Duration.ofSeconds(30);
    private static final Duration END_TIME = Duration.ofSeconds(5);
    private static final int SIGKILL = 9;

    private static final String FILTER = SandboxFilter.encoded();

    private final int launchId;
    private final String container;
    private final Path log;
    private final Launcher launcher;

    SandboxProcess(int launchId, String container, Path scratch, Launcher launcher) {
        this.launchId = launchId;
        this.container = container;
        this.log = scratch.resolve("sandbox.log");
        this.launcher = launcher;
    }

    /** Starts it; it is not waited for. */
    void start() throws ContainerFault {
        launcher.spawn(
                launchId,
                Launcher.WALL_TAG + container,
                SandboxPlan.of(commandLine(), log.toString()),
                0,
                Set.of(Launcher.Flag.SELF));
    }

    /** The runtime and the class path that the daemon itself has. */
    private static List<String> commandLine() {
        return List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Xms4m",
                "-Xmx64m",
                "-Xss256k",
                "-XX:-UsePerfData",
                "-Xshare:auto",
                "--enable-native-access=ALL-UNNAMED",
                "-Djava.library.path=" + System.getProperty("java.library.path"),
                "-cp",
                classPath(),
                SandboxMain.class.getName(),
                FILTER);
    }

    /** Absolute, since the monitor's working directory is the root. */
    private static String classPath() {
        return Arrays.stream(System.getProperty("java.class.path").split(":", -1))
                .map(p -> Path.of(p).toAbsolutePath().toString())
                .collect(Collectors.joining(":"));
    }

    /** Gives it the calls of a process that has loaded the filter. */
    void serve(Launch process, int listener, boolean isInit) throws ContainerFault {
        Launch sandbox = launch();
        if (sandbox == null) {
            throw new ContainerFault(
                    Kind.UNAVAILABLE, "serve system calls of " + container + ": its sandbox process is gone");
        }
        sandbox.gate(new Control(isInit, process.pid(), listener).line().getBytes(StandardCharsets.UTF_8));
        if (isInit) {
            long result = sandbox.awaitNote(Control.NOTE_SERVING, START_TIME);
            if (result != 0) {
                throw new ContainerFault(
                        Kind.FAILED, "serve system calls of " + container + ": sandbox process: errno " + -result);
            }
        }
    }

    /** Calls back when it has ended, for whatever reason. */
    void onEnd(Runnable action) {
        Launch sandbox = launch();
        if (sandbox != null) {
            sandbox.exit().thenRun(action);
        }
    }

    /** Ends it and forgets it. Idempotent. */
    void end() {
        Launch sandbox = launch();
        if (sandbox != null) {
            sandbox.kill(SIGKILL);
            sandbox.awaitExit(END_TIME);
            sandbox.forget();
        }
    }

    private @Nullable Launch launch() {
        return launcher.find(launchId);
    }
}
