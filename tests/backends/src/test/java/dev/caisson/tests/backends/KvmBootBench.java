package dev.caisson.tests.backends;

import dev.caisson.kvm.vm.BootProtocol;
import dev.caisson.kvm.vm.VirtualMachine;
import dev.caisson.kvm.vm.VmConfig;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Boots of the same kernel and initramfs by the machine here and by QEMU, in turns, to the first word of the first process: {@code
 * tests/lab/bench-boot [ROUNDS]}. The machine's Java has booted once before; QEMU is a program that starts anew, whose own start is some 100 ms of it.
 */
final class KvmBootBench {
    private static final Duration PATIENCE = Duration.ofMinutes(2);
    private static final String WORD = "uptime ";
    private static final String LAST = "booted";
    private static final String PROGRAM = KvmGuests.shell(
            "echo " + WORD + "$(/bin/busybox cat /proc/uptime) " + LAST + " >/dev/ttyS0; /bin/busybox sleep 1000");

    private final Map<String, List<Double>> samples = new LinkedHashMap<>();

    private KvmBootBench() {}

    public static void main(String[] args) throws Exception {
        int rounds = args.length == 0 ? 5 : Integer.parseInt(args[0]);
        KvmBootBench bench = new KvmBootBench();
        for (int round = -1; round < rounds; round++) {
            bench.caisson("caisson", BootProtocol.PVH, round);
            bench.qemu("qemu microvm", "microvm,x-option-roms=off,rtc=off", round);
            bench.qemu("qemu q35", "q35", round);
        }
        bench.samples.forEach((row, times) -> {
            times.sort(null);
            System.out.printf(
                    Locale.ROOT,
                    "%-40s median %6.2f s, from %.2f to %.2f, %d times%n",
                    row,
                    times.get(times.size() / 2),
                    times.getFirst(),
                    times.getLast(),
                    times.size());
        });
    }

    private void add(String subject, int round, long begin, String line) {
        double wall = (System.nanoTime() - begin) / 1e9;
        double uptime = Double.parseDouble(
                line.substring(line.indexOf(WORD) + WORD.length()).split(" ", 2)[0]);
        System.out.printf(Locale.ROOT, "%s: %.2f s, of which %.2f in the kernel%n", subject, wall, uptime);
        if (round >= 0) {
            samples.computeIfAbsent(subject + ", to its first word", key -> new ArrayList<>())
                    .add(wall);
            samples.computeIfAbsent(subject + ", the kernel's part", key -> new ArrayList<>())
                    .add(uptime);
        }
    }

    private void caisson(String subject, BootProtocol protocol, int round) throws Exception {
        long begin = System.nanoTime();
        try (VirtualMachine vm = VirtualMachine.create(KvmGuests.config(protocol, 1, PROGRAM, List.of()))) {
            vm.start();
            if (!vm.console().await(LAST, PATIENCE.toNanos())) {
                throw new IllegalStateException(subject + ": " + vm.console().lastLines(20));
            }
            add(subject, round, begin, vm.console().lastLines(1));
            vm.stop();
        }
    }

    private void qemu(String subject, String machine, int round) throws IOException, InterruptedException {
        VmConfig config = KvmGuests.config(1, PROGRAM, List.of());
        long begin = System.nanoTime();
        Process qemu = new ProcessBuilder(QemuGuests.command(machine, config))
                .redirectErrorStream(true)
                .start();
        try (BufferedReader said = qemu.inputReader(StandardCharsets.ISO_8859_1)) {
            StringBuilder all = new StringBuilder();
            for (String line = said.readLine(); ; line = said.readLine()) {
                if (line == null) {
                    throw new IOException(subject + ": " + all);
                }
                if (line.contains(LAST)) {
                    add(subject, round, begin, line);
                    return;
                }
                all.append(line).append('\n');
            }
        } finally {
            qemu.destroyForcibly().waitFor();
        }
    }
}
