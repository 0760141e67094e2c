package dev.caisson.shim.link;

import dev.caisson.ttrpc.netty.UnixTransport;
import io.netty.channel.EventLoopGroup;

/** The thread that serves the command binary, and nothing else: a command that is over in no time may be served on it. */
public final class CommandLoop {
    private final EventLoopGroup loop = UnixTransport.newLoop("command-loop");

    /** A socket served by this thread. */
    public LinkServer server(LinkListener listener) {
        return new LinkServer(loop, listener, true);
    }
}
