package dev.caisson.cli;

import dev.caisson.backend.ContainerFault;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.UnixDatagrams;
import dev.caisson.oci.Mount;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Spec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A service of Type=notify whose program is in a container: the container gets a socket of its own in {@value #INSIDE}, and what says
 * there that it is ready is told to the caller's service manager together with the container's process (sd_notify(3), as runc does).
 */
final class NotifySocket {
    private static final String VARIABLE = "NOTIFY_SOCKET";
    private static final String INSIDE = "/run/notify";
    private static final String DIRECTORY = "notify";
    private static final String NAME = "notify.sock";
    private static final Duration LOOK_AT_PROCESS = Duration.ofMillis(100);
    private static final int MOST_BYTES = 4096;
    private static final String READY = "READY=1";

    private final String managers;
    private final Path directory;

    private NotifySocket(String managers, Path directory) {
        this.managers = managers;
        this.directory = directory;
    }

    /** That of a container which is being made; null when its caller has none. */
    static @Nullable NotifySocket of(Request request, Path container) {
        String socket = request.call().variable(VARIABLE);
        if (socket.isEmpty()) {
            return null;
        }
        String here =
                socket.startsWith("@") ? socket : request.files().here(socket).toString();
        return new NotifySocket(here, container.resolve(DIRECTORY));
    }

    /** That of a container which was made with one; null also when the caller has none now. */
    static @Nullable NotifySocket ofMade(Request request, Path container) {
        NotifySocket socket = of(request, container);
        return socket != null && Files.isDirectory(socket.directory) ? socket : null;
    }

    /** The container with its socket's directory; makes that. */
    Spec in(Spec spec) throws IOException {
        Files.createDirectory(directory);
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
        Spec.Builder b = spec.toBuilder();
        List<Mount> mounts = new ArrayList<>(spec.mounts());
        mounts.add(Mount.of(INSIDE, directory.toString(), "bind", List.of("bind", "nosuid", "noexec", "nodev", "ro")));
        b.mounts = mounts;
        ProcessSpec process = spec.process();
        if (process != null) {
            ProcessSpec.Builder p = process.toBuilder();
            List<String> env = new ArrayList<>(process.env());
            env.removeIf(e -> e.startsWith(VARIABLE + "="));
            env.add(VARIABLE + "=" + INSIDE + "/" + NAME);
            p.env = env;
            b.process = p.build();
        }
        return b.build();
    }

    /** Listens; before the container's program runs. */
    Fd open() throws Failure {
        Path socket = directory.resolve(NAME);
        try {
            Files.deleteIfExists(socket);
            Fd fd = UnixDatagrams.bind(socket.toString(), LOOK_AT_PROCESS);
            Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-rw-rw-"));
            return fd;
        } catch (IOException e) {
            throw new Failure("listen on " + socket + ": " + Errno.describe(e), e);
        }
    }

    /** Waits until the container says that it is ready, or ends, and passes it on. Closes the socket. */
    void relay(Fd socket, ContainerRecord.ProcessId init) throws Failure, ContainerFault {
        try (socket) {
            while (Containers.runs(init)) {
                String message = new String(UnixDatagrams.receive(socket, MOST_BYTES), StandardCharsets.UTF_8);
                if (message.lines().anyMatch(READY::equals)) {
                    tell(READY);
                    tell("MAINPID=" + init.pid());
                    return;
                }
            }
        } catch (IOException e) {
            throw new Failure("tell " + managers + " that the container is ready: " + Errno.describe(e), e);
        }
    }

    private void tell(String line) throws IOException {
        UnixDatagrams.send(managers, (line + "\n").getBytes(StandardCharsets.UTF_8));
    }
}
