package dev.caisson.kvm.vmm;

import dev.caisson.kvm.virtio.BlockDevice;
import dev.caisson.kvm.vm.VirtualMachine;
import dev.caisson.linux.Errno;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/**
 * Where a machine is told what to do. A connection is one request, a line, and its answer: {@code ok} or {@code error} and a text, up to the end of
 * the stream. Only the machine's owner can reach the socket.
 *
 * <ul>
 *   <li>{@code insert PATH}: puts a file into a free drive, and says which
 *   <li>{@code eject DRIVE}
 *   <li>{@code network}: what there is in its network namespace; see {@link PodNetwork}
 *   <li>{@code console}: the last lines that the guest wrote
 * </ul>
 */
final class MachineControl implements AutoCloseable {
    private static final int LINE_LIMIT = 8192;
    private static final int CONSOLE_LINES = 30;

    private final ServerSocketChannel listener;
    private final List<BlockDevice> drives;
    private final VirtualMachine machine;
    private final String network;

    private MachineControl(
            ServerSocketChannel listener, List<BlockDevice> drives, VirtualMachine machine, String network) {
        this.network = network;
        this.listener = listener;
        this.drives = drives;
        this.machine = machine;
    }

    /** Begins to listen; {@link #serve} answers. */
    static MachineControl listen(Path socket, List<BlockDevice> drives, VirtualMachine machine, String network)
            throws IOException {
        ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            listener.bind(UnixDomainSocketAddress.of(socket));
            return new MachineControl(listener, drives, machine, network);
        } catch (IOException e) {
            listener.close();
            throw e;
        }
    }

    /** Answers until it is closed. */
    void serve() {
        while (listener.isOpen()) {
            try (SocketChannel peer = listener.accept()) {
                ByteBuffer answer = ByteBuffer.wrap(answer(line(peer)).getBytes(StandardCharsets.UTF_8));
                while (answer.hasRemaining()) {
                    peer.write(answer);
                }
            } catch (IOException e) {
                // A peer that leaves early has no answer; a closed listener ends the loop.
            }
        }
    }

    private static String line(SocketChannel peer) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(LINE_LIMIT);
        while (bytes.hasRemaining() && peer.read(bytes) >= 0) {
            int length = bytes.position();
            if (length > 0 && bytes.get(length - 1) == '\n') {
                return new String(bytes.array(), 0, length - 1, StandardCharsets.UTF_8);
            }
        }
        throw new IOException("a request without an end");
    }

    private String answer(String line) {
        String[] words = line.split(" ", 2);
        try {
            return switch (words[0]) {
                case "insert" -> insert(Path.of(words[1]));
                case "eject" -> {
                    drives.get(Integer.parseInt(words[1])).eject();
                    yield "ok";
                }
                case "network" -> "ok " + network;
                case "console" -> "ok " + machine.console().lastLines(CONSOLE_LINES);
                default -> "error there is no request " + words[0];
            };
        } catch (IOException e) {
            return "error " + line + ": " + Errno.describe(e);
        } catch (IndexOutOfBoundsException | NumberFormatException e) {
            return "error " + line + ": " + e.getMessage();
        }
    }

    private String insert(Path file) throws IOException {
        for (int i = 0; i < drives.size(); i++) {
            if (drives.get(i).isEmpty()) {
                drives.get(i).insert(file);
                return "ok " + i;
            }
        }
        return "error all " + drives.size() + " drives are taken";
    }

    @Override
    public void close() throws IOException {
        listener.close();
    }
}
