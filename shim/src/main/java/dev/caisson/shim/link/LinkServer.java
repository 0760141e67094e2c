package dev.caisson.shim.link;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A socket of the daemon's, where monitors and commands connect. */
public final class LinkServer implements AutoCloseable {
    private static final int MAX_WORDS = 1 << 16;

    private final FrameLoop loop;
    private final LinkListener listener;
    private final boolean forCommands;
    private FrameLoop.@Nullable Listening server;

    /** For monitors, and for whoever else knows no better. */
    public LinkServer(FrameLoop loop, LinkListener listener) {
        this(loop, listener, false);
    }

    LinkServer(FrameLoop loop, LinkListener listener, boolean forCommands) {
        this.loop = loop;
        this.listener = listener;
        this.forCommands = forCommands;
    }

    /**
     * Listens at {@code socket}. It is bound under another name and renamed into place, so that whoever sees it can connect, and
     * an earlier daemon's socket is replaced in one step.
     */
    public void listen(Path socket) throws IOException {
        Path fresh = socket.resolveSibling(socket.getFileName() + ".new");
        Files.deleteIfExists(fresh);
        server = loop.listen(fresh, Peer::new);
        Files.setPosixFilePermissions(fresh, PosixFilePermissions.fromString("rw-------"));
        Files.move(fresh, socket, StandardCopyOption.ATOMIC_MOVE);
    }

    /** Accepts nobody any more; links that are up stay up. */
    @Override
    public void close() {
        if (server != null) {
            server.close();
        }
    }

    /** One connection: the first frame tells whether it is a monitor or a command. */
    private final class Peer implements FrameConnection.Receiver {
        private final FrameConnection connection;
        private @Nullable MonitorLink link;
        private @Nullable CommandCall command;
        /** Requests of the monitor's snapshot; null once it is complete. */
        private @Nullable List<WireFrame> early = new ArrayList<>();

        Peer(FrameConnection connection) {
            this.connection = connection;
        }

        @Override
        public void onFrame(WireFrame f) {
            if (link != null) {
                monitor(link, f);
            } else if (f.kind() == WireFrame.HELLO && f.a() == WireFrame.VERSION) {
                link = new MonitorLink(connection, f.b(), new String(f.payload(), StandardCharsets.UTF_8));
                listener.onMonitor(link);
            } else if (f.kind() == WireFrame.COMMAND && command == null) {
                command = decodeCommand(connection, f);
                listener.onCommand(command);
            } else if (command == null || !command.onFrame(f)) {
                connection.end();
            }
        }

        private void monitor(MonitorLink l, WireFrame f) {
            switch (f.kind()) {
                case WireFrame.PROC -> l.onProc(f);
                case WireFrame.ATTACHED -> attached(l);
                case WireFrame.CONN_OPEN -> listener.onConnectionOpen(l, f.a());
                case WireFrame.CONN_CLOSE -> listener.onConnectionClose(l, f.a());
                case WireFrame.REQUEST -> {
                    if (early == null) {
                        request(l, f);
                    } else {
                        early.add(f);
                    }
                }
                case WireFrame.NOTE -> l.onNote(f);
                case WireFrame.LAUNCHED -> l.onLaunched(f);
                case WireFrame.EXIT -> {
                    l.onExit(f);
                    listener.onExit(l, f.b());
                }
                case WireFrame.IO -> l.onIo(f);
                default -> {
                    // A newer monitor may say more than this daemon understands.
                }
            }
        }

        /** Before a request is served, tasks must have been matched with the processes that the monitor holds. */
        private void attached(MonitorLink l) {
            List<WireFrame> waiting = early == null ? List.of() : early;
            early = null;
            listener.onAttached(l);
            for (WireFrame f : waiting) {
                request(l, f);
            }
        }

        private void request(MonitorLink l, WireFrame f) {
            listener.onRequest(l, f.a(), f.payload(), f.age() * 10L, (f.flags() & 1) != 0);
        }

        @Override
        public void onEnd() {
            if (link != null) {
                link.onLost();
                listener.onLost(link);
            }
            if (command != null) {
                command.onLost();
            }
        }
    }

    private CommandCall decodeCommand(FrameConnection connection, WireFrame f) {
        ByteBuffer p = ByteBuffer.wrap(f.payload()).order(ByteOrder.LITTLE_ENDIAN);
        int argc = p.getInt();
        int envc = p.getInt();
        int stdinLength = p.getInt();
        if (argc < 1 || argc > MAX_WORDS || envc < 0 || envc > MAX_WORDS || stdinLength < 0) {
            throw new IllegalArgumentException("command frame with impossible counts");
        }
        List<String> argv = new ArrayList<>(argc);
        for (int i = 0; i < argc; i++) {
            argv.add(word(p));
        }
        String cwd = word(p);
        int environment = p.position();
        for (int i = 0; i < envc; i++) {
            skipWord(p);
        }
        Environment env = new Environment(f.payload(), environment, p.position());
        byte[] stdin = new byte[Math.min(stdinLength, p.remaining())];
        p.get(stdin);
        boolean repeated = (f.flags() & 1) != 0;
        return new CommandCall(connection, forCommands, f.a(), List.copyOf(argv), cwd, env, stdin, f.b(), repeated);
    }

    private static String word(ByteBuffer p) {
        int start = p.position();
        skipWord(p);
        byte[] word = new byte[p.position() - 1 - start];
        p.get(start, word);
        return new String(word, StandardCharsets.UTF_8);
    }

    private static void skipWord(ByteBuffer p) {
        while (p.get() != 0) {
            // find the NUL; a missing one underflows, which closes the connection
        }
    }
}
