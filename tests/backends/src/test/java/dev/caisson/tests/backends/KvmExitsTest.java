package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.kvm.virtio.BlockDevice;
import dev.caisson.kvm.virtio.RngDevice;
import dev.caisson.kvm.vm.ExitCounts;
import dev.caisson.kvm.vm.VirtualMachine;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** How often a real guest stops for its monitor. In the lab. */
@Timeout(300)
class KvmExitsTest {
    @TempDir
    Path directory;

    @BeforeAll
    static void thereIsKvm() {
        assumeTrue(System.getenv("CAISSON_LAB") != null, "SKIPPED: guests run in the lab");
    }

    private static void reached(VirtualMachine vm, String word) throws Exception {
        assertThat(vm.console().await(word, Duration.ofMinutes(2).toNanos()))
                .as(() -> vm.console().lastLines(30))
                .isTrue();
        // The line's last bytes, and what the tty does after them.
        Thread.sleep(1000);
    }

    @Test
    void requestsToADiskAndIdlenessCostNone() throws Exception {
        Path disk = Files.write(directory.resolve("disk"), new byte[1 << 20]);
        String script = "b=/bin/busybox; c=/dev/ttyS0; echo booted >$c; read x <$c;"
                + " $b dd if=/dev/vda of=/dev/null bs=4k iflag=direct 2>/dev/null;"
                + " $b dd if=/dev/zero of=/dev/vda bs=4k count=256 oflag=direct 2>/dev/null; echo moved >$c; read x <$c";
        try (BlockDevice block = BlockDevice.open(disk, false, "scratch");
                VirtualMachine vm = VirtualMachine.create(
                        KvmGuests.config(1, KvmGuests.shell(script), List.of(new RngDevice(), block)))) {
            vm.start();
            reached(vm, "booted");
            ExitCounts booted = vm.exits();
            Thread.sleep(3000);
            ExitCounts idle = vm.exits();
            vm.type("\n");
            reached(vm, "moved");
            ExitCounts moved = vm.exits();
            System.out.println("exits booted " + booted + ", idle " + idle + ", after 512 requests " + moved);
            assertThat(idle).as("while it is idle").isEqualTo(booted);
            assertThat(moved.memory()).as("for 512 requests").isEqualTo(idle.memory());
        }
    }
}
