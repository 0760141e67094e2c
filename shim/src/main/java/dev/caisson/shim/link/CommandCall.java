package dev.caisson.shim.link;

import io.netty.channel.Channel;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** One invocation of the command binary, waiting for what to do. */
public final class CommandCall {
    private static final long STARTED_SECONDS = 10;

    private final Channel channel;
    private final int pid;
    private final List<String> argv;
    private final String cwd;
    private final Map<String, String> environment;
    private final byte[] stdin;
    private final CompletableFuture<WireFrame> started = new CompletableFuture<>();

    CommandCall(
            Channel channel, int pid, List<String> argv, String cwd, Map<String, String> environment, byte[] stdin) {
        this.channel = channel;
        this.pid = pid;
        this.argv = argv;
        this.cwd = cwd;
        this.environment = environment;
        this.stdin = stdin;
    }

    public int pid() {
        return pid;
    }

    public List<String> argv() {
        return argv;
    }

    public String cwd() {
        return cwd;
    }

    public Map<String, String> environment() {
        return environment;
    }

    /** What a shim was given on standard input; empty for other commands. */
    public byte[] stdin() {
        return stdin;
    }

    /** Writes to the command's standard output. */
    public void out(byte[] bytes) {
        channel.writeAndFlush(WireFrame.of(WireFrame.OUTPUT, 0, 1, 0, bytes));
    }

    /** Writes to the command's standard output and ends it well, in one go. */
    public void finish(byte[] bytes) {
        channel.write(WireFrame.of(WireFrame.OUTPUT, 0, 1, 0, bytes));
        end(0);
    }

    /** Writes a line to the command's standard error. */
    public void err(String line) {
        errText(line + "\n");
    }

    /** Writes to the command's standard error as it is. */
    public void errText(String text) {
        channel.writeAndFlush(WireFrame.of(WireFrame.OUTPUT, 0, 2, 0, text.getBytes(StandardCharsets.UTF_8)));
    }

    /** Ends the command. */
    public void end(int code) {
        channel.writeAndFlush(WireFrame.of(WireFrame.END, code, 0));
    }

    /**
     * What became of a monitor that the command was to start.
     *
     * @param errno 0 when it runs
     * @param served somebody served the socket already, nothing was started
     */
    public record Started(int errno, int pid, boolean served) {}

    /** Makes the command bind {@code socket} and start a monitor that serves it. */
    public Started startMonitor(String executable, String socket, List<String> monitorArgv)
            throws InterruptedException, TimeoutException {
        StringBuilder p = new StringBuilder()
                .append(executable)
                .append('\0')
                .append(socket)
                .append('\0');
        for (String arg : monitorArgv) {
            p.append(arg).append('\0');
        }
        channel.writeAndFlush(
                WireFrame.of(WireFrame.START_MONITOR, 0, 0, 0, p.toString().getBytes(StandardCharsets.UTF_8)));
        try {
            WireFrame f = started.get(STARTED_SECONDS, TimeUnit.SECONDS);
            return new Started(f.a(), f.b(), f.flags() != 0);
        } catch (ExecutionException e) {
            throw new IllegalStateException("the command went away", e);
        }
    }

    void onStarted(WireFrame f) {
        started.complete(f);
    }

    void onGone() {
        started.completeExceptionally(new IllegalStateException("the command went away"));
    }
}
