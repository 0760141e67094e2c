package dev.caisson.trap.sandbox;

import dev.caisson.trap.data.DataCalls;
import dev.caisson.trap.data.MessageCalls;
import dev.caisson.trap.data.PollCalls;
import dev.caisson.trap.dispatch.Handler;
import dev.caisson.trap.ident.IdentityCalls;
import dev.caisson.trap.ident.OwnIds;
import dev.caisson.trap.net.SocketCalls;
import dev.caisson.trap.vfs.AttributeCalls;
import dev.caisson.trap.vfs.InotifyCalls;
import dev.caisson.trap.vfs.MountCalls;
import dev.caisson.trap.vfs.NameCalls;
import dev.caisson.trap.vfs.OpenCalls;
import dev.caisson.trap.vfs.PassedCalls;
import dev.caisson.trap.vfs.StatCalls;
import java.util.HashMap;
import java.util.Map;

/** All handlers by the names that the table gives them. */
final class Handlers {
    private Handlers() {}

    static Map<String, Handler> all() {
        Map<String, Handler> all = new HashMap<>();
        OpenCalls.register(all);
        StatCalls.register(all);
        NameCalls.register(all);
        AttributeCalls.register(all);
        InotifyCalls.register(all);
        IdentityCalls.register(all);
        OwnIds.register(all);
        SocketCalls.register(all);
        DataCalls.register(all);
        MessageCalls.register(all);
        PollCalls.register(all);
        MountCalls.register(all);
        PassedCalls.register(all);
        return all;
    }
}
