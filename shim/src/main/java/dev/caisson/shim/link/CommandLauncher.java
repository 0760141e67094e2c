package dev.caisson.shim.link;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Handover;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Stdio;
import dev.caisson.linux.plan.LaunchPlan;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A command that plays plans, for as long as it runs. Its own streams are {@link #OWN_STREAMS}. */
public final class CommandLauncher extends LaunchLink {
    /** The launch that the command is about: the only one that gets preserved descriptors, and signals in the foreground. */
    public static final int MAIN = 1;

    /** The command's standard input, output and error, as an io. */
    public static final int OWN_STREAMS = 1;

    private static final int FOREGROUND = 1;
    private static final int TERMINAL = 2;
    static final int FIFOS = 4;
    private static final int SAID_CONSOLE = 2;
    private static final int SAID_PLAYERS_CONSOLE = 3;

    /** Gets the master of a process's terminal: descriptor {@code fd} of process {@code pid}, which waits meanwhile. */
    public interface Console {
        void take(int pid, int fd) throws ContainerFault;
    }

    /**
     * What the command is to be.
     *
     * @param foreground it stays until the main process ends, and reaps it
     * @param terminal it copies between its own streams and the main process's terminal
     * @param preserved how many descriptors from 3 on are handed to the main process
     * @param fifos where the main process's notes and gate are made as fifos, which outlive the command; null for pipes
     * @param console gets the terminal's master if the command does not copy
     */
    public record Hands(
            boolean foreground,
            boolean terminal,
            int preserved,
            @Nullable String fifos,
            @Nullable Console console) {}

    private final int pid;
    private final Hands hands;

    CommandLauncher(FrameConnection connection, int pid, Hands hands) {
        super(connection);
        this.pid = pid;
        this.hands = hands;
        reserveIds(MAIN);
        int flags = (hands.foreground() ? FOREGROUND : 0) | (hands.terminal() ? TERMINAL : 0);
        String directory = hands.fifos() == null ? "" : hands.fifos();
        send(WireFrame.of(
                WireFrame.HANDS, 0, flags, hands.preserved(), (directory + "\0").getBytes(StandardCharsets.UTF_8)));
    }

    @Override
    public Handover handover() {
        return new Handover(true, hands.preserved());
    }

    @Override
    public Path here(Path path) {
        return Path.of("/proc/" + pid + "/root" + path);
    }

    @Override
    String whatIsGone() {
        return "the command that was to launch it is gone";
    }

    @Override
    public Launch spawn(int launch, String tag, LaunchPlan plan, int io, Set<Flag> flags) throws ContainerFault {
        if (launch != MAIN || hands.fifos() == null) {
            return super.spawn(launch, tag, plan, io, flags);
        }
        return spawn(newLaunch(launch, tag, plan), tag, plan, io, FIFOS);
    }

    @Override
    public Ahead spawnAhead(int launch, String tag, int io, int namespaces) {
        int bits = launch == MAIN && hands.fifos() != null ? FIFOS : 0;
        return spawnAhead(newLaunch(launch, tag, null), tag, io, namespaces, bits);
    }

    @Override
    LinkLaunch newLaunch(int launch, String tag, @Nullable LaunchPlan plan) {
        return launch == MAIN && hands.console() != null
                ? new WithConsole(this, launch, tag, plan, hands.console())
                : super.newLaunch(launch, tag, plan);
    }

    @Override
    public void openIo(int io, Stdio stdio) {
        // A command has the streams that it has.
    }

    @Override
    public void closeIo(int io) {}

    @Override
    public void closeStdin(int io) {}

    @Override
    public void resize(int io, int rows, int columns) {}

    /** Its terminal is handed over before whoever waits for it hears that it is ready. */
    private static final class WithConsole extends LinkLaunch {
        private final Console console;
        private boolean taken;

        WithConsole(LaunchLink link, int id, String tag, @Nullable LaunchPlan plan, Console console) {
            super(link, id, tag, plan);
            this.console = console;
        }

        @Override
        public long awaitNote(int code, Duration timeout) throws ContainerFault {
            long value = super.awaitNote(code, timeout);
            Long own = note(SAID_CONSOLE);
            Long players = note(SAID_PLAYERS_CONSOLE);
            if (!taken && own != null) {
                taken = true;
                console.take(pid(), own.intValue());
            } else if (!taken && players != null) {
                taken = true;
                console.take((int) (players >> 32), players.intValue());
            }
            return value;
        }
    }
}
