package dev.caisson.tests.backends;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** A seccomp agent that lets every notified call go on. In Python, which can receive descriptors. */
final class SeccompAgent implements AutoCloseable {
    private static final String PROGRAM = """
            import fcntl, os, socket, struct, sys, threading
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            server.bind(sys.argv[1])
            server.listen()
            print('listening', flush=True)
            def serve(fd):
                while True:
                    request = bytearray(80)  # struct seccomp_notif
                    try:
                        fcntl.ioctl(fd, 0xc0502100, request)
                        # struct seccomp_notif_resp: id, val, error, SECCOMP_USER_NOTIF_FLAG_CONTINUE
                        fcntl.ioctl(fd, 0xc0182101, struct.pack('=QqiI', struct.unpack('=Q', request[:8])[0], 0, 0, 1))
                    except OSError as e:
                        if e.errno == 2 and os.path.exists('/proc/%d' % struct.unpack('=I', request[8:12])[0]):
                            continue
                        return
            while True:
                peer, _ = server.accept()
                data, fds, _, _ = socket.recv_fds(peer, 65536, 4)
                more = peer.recv(65536)
                while more:
                    data += more
                    more = peer.recv(65536)
                print(data.decode(), flush=True)
                threading.Thread(target=serve, args=(fds[0],), daemon=True).start()
            """;

    private final Path path;
    private final Process process;
    private final BufferedReader output;

    private SeccompAgent(Path path, Process process) {
        this.path = path;
        this.process = process;
        this.output = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    }

    static SeccompAgent listen(Path directory) throws IOException {
        Path socket = directory.resolve("agent.sock");
        Process process = new ProcessBuilder("python3", "-c", PROGRAM, socket.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        SeccompAgent agent = new SeccompAgent(socket, process);
        if (!"listening".equals(agent.message())) {
            throw new IOException("the agent does not listen");
        }
        return agent;
    }

    Path path() {
        return path;
    }

    /** The next message that came, without its descriptor. */
    String message() throws IOException {
        return String.valueOf(output.readLine());
    }

    @Override
    public void close() throws IOException {
        process.destroyForcibly();
        output.close();
    }
}
