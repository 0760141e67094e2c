package dev.caisson.kvm.virtio.vsock;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.virtio.DeviceEvents;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.UnixSockets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The unix socket at which the host's programs ask for ports of the guest's: {@code CONNECT P\n}. Used with the transport's lock held. */
final class HostListener implements AutoCloseable {
    /** What becomes of who has named a port. */
    interface Caller {
        /** @param socket consumed */
        void connect(Fd socket, int port) throws GuestFault;
    }

    private static final int BACKLOG = 64;
    private static final int WAITING = 128;
    /** {@code CONNECT 4294967295\n} */
    private static final int LINE_LIMIT = 32;

    private static final String VERB = "CONNECT ";

    private final Path path;
    private final Fd listener;
    private final Map<Fd, Greeting> greetings = new LinkedHashMap<>();
    private Fd reserve;
    private @Nullable DeviceEvents events;
    private DeviceEvents.@Nullable Watch watch;
    private @Nullable Caller caller;

    /** Somebody who has not said yet which port is wanted. */
    private record Greeting(StringBuilder line, DeviceEvents.Watch watch) {}

    private HostListener(Path path, Fd listener, Fd reserve) {
        this.path = path;
        this.listener = listener;
        this.reserve = reserve;
    }

    static HostListener open(Path path) throws ErrnoException {
        Fd reserve = openReserve();
        try {
            return new HostListener(path, UnixSockets.listen(path.toString(), BACKLOG), reserve);
        } catch (ErrnoException e) {
            reserve.close();
            throw e;
        }
    }

    /** Begins to accept. Idempotent. */
    void start(DeviceEvents with, Caller to) {
        try {
            caller = to;
            events = with;
            if (watch == null) {
                watch = with.watch(listener, this::accept);
            }
            watch.arm(true, false);
        } catch (ErrnoException e) {
            throw new IllegalStateException("wait for connections to " + path, e);
        }
    }

    private void accept() {
        DeviceEvents with = events;
        DeviceEvents.Watch own = watch;
        if (with == null || own == null) {
            return;
        }
        try {
            Fd socket = acceptOrRefuse();
            if (socket != null) {
                if (greetings.size() >= WAITING) {
                    socket.close();
                } else {
                    DeviceEvents.Watch line = with.watch(socket, () -> read(socket));
                    greetings.put(socket, new Greeting(new StringBuilder(), line));
                    line.arm(true, false);
                }
            }
            own.arm(true, false);
        } catch (ErrnoException e) {
            throw new IllegalStateException("accept a connection to " + path, e);
        }
    }

    /**
     * Out of descriptors a caller is refused, with the one that is kept for that: left where it is, it would be seen again and again, and a machine must
     * not end because of who calls it.
     */
    private @Nullable Fd acceptOrRefuse() throws ErrnoException {
        try {
            return UnixSockets.accept(listener);
        } catch (ErrnoException e) {
            if (e.errno() != Errno.EMFILE && e.errno() != Errno.ENFILE) {
                throw e;
            }
            reserve.close();
            try {
                Fd refused = UnixSockets.accept(listener);
                if (refused != null) {
                    refused.close();
                }
                return null;
            } finally {
                reserve = openReserve();
            }
        }
    }

    private static Fd openReserve() throws ErrnoException {
        return HostFiles.open("/dev/null", HostFiles.O_RDONLY, 0);
    }

    private void read(Fd socket) throws GuestFault {
        Greeting greeting = greetings.get(socket);
        if (greeting == null) {
            return;
        }
        int port;
        try {
            // One by one: what stands behind the line is the guest's.
            byte[] octet = HostFiles.readAvailable(socket, 1);
            while (octet != null
                    && octet.length == 1
                    && octet[0] != '\n'
                    && greeting.line().length() < LINE_LIMIT) {
                greeting.line().append((char) (octet[0] & 0xff));
                octet = HostFiles.readAvailable(socket, 1);
            }
            if (octet != null && octet.length == 0) {
                greeting.watch().arm(true, false);
                return;
            }
            port = octet != null && octet[0] == '\n' ? port(greeting.line().toString()) : 0;
            greetings.remove(socket);
            greeting.watch().close();
        } catch (ErrnoException e) {
            // Reset by its peer.
            greetings.remove(socket);
            port = 0;
        }
        Caller to = caller;
        if (port == 0 || to == null) {
            socket.close();
        } else {
            to.connect(socket, port);
        }
    }

    /** The port of a line; 0 for one that is none. */
    static int port(String line) {
        String digits = line.startsWith(VERB) ? line.substring(VERB.length()) : "";
        if (digits.isEmpty() || digits.length() > 10 || !digits.chars().allMatch(c -> c >= '0' && c <= '9')) {
            return 0;
        }
        long port = Long.parseLong(digits);
        return port < 1L << 32 ? (int) port : 0;
    }

    /** Stops listening, and takes the socket's name away. */
    @Override
    public void close() {
        greetings.keySet().forEach(Fd::close);
        greetings.clear();
        listener.close();
        reserve.close();
        HostFiles.tryUnlink(path.toString());
    }
}
