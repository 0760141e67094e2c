package dev.caisson.shim.link;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** One invocation of the command binary, waiting for what to do. */
public final class CommandCall {
    private final FrameConnection connection;
    private final boolean onCommandLoop;
    private final int pid;
    private final List<String> argv;
    private final String cwd;
    private final Environment environment;
    private final byte[] stdin;
    private final int resume;
    private final boolean repeated;
    private volatile @Nullable Consumer<Started> onStarted;
    private volatile @Nullable CommandLauncher launcher;
    private volatile boolean lost;
    private final CompletableFuture<Boolean> removed = new CompletableFuture<>();

    CommandCall(
            FrameConnection connection,
            boolean onCommandLoop,
            int pid,
            List<String> argv,
            String cwd,
            Environment environment,
            byte[] stdin,
            int resume,
            boolean repeated) {
        this.connection = connection;
        this.onCommandLoop = onCommandLoop;
        this.pid = pid;
        this.argv = argv;
        this.cwd = cwd;
        this.environment = environment;
        this.stdin = stdin;
        this.resume = resume;
        this.repeated = repeated;
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

    /** A variable of the command's environment; empty when there is none. */
    public String variable(String name) {
        return environment.value(name);
    }

    /** What a shim was given on standard input; empty for other commands. */
    public byte[] stdin() {
        return stdin;
    }

    /**
     * What an earlier daemon launched for this very command before it was lost: 0 for nothing, 1 when it runs, or 2 plus its wait status
     * times 256 when it has ended.
     */
    public int resume() {
        return resume;
    }

    /** Whether the command has asked a daemon before, which was lost. */
    public boolean isRepeated() {
        return repeated;
    }

    /** Whether the command is gone. */
    public boolean isLost() {
        return lost;
    }

    /** Makes the command a launcher, once. */
    public CommandLauncher launcher(CommandLauncher.Hands hands) {
        CommandLauncher l = new CommandLauncher(connection, pid, hands);
        launcher = l;
        return l;
    }

    /** Writes to the command's standard output, not at its end but now. */
    public void outNow(byte[] bytes) {
        connection.send(WireFrame.of(WireFrame.OUTPUT, 1, 1, 0, bytes));
    }

    /** Lets the command end when a launch of its own has ended, as that did. */
    public void endAs(int launch) {
        connection.send(WireFrame.of(WireFrame.END, 1, launch, 0, WireFrame.EMPTY));
    }

    /**
     * Lets the command end when a launch of its own, not launched yet, has come to its program and has ended, as that did. Asking for it
     * beforehand saves the way to here and back; {@link #endAs} or {@link #end} is still to follow, for a command that waits.
     */
    public void endWith(int launch) {
        connection.send(WireFrame.of(WireFrame.END_WITH, launch, 0));
    }

    /** What {@link #endAs(int, List)} removes. */
    public record Removal(int kind, String path) {
        /** An empty directory; or a group without processes. */
        public static final int DIRECTORY = 1;

        public static final int FILE = 2;
        /** A directory, which stays if it is not empty. */
        public static final int SHARED_DIRECTORY = 3;
    }

    /**
     * Lets the command remove something and end when a launch of its own has ended, as that did.
     *
     * @return completes, on the loop, with whether it could; if not, another end is to follow. Not if the command is lost before.
     */
    public CompletableFuture<Boolean> endAs(int launch, List<Removal> remains) {
        ByteArrayOutputStream payload = new ByteArrayOutputStream();
        for (Removal each : remains) {
            payload.write(each.kind());
            payload.writeBytes(each.path().getBytes(StandardCharsets.UTF_8));
            payload.write(0);
        }
        connection.send(WireFrame.of(WireFrame.END, 3, launch, 0, payload.toByteArray()));
        return removed;
    }

    /** Writes to the command's standard output. */
    public void out(byte[] bytes) {
        connection.send(WireFrame.of(WireFrame.OUTPUT, 0, 1, 0, bytes));
    }

    /** Writes to the command's standard output and ends it well, in one go. */
    public void finish(byte[] bytes) {
        connection.send(WireFrame.of(WireFrame.OUTPUT, 0, 1, 0, bytes));
        end(0);
    }

    /** Writes a line to the command's standard error. */
    public void err(String line) {
        errText(line + "\n");
    }

    /** Writes to the command's standard error as it is. */
    public void errText(String text) {
        connection.send(WireFrame.of(WireFrame.OUTPUT, 0, 2, 0, text.getBytes(StandardCharsets.UTF_8)));
    }

    /** Ends the command. */
    public void end(int code) {
        connection.send(WireFrame.of(WireFrame.END, code, 0));
    }

    /**
     * Whether this call came in on a loop that serves commands only: what is over in no time is then best done on the calling thread,
     * since each change of threads costs more than the work itself.
     */
    public boolean isOnCommandLoop() {
        return onCommandLoop;
    }

    /**
     * What became of a monitor that the command was to start.
     *
     * @param errno 0 when it runs
     * @param served somebody served the socket already, nothing was started
     */
    public record Started(int errno, int pid, boolean served) {}

    /**
     * Makes the command bind {@code socket} and start a monitor that serves it, unless somebody does so already. It does so while this
     * daemon goes on: a {@link #finish} that follows takes effect if there is a monitor, and nothing of the monitor is left if there is
     * an {@link #end} with another code than 0.
     *
     * @param then called on the loop
     */
    public void startMonitor(String executable, String socket, List<String> monitorArgv, Consumer<Started> then) {
        StringBuilder p = new StringBuilder()
                .append(executable)
                .append('\0')
                .append(socket)
                .append('\0');
        for (String arg : monitorArgv) {
            p.append(arg).append('\0');
        }
        onStarted = then;
        connection.send(
                WireFrame.of(WireFrame.START_MONITOR, 0, 0, 0, p.toString().getBytes(StandardCharsets.UTF_8)));
    }

    /** @return false for what no command says */
    boolean onFrame(WireFrame f) {
        CommandLauncher l = launcher;
        switch (f.kind()) {
            case WireFrame.STARTED -> onStarted(f);
            case WireFrame.REMOVED -> removed.complete(f.a() == 0);
            case WireFrame.NOTE -> java.util.Objects.requireNonNull(l).onNote(f);
            case WireFrame.LAUNCHED -> java.util.Objects.requireNonNull(l).onLaunched(f);
            case WireFrame.EXIT -> java.util.Objects.requireNonNull(l).onExit(f);
            default -> {
                return false;
            }
        }
        return true;
    }

    void onLost() {
        lost = true;
        CommandLauncher l = launcher;
        if (l != null) {
            l.onLost();
        }
    }

    private void onStarted(WireFrame f) {
        Consumer<Started> then = onStarted;
        if (then != null) {
            then.accept(new Started(f.a(), f.b(), f.flags() != 0));
        }
    }
}
