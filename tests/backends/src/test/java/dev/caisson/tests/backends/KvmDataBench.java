package dev.caisson.tests.backends;

import dev.caisson.kvm.guest.CacheMode;
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
 * What guests read of the host's files, by the machine here and by QEMU's microvm with its own block device and with virtiofsd, in turns, each
 * beside the other's way to keep the same of them: {@code tests/lab/bench-data [ROUNDS]}. The same kernel, the same files, which the host has in memory, and the guest's own clock.
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
    private static final int PASSES = 2;

    private static final int DIRECT = 1500;
    /** The guest's own clock: dd may have been built without one. Of $1 it says when it began and ended. */
    private static final String FUNCTIONS =
            "exec >/dev/ttyS0; b=/bin/busybox; n() { $b cut -d ' ' -f 1 /proc/uptime; }; "
                    + "t() { r=$1; shift; echo 3 >/proc/sys/vm/drop_caches; u=$(n); $b $* >/dev/null 2>&1; echo row $r from $u to $(n); }; "
                    + "$b mkdir /run/f /run/g; ";

    private static final Pattern LINE = Pattern.compile("row ([A-Z]+) from ([0-9.]+) to ([0-9.]+)");

    private enum Row {
        DISK("disk, 64 KiB at a time, MiB/s", MIB),
        DIRECT("disk, 4 KiB at a time past the cache, MiB/s", KvmDataBench.DIRECT / 256.0),
        FILE("virtio-fs, nothing kept, 64 KiB at a time, MiB/s", MIB),
        SMALL("virtio-fs, nothing kept, small files, files/s", SMALL_FILES),
        FILEAUTO("virtio-fs, cache=auto, 64 KiB at a time, MiB/s", MIB),
        SMALLAUTO("virtio-fs, cache=auto, small files, files/s", SMALL_FILES);

        private final String title;
        private final double amount;

        Row(String title, double amount) {
            this.title = title;
            this.amount = amount;
        }
    }

    /**
     * What the guest does.
     *
     * @param mount makes the file systems be there
     * @param never the directory of which nothing is kept
     * @param auto the one of which some is
     */
    private static String script(String mount, String never, String auto) {
        return FUNCTIONS + mount + "; for i in $($b seq " + PASSES + "); do t " + Row.DISK
                + " dd if=/dev/vda of=/dev/null bs=64k; t " + Row.DIRECT
                + " dd if=/dev/vda of=/dev/null bs=4k count=" + DIRECT + " iflag=direct; "
                + files(Row.FILE, Row.SMALL, never) + files(Row.FILEAUTO, Row.SMALLAUTO, auto)
                + "done; echo " + LAST + "; $b sleep 1000";
    }

    private static String files(Row big, Row small, String directory) {
        return "t " + big + " dd if=" + directory + "/big of=/dev/null bs=64k; t " + small + " cat " + directory
                + "/small/*; ";
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
        String script = script("$b mount -t virtiofs " + TAG + " /run/f", "/run/f/never", "/run/f/auto");
        try (BlockDevice block = BlockDevice.open(disk, true, "data");
                FsDevice files = new FsDevice(TAG)) {
            for (CacheMode each : CacheMode.values()) {
                Fd share = HostFiles.open(directory.resolve("share/d").toString(), HostFiles.O_PATH, 0);
                files.share(each.word(), share, true, each);
            }
            try (VirtualMachine vm =
                    VirtualMachine.create(KvmGuests.config(1, KvmGuests.shell(script), List.of(block, files)))) {
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

    /** One for each way to keep something: a socket, and its process. */
    private Process virtiofsd(Path socket, String cache) throws IOException {
        Files.deleteIfExists(socket);
        Path log = directory.resolve("virtiofsd-" + cache + ".log");
        Process server = new ProcessBuilder(
                        "/usr/lib/qemu/virtiofsd",
                        "-f",
                        "--socket-path=" + socket,
                        "-o",
                        "source=" + directory.resolve("share"),
                        "-o",
                        "cache=" + cache,
                        "-o",
                        "log_level=warn")
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!Files.exists(socket)) {
            if (!server.isAlive() || System.nanoTime() > end) {
                server.destroyForcibly();
                throw new IOException("virtiofsd: " + Files.readString(log));
            }
            Thread.onSpinWait();
        }
        return server;
    }

    private String qemu() throws IOException, InterruptedException {
        Path never = directory.resolve("virtiofsd-none");
        Path auto = directory.resolve("virtiofsd-auto");
        List<Process> servers = new ArrayList<>();
        try {
            servers.add(virtiofsd(never, "none"));
            servers.add(virtiofsd(auto, "auto"));
            return qemu(List.of(never, auto));
        } finally {
            for (Process each : servers) {
                each.destroyForcibly().waitFor();
            }
        }
    }

    private String qemu(List<Path> sockets) throws IOException, InterruptedException {
        String script = script(
                "$b mount -t virtiofs " + TAG + "0 /run/f; $b mount -t virtiofs " + TAG + "1 /run/g",
                "/run/f/d",
                "/run/g/d");
        VmConfig config = KvmGuests.config(1, KvmGuests.shell(script), List.of());
        List<String> command = QemuGuests.command("microvm,x-option-roms=off,rtc=off,memory-backend=memory", config);
        // As virtio 1.2 has it, which virtio-fs needs.
        command.addAll(List.of("-global", "virtio-mmio.force-legacy=false"));
        long mib = config.memory() >> 20;
        command.addAll(List.of("-object", "memory-backend-memfd,id=memory,share=on,size=" + mib + "M"));
        command.addAll(List.of("-drive", "if=none,id=disk,format=raw,readonly=on,file=" + disk));
        command.addAll(List.of("-device", "virtio-blk-device,drive=disk"));
        for (int i = 0; i < sockets.size(); i++) {
            command.addAll(List.of("-chardev", "socket,id=files" + i + ",path=" + sockets.get(i)));
            command.addAll(List.of("-device", "vhost-user-fs-device,chardev=files" + i + ",tag=" + TAG + i));
        }
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
