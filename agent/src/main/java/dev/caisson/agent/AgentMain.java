package dev.caisson.agent;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Entry point of the agent. The monitor starts it when somebody asks for something and nobody answers. */
public final class AgentMain {
    private static final int FAILURE = 1;
    private static final int USAGE = 64;

    private AgentMain() {}

    /** {@code --state-dir DIRECTORY}, as a monitor starts its daemon. */
    public static void main(String[] args) throws InterruptedException {
        if (args.length != 2 || !args[0].equals("--state-dir")) {
            System.err.println("usage: agent --state-dir DIRECTORY");
            System.exit(USAGE);
            return;
        }
        Path state = Path.of(args[1]).toAbsolutePath();
        try {
            Files.createDirectories(state);
            Fd lock = HostFiles.tryLock(state.resolve("caissond.lock").toString());
            if (lock == null) {
                System.err.println("agent: another one serves " + state);
                System.exit(FAILURE);
                return;
            }
            new Agent(state, HostPorts.ofSystem()).start();
            IdleThreads.relax();
        } catch (IOException e) {
            System.err.println("agent: start in " + state + ": " + Errno.describe(e));
            System.exit(FAILURE);
            return;
        }
        Thread.currentThread().join();
    }
}
