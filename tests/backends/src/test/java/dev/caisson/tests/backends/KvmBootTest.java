package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.HostCheck;
import dev.caisson.kvm.probe.KvmHostCheck;
import dev.caisson.kvm.virtio.BlockDevice;
import dev.caisson.kvm.virtio.ConsoleDevice;
import dev.caisson.kvm.virtio.RngDevice;
import dev.caisson.kvm.vm.BootProtocol;
import dev.caisson.kvm.vm.VirtualMachine;
import dev.caisson.kvm.vm.VmEnd;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A real guest: Debian's kernel, the monitor as its first process, virtio devices. In the lab, where /dev/kvm runs guests. */
@Timeout(300)
class KvmBootTest {
    @TempDir
    Path directory;

    @BeforeAll
    static void thereIsKvm() {
        Assumptions.assumeTrue(System.getenv("CAISSON_LAB") != null, "SKIPPED: guests run in the lab");
        HostCheck.Finding found = new KvmHostCheck().examine();
        // In the lab there is nothing that could be missing.
        assertThat(found).isEqualTo(new HostCheck.Finding(true, "/dev/kvm runs guests"));
    }

    /** As large as a disk has to be, and different in every sector. */
    private Path disk() throws Exception {
        byte[] content = new byte[1 << 20];
        new SplittableRandom(6).nextBytes(content);
        return Files.write(directory.resolve("disk"), content);
    }

    private static String sha256(byte[] bytes) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }

    @Test
    void debiansKernelRunsTheMonitorAndItsDevicesWork() throws Exception {
        Path disk = disk();
        String before = sha256(Files.readAllBytes(disk));
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        String script = "cd /; PATH=/bin; b=/bin/busybox; exec >/dev/hvc0;"
                + " echo cpus $($b nproc);"
                + " echo one $($b cat /proc/1/comm);"
                + " echo serial $($b cat /sys/block/vda/serial);"
                + " echo disk $($b dd if=/dev/vda bs=64k iflag=direct 2>/dev/null | $b sha256sum);"
                + " $b head -c 4096 /dev/zero | $b tr '\\0' x | $b dd of=/dev/vda bs=4k seek=3 oflag=direct 2>/dev/null;"
                + " echo random $($b dd if=/dev/hwrng bs=64 count=1 2>/dev/null | $b wc -c);"
                + " echo cgroup $($b cat /sys/fs/cgroup/cgroup.controllers);"
                + " echo bye";
        try (BlockDevice block = BlockDevice.open(disk, false, "scratch")) {
            try (VirtualMachine vm = VirtualMachine.create(KvmGuests.config(
                    2,
                    KvmGuests.shell(script),
                    List.of(
                            new RngDevice(),
                            block,
                            new ConsoleDevice((bytes, length) -> said.write(bytes, 0, length)))))) {
                vm.start();
                VmEnd end = vm.await(Duration.ofMinutes(2));
                String text = said.toString(StandardCharsets.UTF_8).replace("\r", "");
                assertThat(end)
                        .as("console:\n%s\nserial:\n%s", text, vm.console().lastLines(30))
                        .isEqualTo(new VmEnd(VmEnd.Cause.POWER_OFF, ""));
                assertThat(text.lines())
                        .contains("cpus 2", "one init", "serial scratch", "disk " + before + " -", "random 64", "bye")
                        .anyMatch(
                                line -> line.startsWith("cgroup ") && line.contains("memory") && line.contains("pids"));
            }
        }
        byte[] after = Files.readAllBytes(disk);
        assertThat(Arrays.copyOfRange(after, 3 * 4096, 4 * 4096)).containsOnly('x');
        Arrays.fill(after, 3 * 4096, 4 * 4096, (byte) 0);
        byte[] expected = Files.readAllBytes(disk());
        Arrays.fill(expected, 3 * 4096, 4 * 4096, (byte) 0);
        assertThat(after).isEqualTo(expected);
    }

    @Test
    void aGuestOfTheOtherProtocolThatSpinsIsStopped() throws Exception {
        try (VirtualMachine vm = VirtualMachine.create(KvmGuests.config(
                BootProtocol.LINUX, 1, KvmGuests.shell("echo spinning >/dev/ttyS0; while :; do :; done"), List.of()))) {
            vm.start();
            assertThat(vm.console().await("spinning", Duration.ofMinutes(2).toNanos()))
                    .as(() -> vm.console().lastLines(30))
                    .isTrue();
            vm.stop();
            assertThat(vm.await(Duration.ZERO)).isEqualTo(new VmEnd(VmEnd.Cause.STOPPED, ""));
        }
        assertThat(Thread.getAllStackTraces().keySet().stream().map(Thread::getName))
                .noneMatch(name -> name.startsWith("vcpu-") || name.equals("vm-devices"));
        assertThat(Files.readString(Path.of("/proc/self/maps"))).doesNotContain("caisson-guest", "kvm-vcpu");
    }
}
