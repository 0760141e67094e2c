package dev.caisson.tests.backends;

import dev.caisson.kvm.virtio.BlockDevice;
import dev.caisson.kvm.virtio.fs.FsDevice;
import dev.caisson.kvm.vm.VirtualMachine;
import dev.caisson.kvm.vm.VmConfig;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What guests read of the host's files, by the machine here and by QEMU's microvm with its own block device and with virtiofsd, in turns: {@code
 * tests/lab/bench-data [ROUNDS]}. The same kernel, the same files, which the host has in memory, and the guest's own clock.
 */
final class KvmDataBench {
    private static final Duration PATIENCE = Duration.ofMinutes(5);
    private static final String CAISSON = "caisson";
    private static final String QEMU = "qemu";
    private static final String TAG = "files";
    private static final String LAST = "all read";
    private static final int MIB = 48;
    private static final int SMALL_FILES = 200;
    private static final int SMALL_BYTES = 1000;
    private static final int PASSES = 3;

    /** Not dd's own: it may have been built without. */
    private static final String TIME = "$($b cut -d ' ' -f 1 /proc/uptime)";

    private static final int DIRECT = 1500;
    private static final String SCRIPT = "exec >/dev/ttyS0; b=/bin/busybox; $b mkdir /run/f; $b mount -t virtiofs "
            + TAG
            + " /run/f; for i in $($b seq " + PASSES + "); do "
            + timed(Row.DISK, "$b dd if=/dev/vda of=/dev/null bs=64k 2>/dev/null")
            + timed(Row.DIRECT, "$b dd if=/dev/vda of=/dev/null bs=4k count=" + DIRECT + " iflag=direct 2>/dev/null")
            + timed(Row.FILE, "$b dd if=/run/f/d/big of=/dev/null bs=64k 2>/dev/null")
            + timed(Row.SMALL, "$b cat /run/f/d/small/* >/dev/null")
            + " done; echo " + LAST + "; $b sleep 1000";
    private static final Pattern LINE = Pattern.compile("row ([A-Z]+) from ([0-9.]+) to ([0-9.]+)");

    private enum Row {
        DISK("disk, 64 KiB at a time, MiB/s", MIB),
        DIRECT("disk, 4 KiB at a time past the cache, MiB/s", KvmDataBench.DIRECT / 256.0),
        FILE("virtio-fs, 64 KiB at a time, MiB/s", MIB),
        SMALL("virtio-fs, small files, files/s", SMALL_FILES);

        private final String title;
        private final double amount;

        Row(String title, double amount) {
            this.title = title;
            this.amount = amount;
        }
    }

    private static String timed(Row row, String command) {
        return " echo 3 >/proc/sys/vm/drop_caches; u=" + TIME + "; " + command + "; echo row " + row + " from $u to "
                + TIME + ";";
    }

    private final Path directory;
    private final Path disk;
    /** By row, and in it by subject. */
    private final Map<Row, Map<String, List<Double>>> samples = new EnumMap<>(Row.class);

    private KvmDataBench(Path directory) throws IOException {
        this.directory = directory;
        Path files = Files.createDirectories(directory.resolve("share/d"));
        byte[] bytes = new byte[MIB << 20];
        new SplittableRandom(1).nextBytes(bytes);
        this.disk = Files.write(directory.resolve("disk"), bytes);
        Files.write(files.resolve("big"), bytes);
        Path small = Files.createDirectory(files.resolve("small"));
        for (int i = 0; i < SMALL_FILES; i++) {
            Files.write(small.resolve("file" + i), new byte[SMALL_BYTES]);
        }
    }

    public static void main(String[] args) throws Exception {
        int rounds = args.length == 0 ? 3 : Integer.parseInt(args[0]);
        KvmDataBench bench = new KvmDataBench(Files.createTempDirectory("data"));
        for (int round = -1; round < rounds; round++) {
            bench.add(CAISSON, round, bench.caisson());
            bench.add(QEMU, round, bench.qemu());
        }
        bench.print();
    }

