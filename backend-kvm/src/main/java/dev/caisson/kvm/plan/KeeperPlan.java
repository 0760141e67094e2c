package dev.caisson.kvm.plan;

import dev.caisson.backend.WallWatcher;
import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import java.nio.charset.StandardCharsets;

/**
 * A machine's keeper: a process of the pod's that has a connection to the machine's process, which is no child of the pod's, and sleeps until that ends. So the
 * machine ends with the pod, whatever becomes of the daemon, and the pod hears of the machine's end. Pure.
 */
public final class KeeperPlan {
    /** The note's code; those below 64 belong to launch plans. */
    public static final int NOTE_KEEPS = 66;

    private static final int AF_UNIX = 1;
    private static final int SOCK_STREAM_CLOEXEC = 0x80001;

    private KeeperPlan() {}

    /**
     * The plan.
     *
     * @param socket where the machine's process waits for keepers, at most 107 bytes
     * @param outlives whether the machine lives on without its pod's monitor
     */
    public static LaunchPlan of(String socket, boolean outlives) {
        PlanBuilder p = WallWatcher.begin("keeper", outlives);
        byte[] path = socket.getBytes(StandardCharsets.UTF_8);
        byte[] address = new byte[2 + path.length + 1];
        address[0] = AF_UNIX;
        System.arraycopy(path, 0, address, 2, path.length);
        Arg.Slot connection = p.slot();
        Arg.Slot ignored = p.slot();
        p.callInto(
                connection,
                "make socket for a keeper",
                Sys.SOCKET,
                Arg.of(AF_UNIX),
                Arg.of(SOCK_STREAM_CLOEXEC),
                Arg.ZERO);
        p.call("connect to " + socket, Sys.CONNECT, connection, p.bytes(address), Arg.of(address.length));
        p.note(NOTE_KEEPS, Arg.ZERO);
        p.attemptInto(ignored, Sys.READ, connection, p.room(1), Arg.of(1));
        return p.build();
    }
}
