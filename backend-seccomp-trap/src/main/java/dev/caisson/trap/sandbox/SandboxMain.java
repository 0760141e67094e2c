package dev.caisson.trap.sandbox;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.Nr;
import java.io.IOException;

/**
 * Entry point of a sandbox process. Waits, warm, for the daemon that started it to give it a container, through descriptor 4; when the daemon ends
 * before, so does it. From then on it lives as long as containers do.
 */
public final class SandboxMain {
    private static final int USAGE = 64;
    private static final int COMMANDS = 4;
    private static final int O_DIRECTORY_PATH = 0x210000 | 0x80000;
    private static final int AT_FDCWD = -100;

    private SandboxMain() {}

    public static void main(String[] args) {
        if (args.length != 1) {
            System.err.println("a sandbox process is started by the daemon");
            System.exit(USAGE);
        }
        try (ControlPipe pipe = new ControlPipe(COMMANDS, -1)) {
            Sandbox sandbox = new Sandbox(openProc(), () -> System.exit(0));
            Confinement.enter(args[0]);
            sandbox.rehearse();
            if (pipe.next() instanceof Control.Adopt first) {
                new KernelCalls().call(Nr.close, COMMANDS);
                sandbox.adopt(first.guard());
                Thread.currentThread().join(); // for ever
            }
            Runtime.getRuntime().halt(0); // the daemon is gone, and nothing was begun
        } catch (IOException | InterruptedException | RuntimeException | Error e) {
            // Its containers cannot be answered any more: their guards see this end and kill them.
            e.printStackTrace();
            System.exit(1);
        }
    }

    private static int openProc() throws IOException {
        KernelCalls kernel = new KernelCalls();
        try (NativeMemory path = new NativeMemory(64)) {
            path.putString(0, "/proc");
            long fd = kernel.call(Nr.openat, AT_FDCWD, path.address(), O_DIRECTORY_PATH);
            if (fd < 0) {
                throw new IOException("open /proc: errno " + -fd);
            }
            return (int) fd;
        }
    }
}