    private void add(String subject, int round, String said) {
        int found = 0;
        for (Matcher line = LINE.matcher(said); line.find(); found++) {
            Row row = Row.valueOf(line.group(1));
            double speed = row.amount / (Double.parseDouble(line.group(3)) - Double.parseDouble(line.group(2)));
            System.out.printf(Locale.ROOT, "%s: %s: %.1f%n", subject, row.title, speed);
            if (round >= 0) {
                samples.computeIfAbsent(row, key -> new LinkedHashMap<>())
                        .computeIfAbsent(subject, key -> new ArrayList<>())
                        .add(speed);
            }
        }
        if (found != Row.values().length * PASSES) {
            throw new IllegalStateException(subject + ": " + said);
        }
    }

    private void print() {
        samples.forEach((row, subjects) -> {
            subjects.values().forEach(speeds -> speeds.sort(null));
            double qemu = median(Objects.requireNonNull(subjects.get(QEMU)));
            double caisson = median(Objects.requireNonNull(subjects.get(CAISSON)));
            System.out.printf(
                    Locale.ROOT,
                    "%-46s caisson %8.1f, qemu %8.1f, ratio %.2f (bar 0.8), %d times each%n",
                    row.title,
                    caisson,
                    qemu,
                    caisson / qemu,
                    Objects.requireNonNull(subjects.get(QEMU)).size());
        });
    }

    private static double median(List<Double> sorted) {
        return sorted.get(sorted.size() / 2);
    }

    private String caisson() throws Exception {
        Fd share = HostFiles.open(directory.resolve("share/d").toString(), HostFiles.O_PATH, 0);
        try (BlockDevice block = BlockDevice.open(disk, true, "data");
                FsDevice files = new FsDevice(TAG)) {
            files.share("d", share, true);
            try (VirtualMachine vm =
                    VirtualMachine.create(KvmGuests.config(1, KvmGuests.shell(SCRIPT), List.of(block, files)))) {
                vm.start();
                if (!vm.console().await(LAST, PATIENCE.toNanos())) {
                    throw new IllegalStateException(vm.console().lastLines(20));
                }
                String said = vm.console().text();
                vm.stop();
                return said;
            }
        }
    }

    private String qemu() throws IOException, InterruptedException {
        Path socket = directory.resolve("virtiofsd");
        Files.deleteIfExists(socket);
        Process server = new ProcessBuilder(
                        "/usr/lib/qemu/virtiofsd",
                        "-f",
                        "--socket-path=" + socket,
                        "-o",
                        "source=" + directory.resolve("share"),
                        "-o",
                        "log_level=warn")
                .redirectErrorStream(true)
                .redirectOutput(directory.resolve("virtiofsd.log").toFile())
                .start();
        try {
            long end = System.nanoTime() + PATIENCE.toNanos();
            while (!Files.exists(socket)) {
                if (!server.isAlive() || System.nanoTime() > end) {
                    throw new IOException("virtiofsd: " + Files.readString(directory.resolve("virtiofsd.log")));
                }
                Thread.onSpinWait();
            }
            return qemu(socket);
        } finally {
            server.destroyForcibly().waitFor();
        }
    }

    private String qemu(Path socket) throws IOException, InterruptedException {
        VmConfig config = KvmGuests.config(1, KvmGuests.shell(SCRIPT), List.of());
        List<String> command = QemuGuests.command("microvm,x-option-roms=off,rtc=off,memory-backend=memory", config);
        // As virtio 1.2 has it, which virtio-fs needs.
        command.addAll(List.of("-global", "virtio-mmio.force-legacy=false"));
        long mib = config.memory() >> 20;
        command.addAll(List.of("-object", "memory-backend-memfd,id=memory,share=on,size=" + mib + "M"));
        command.addAll(List.of("-drive", "if=none,id=disk,format=raw,readonly=on,file=" + disk));
        command.addAll(List.of("-device", "virtio-blk-device,drive=disk"));
        command.addAll(List.of("-chardev", "socket,id=files,path=" + socket));
        command.addAll(List.of("-device", "vhost-user-fs-device,chardev=files,tag=" + TAG));
        Process qemu = new ProcessBuilder(command).redirectErrorStream(true).start();
        StringBuilder said = new StringBuilder();
        byte[] some = new byte[4096];
        try {
            while (said.indexOf(LAST) < 0) {
                int n = qemu.getInputStream().read(some);
                if (n < 0) {
                    throw new IOException("qemu: " + said);
                }
                said.append(new String(some, 0, n, StandardCharsets.ISO_8859_1));
            }
            return said.toString();
        } finally {
            qemu.destroyForcibly().waitFor();
        }
    }
}
