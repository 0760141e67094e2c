package dev.caisson.backend;

import dev.caisson.linux.plan.LaunchPlan;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A process of a wall's own that this daemon starts itself, before there is a pod whose monitor could: the static program plays a launch plan. The plan's gate
 * is a pipe of the daemon's, and ends with it. Thread-safe.
 */
public final class PlayedPlan {
    private static final int NOTE_BYTES = 16;
    private static final int NOTE_FAILED = 2;

    private final Process process;
    private final LaunchPlan plan;

    private PlayedPlan(Process process, LaunchPlan plan) {
        this.process = process;
        this.plan = plan;
    }

    /** Starts it; it is not waited for. What the plan does not say otherwise for goes to this process's standard error. */
    public static PlayedPlan start(LaunchPlan plan) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(program().toString(), "--play");
        builder.environment().clear();
        builder.redirectError(ProcessBuilder.Redirect.INHERIT);
        Process process = builder.start();
        try {
            OutputStream gate = process.getOutputStream();
            byte[] bytes = plan.encode();
            gate.write(ByteBuffer.allocate(Integer.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(bytes.length)
                    .array());
            gate.write(bytes);
            gate.flush();
            return new PlayedPlan(process, plan);
        } catch (IOException e) {
            process.destroyForcibly();
            throw e;
        }
    }

    /** The program that plays plans: the installation's, or the build's where there is none. */
    private static Path program() {
        String prefix = System.getProperty("caisson.prefix");
        return prefix == null
                ? Path.of(System.getProperty("caisson.monitor", "../../monitor/target/caisson"))
                        .toAbsolutePath()
                        .normalize()
                : Path.of(prefix, "bin/caisson");
    }

    /** The process, whose standard input is the plan's gate. */
    public Process process() {
        return process;
    }

    /** What of the plan went wrong, if the process ends within a second; else null. */
    public @Nullable String failedStep() {
        try {
            if (!process.waitFor(1, TimeUnit.SECONDS)) {
                return null;
            }
            byte[] note = process.getInputStream().readNBytes(NOTE_BYTES);
            if (note.length == NOTE_BYTES) {
                ByteBuffer n = ByteBuffer.wrap(note).order(ByteOrder.LITTLE_ENDIAN);
                if (n.getInt() == NOTE_FAILED) {
                    int step = n.getInt();
                    return plan.describe(step) + ": errno " + -n.getLong();
                }
            }
            return "it ended with status " + process.exitValue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return null;
        } catch (IOException e) {
            return null;
        }
    }
}
