package dev.caisson.trap.sandbox;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.Nr;
import java.io.IOException;

/**
 * Entry point of a sandbox process. Reads commands from descriptor 4 and answers on 3, as launch plans do; the end of the commands is the end of
 * the pod's monitor, and of this process.
 */
public final class SandboxMain {
    private static final int USAGE = 64;
    private static final int O_DIRECTORY_PATH = 0x210000 | 0x80000;
    private static final int AT_FDCWD = -100;

    private SandboxMain() {}

    public static void main(String[] args) {
        int status = 0;
        try (ControlPipes pipes = new ControlPipes()) {
            if (!pipes.areThere() || args.length != 1) {
                System.err.println("a sandbox process is started by the daemon");
                System.exit(USAGE);
            }
            Sandbox sandbox = new Sandbox(openProc(), () -> System.exit(0));
            Confinement.enter(args[0]);
            Control control = pipes.next();
            while (control != null) {
                long result = sandbox.serve(control);
                if (control.isInit()) {
                    pipes.say(Control.NOTE_SERVING, result);
                }
                control = pipes.next();
            }
        } catch (IOException | RuntimeException | Error e) {
            // Its container cannot be answered any more: the daemon sees this end and kills it.
            e.printStackTrace();
            status = 1;
        }
        System.exit(status);
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
