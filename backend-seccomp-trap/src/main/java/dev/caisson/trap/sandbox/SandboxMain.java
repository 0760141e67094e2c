package dev.caisson.trap.sandbox;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.Nr;
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Entry point of a sandbox process. Reads commands from descriptor 4 and answers on 3, as launch plans do; the end of the commands is the end of
 * the pod's monitor, and of this process.
 */
public final class SandboxMain {
    private static final int SAID = 1;
    private static final int NOTE_SIZE = 16;
    private static final int O_DIRECTORY_PATH = 0x210000 | 0x80000;
    private static final int AT_FDCWD = -100;

    private SandboxMain() {}

    public static void main(String[] args) {
        int status = 0;
        try (FileOutputStream notes = new FileOutputStream("/proc/self/fd/3");
                BufferedReader commands = new BufferedReader(
                        new InputStreamReader(new FileInputStream("/proc/self/fd/4"), StandardCharsets.US_ASCII))) {
            Sandbox sandbox = new Sandbox(openProc(), () -> System.exit(0));
            String line = commands.readLine();
            while (line != null) {
                Control control = Control.parse(line);
                long result = sandbox.serve(control);
                if (control.isInit()) {
                    notes.write(ByteBuffer.allocate(NOTE_SIZE)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .putInt(SAID)
                            .putInt(Control.NOTE_SERVING)
                            .putLong(result)
                            .array());
                }
                line = commands.readLine();
            }
        } catch (IOException | RuntimeException | Error e) {
            // Its container cannot be answered any more: the daemon sees this end and kills it.
            e.printStackTrace();
            status = 1;
        }
        System.exit(status);
    }

    private static int openProc() throws IOException {
        try (KernelCalls kernel = new KernelCalls();
                NativeMemory path = new NativeMemory(64)) {
            path.putString(0, "/proc");
            long fd = kernel.call(Nr.openat, AT_FDCWD, path.address(), O_DIRECTORY_PATH);
            if (fd < 0) {
                throw new IOException("open /proc: errno " + -fd);
            }
            return (int) fd;
        }
    }
}
