package dev.caisson.kvm.pod;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.kvm.vmm.MachineControl;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.UnixSockets;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Where a machine's process is told what to do; see {@link MachineControl}. */
record MachineSocket(Path path) {
    private static final int ANSWER_LIMIT = 256 << 10;
    private static final int ANSWER_SECONDS = 10;
    private static final int LINE_LIMIT = 4096;

    /** @throws ContainerFault UNAVAILABLE when nobody is there */
    String ask(String request) throws ContainerFault {
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
            ByteBuffer line = ByteBuffer.wrap((request + "\n").getBytes(StandardCharsets.UTF_8));
            while (line.hasRemaining()) {
                channel.write(line);
            }
            ByteBuffer answer = ByteBuffer.allocate(ANSWER_LIMIT);
            while (answer.hasRemaining() && channel.read(answer) >= 0) {
                // up to its end
            }
            return unwrap(new String(answer.array(), 0, answer.position(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new ContainerFault(Kind.UNAVAILABLE, "ask virtual machine at " + path + ": " + Errno.describe(e), e);
        }
    }

    /** The machine gets a copy of the descriptor. */
    String ask(String request, Fd with) throws ContainerFault, ErrnoException {
        return ask(request, with, ANSWER_SECONDS);
    }

    /** As {@link #ask(String, Fd)}, for what may take longer. */
    String ask(String request, Fd with, int seconds) throws ContainerFault, ErrnoException {
        StringBuilder answer = new StringBuilder();
        try (Fd connection = UnixSockets.connect(path.toString())) {
            UnixSockets.limitReceiving(connection, seconds);
            UnixSockets.send(connection, (request + "\n").getBytes(StandardCharsets.UTF_8), with);
            byte[] part;
            do {
                part = UnixSockets.receive(connection, LINE_LIMIT).bytes();
                answer.append(new String(part, StandardCharsets.UTF_8));
            } while (part.length > 0 && answer.length() < ANSWER_LIMIT);
        }
        return unwrap(answer.toString());
    }

    private static String unwrap(String answer) throws ContainerFault {
        if (!answer.startsWith("ok")) {
            throw new ContainerFault(Kind.FAILED, "virtual machine: " + answer);
        }
        return answer.substring(2).strip();
    }
}
