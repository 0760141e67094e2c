package dev.caisson.kvm.vmm;

import dev.caisson.linux.Epoll;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.UnixSockets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * Who keeps this machine: as long as it is nobody's, the daemon that started it, by the pipe that it holds; from the first connection to a socket on, whoever
 * has that open, and then the daemon does not matter any more. When nobody is left the process ends at once. Of one thread.
 */
final class Keepers {
    private static final long LISTENER = 0;
    private static final long DAEMON = 1;
    private static final int BACKLOG = 4;
    private static final int ROOM = 256;
    private static final int ENDED = 0;

    private final Fd listener;
    private final Fd daemon;
    private final Map<Long, Fd> keepers = new HashMap<>();
    private boolean kept;
    private boolean hasDaemon = true;
    private long nextToken = DAEMON + 1;

    private Keepers(Fd listener, Fd daemon) {
        this.listener = listener;
        this.daemon = daemon;
    }

    /**
     * Begins to listen; {@link #watch} looks.
     *
     * @param daemon the reading end of the daemon's pipe
     */
    static Keepers listen(Path socket, Fd daemon) throws ErrnoException {
        return new Keepers(UnixSockets.listen(socket.toString(), BACKLOG), daemon);
    }

    /** Ends the process when nobody keeps it; does not return. */
    void watch() {
        try (Epoll epoll = Epoll.open("keepers")) {
            epoll.add(listener, Epoll.EPOLLIN, LISTENER);
            epoll.add(daemon, Epoll.EPOLLIN, DAEMON);
            while ((hasDaemon && !kept) || !keepers.isEmpty()) {
                for (long token : epoll.await(-1)) {
                    if (token == LISTENER) {
                        welcome(epoll);
                    } else if (token == DAEMON) {
                        if (HostFiles.readAvailable(daemon, ROOM) == null) {
                            epoll.remove(daemon);
                            hasDaemon = false;
                        }
                    } else {
                        hear(epoll, token);
                    }
                }
            }
        } catch (ErrnoException e) {
            System.err.println("machine: look after those who keep it: " + e.getMessage());
        }
        // Nothing of a guest's has to be put in order, and whoever it belonged to cannot wait for it.
        Runtime.getRuntime().halt(ENDED);
    }

    private void welcome(Epoll epoll) throws ErrnoException {
        Fd keeper = UnixSockets.accept(listener);
        if (keeper != null) {
            kept = true;
            keepers.put(nextToken, keeper);
            epoll.add(keeper, Epoll.EPOLLIN, nextToken++);
        }
    }

    /** They say nothing, but leave. */
    private void hear(Epoll epoll, long token) throws ErrnoException {
        Fd keeper = keepers.get(token);
        if (keeper != null && HostFiles.readAvailable(keeper, ROOM) == null) {
            keepers.remove(token);
            epoll.remove(keeper);
            keeper.close();
        }
    }
}
