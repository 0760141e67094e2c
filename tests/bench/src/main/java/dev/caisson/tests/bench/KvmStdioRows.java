package dev.caisson.tests.bench;

import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.PrivateContainerd;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How fast what a container writes to its standard output is out of {@code ctr}: behind the KVM wall, where it crosses a vsock, behind the namespace wall, and, for
 * the most that streams can do here, a unix socket between two threads. The writer's own clock, which stands still for nobody: what is not read holds it up.
 */
final class KvmStdioRows {
    static final String NAME = "kvm-stdio";

    private static final Duration PATIENCE = Duration.ofMinutes(5);
    private static final int MIB = 32;
    private static final int BLOCK = 64 << 10;
    private static final Pattern SECONDS = Pattern.compile("from ([0-9.]+) to ([0-9.]+)");
    /** Debian's busybox has a dd that does not say how long it took. */
    private static final String TIME = "$(cut -d ' ' -f 1 /proc/uptime)";

    private static final String WRITE = "u=" + TIME + "; dd if=/dev/zero bs=" + BLOCK + " count=" + (MIB << 20) / BLOCK
            + " 2>/dev/null; echo from $u to " + TIME + " >&2";
    private static final String ROW =
            NAME + " " + MIB + " MiB to standard output, ms (bar: kvm at most twice the socket's)";

    private final PrivateContainerd containerd;
    private final Samples samples;

    KvmStdioRows(PrivateContainerd containerd, Samples samples) {
        this.containerd = containerd;
        this.samples = samples;
    }

    void measure(int rounds) {
        for (int round = -1; round < rounds; round++) {
            for (String wall : List.of("kvm", "namespace")) {
                add(round, wall.equals("kvm") ? "caisson" : wall, container(wall));
            }
            add(round, "unix socket", socket());
        }
    }

    private void add(int round, String subject, double millis) {
        System.out.println(ROW + " " + subject + ": " + Math.round(millis));
        if (round >= 0) {
            samples.add(ROW, subject + "/kvm", millis);
        }
    }

    private double container(String wall) {
        Command.Result said = containerd
                .ctr()
                .runContainer(
                        Ctr.newId("stdio"),
                        List.of("--rm", "--annotation", "dev.caisson.backend=" + wall),
                        "sh",
                        "-c",
                        WRITE)
                .timeout(PATIENCE)
                .behind("sh", "-c", "exec \"$@\" >/dev/null", "sh")
                .run()
                .ok();
        Matcher seconds = SECONDS.matcher(said.err());
        if (!seconds.find()) {
            throw new AssertionError("no times in " + said);
        }
        return (Double.parseDouble(seconds.group(2)) - Double.parseDouble(seconds.group(1))) * 1000;
    }

    private static double socket() {
        try {
            Path directory = Files.createTempDirectory("stdio");
            Path path = directory.resolve("s");
            try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
                server.bind(UnixDomainSocketAddress.of(path));
                return socket(server, path);
            } finally {
                Files.deleteIfExists(path);
                Files.delete(directory);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static double socket(ServerSocketChannel server, Path path) throws IOException {
        Thread reader = Thread.ofPlatform().start(() -> {
            try (SocketChannel from = server.accept()) {
                ByteBuffer block = ByteBuffer.allocateDirect(BLOCK);
                while (from.read(block) >= 0) {
                    block.clear();
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
        long begin;
        long end;
        try (SocketChannel to = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
            ByteBuffer block = ByteBuffer.allocateDirect(BLOCK);
            begin = System.nanoTime();
            for (int i = 0; i < (MIB << 20) / BLOCK; i++) {
                block.clear();
                while (block.hasRemaining()) {
                    to.write(block);
                }
            }
            end = System.nanoTime();
        }
        try {
            reader.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return (end - begin) / 1e6;
    }
}
