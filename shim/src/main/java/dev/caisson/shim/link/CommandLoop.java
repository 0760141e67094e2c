package dev.caisson.shim.link;

import java.io.IOException;

/** The thread that serves the command binary, and nothing else: a command that is over in no time may be served on it. */
public final class CommandLoop {
    private final FrameLoop loop;

    public CommandLoop() throws IOException {
        loop = new FrameLoop("command-loop");
    }

    /** A socket served by this thread. */
    public LinkServer server(LinkListener listener) {
        return new LinkServer(loop, listener, true);
    }
}
