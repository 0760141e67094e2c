package dev.caisson.tests.backends;

import dev.caisson.kvm.virtio.BlockDevice;
import dev.caisson.kvm.virtio.vsock.VsockDevice;
import dev.caisson.kvm.vm.VirtualMachine;
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
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How fast a process of a guest's gets bytes through a vsock to a reader at a unix socket of the host's, and how fast a process here gets them to the same reader, in
 * turns: {@code tests/lab/bench-stream [ROUNDS]}. Nothing of containers: {@code bench-kvm --rows kvm-stdio} measures what is around it.
 */
final class KvmStreamBench {
    private static final Duration PATIENCE = Duration.ofMinutes(3);
    private static final int PORT = 1024;
    private static final int MIB = 32;
    private static final int BLOCK = 64 << 10;
    private static final String SOCKET = "unix socket";
    private static final String LAST = "all written";
    private static final List<String> WAYS = List.of("write", "relay");
    private static final Pattern LINE = Pattern.compile("row ([a-z]+) took ([0-9]+) us");

    private final Path directory;
    private final Path disk;
    private final Map<String, List<Double>> samples = new LinkedHashMap<>();

    private KvmStreamBench(Path directory) throws Exception {
        this.directory = directory;
        this.disk = GuestProgram.disk(directory, "stream.c");
    }

    public static void main(String[] args) throws Exception {
        int rounds = args.length == 0 ? 5 : Integer.parseInt(args[0]);
        KvmStreamBench bench = new KvmStreamBench(Files.createTempDirectory("stream"));
        bench.measure(rounds);
        bench.print();
    }

    private void measure(int rounds) throws Exception {
        // The first one of each is thrown away.
        for (int round = 0; round <= rounds; round++) {
            add(SOCKET, round, socket());
        }
        StringBuilder script = new StringBuilder(
                "exec >/dev/ttyS0; b=/bin/busybox; $b dd if=/dev/vda of=/run/s bs=64k 2>/dev/null; $b chmod 755 /run/s;");
        script.append(" for i in $($b seq ").append(rounds + 1).append("); do");
        WAYS.forEach(way -> script.append(" /run/s ").append(way).append(';'));
        script.append(" done; echo ").append(LAST).append("; $b sleep 1000");
        Path path = directory.resolve("v");
        try (BlockDevice block = BlockDevice.open(disk, true, "program");
                VsockDevice vsock = VsockDevice.open(3, path);
                ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(path + "_" + PORT));
            try (VirtualMachine vm = VirtualMachine.create(
                    KvmGuests.config(1, KvmGuests.shell(script.toString()), List.of(block, vsock)))) {
                vm.start();
                Thread reader = Thread.ofPlatform().start(() -> {
                    for (int each = 0; each < (rounds + 1) * WAYS.size(); each++) {
                        long got = read(server);
                        if (got != MIB << 20) {
                            System.err.println(got + " bytes have come");
                        }
                    }
                });
                if (!vm.console().await(LAST, PATIENCE.toNanos())) {
                    throw new IllegalStateException(vm.console().lastLines(20));
                }
                reader.join();
                Map<String, Integer> seen = new LinkedHashMap<>();
                for (Matcher line = LINE.matcher(vm.console().text()); line.find(); ) {
                    add(
                            "vsock, " + line.group(1),
                            seen.merge(line.group(1), 1, Integer::sum) - 1,
                            Double.parseDouble(line.group(2)) / 1000);
                }
                vm.stop();
            }
        }
    }

    private void add(String subject, int round, double millis) {
        System.out.printf(Locale.ROOT, "%s: %.0f ms%n", subject, millis);
        if (round > 0) {
            samples.computeIfAbsent(subject, key -> new ArrayList<>()).add(millis);
        }
    }

    private void print() {
        double socket = median(Objects.requireNonNull(samples.get(SOCKET)));
        samples.forEach((subject, times) -> System.out.printf(
                Locale.ROOT,
                "%-14s %d MiB: %7.0f ms, unix socket's throughput x %.2f (bar 0.5), %d times%n",
                subject,
                MIB,
                median(times),
                socket / median(times),
                times.size()));
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().toList().get(values.size() / 2);
    }

    /** Takes a connection and reads it to its end. */
    private static long read(ServerSocketChannel server) {
        long all = 0;
        try (SocketChannel from = server.accept()) {
            ByteBuffer block = ByteBuffer.allocateDirect(BLOCK);
            for (int n = from.read(block); n >= 0; n = from.read(block)) {
                all += n;
                block.clear();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return all;
    }

    private double socket() throws Exception {
        Path path = directory.resolve("u");
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(path));
            Thread reader = Thread.ofPlatform().start(() -> read(server));
            try (SocketChannel to = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
                ByteBuffer block = ByteBuffer.allocateDirect(BLOCK);
                long begin = System.nanoTime();
                for (int i = 0; i < (MIB << 20) / BLOCK; i++) {
                    block.clear();
                    while (block.hasRemaining()) {
                        to.write(block);
                    }
                }
                to.shutdownOutput();
                to.read(ByteBuffer.allocate(1));
                return (System.nanoTime() - begin) / 1e6;
            } finally {
                reader.join();
            }
        } finally {
            Files.deleteIfExists(path);
        }
    }
}
