package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.kvm.virtio.BalloonDevice;
import dev.caisson.kvm.vm.VirtualMachine;
import dev.caisson.kvm.vm.VmEnd;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a real guest's memory costs. In the lab. */
@Timeout(300)
class KvmMemoryTest {
    private static final long MIB = 1 << 20;

    @BeforeAll
    static void thereIsKvm() {
        assumeTrue(System.getenv("CAISSON_LAB") != null, "SKIPPED: guests run in the lab");
    }

    @Test
    void whatTheGuestFreesIsTheHostsAgain() throws Exception {
        // It waits for the line feeds of the host before it goes on and so can be looked at.
        String script = "b=/bin/busybox; c=/dev/ttyS0; echo booted >$c; read x <$c;"
                + " $b dd if=/dev/urandom of=/run/x bs=64k count=1024 2>/dev/null; echo filled >$c; read x <$c;"
                + " $b rm /run/x; echo 3 >/proc/sys/vm/drop_caches; echo freed >$c; read x <$c; echo bye >$c";
        try (BalloonDevice balloon = new BalloonDevice();
                VirtualMachine vm =
                        VirtualMachine.create(KvmGuests.config(1, KvmGuests.shell(script), List.of(balloon)))) {
            vm.start();
            reached(vm, "booted");
            long booted = vm.memoryUsed();
            vm.type("\n");
            reached(vm, "filled");
            long filled = vm.memoryUsed();
            assertThat(filled - booted)
                    .as("64 MiB, of which boot had touched some")
                    .isGreaterThan(40 * MIB);
            vm.type("\n");
            reached(vm, "freed");
            // Reports come with a delay of two seconds (mm/page_reporting.c).
            long end = System.nanoTime() + Duration.ofMinutes(2).toNanos();
            while (filled - vm.memoryUsed() < 48 * MIB && System.nanoTime() < end) {
                Thread.sleep(200);
            }
            System.out.println("MiB booted " + booted / MIB + ", filled " + filled / MIB + ", freed "
                    + vm.memoryUsed() / MIB + ", returned " + balloon.returned() / MIB);
            assertThat(filled - vm.memoryUsed()).as("given back").isGreaterThanOrEqualTo(48 * MIB);
            vm.type("\n");
            reached(vm, "bye");
            assertThat(vm.await(Duration.ofMinutes(2))).isEqualTo(new VmEnd(VmEnd.Cause.POWER_OFF, ""));
        }
    }

    private static void reached(VirtualMachine vm, String word) throws Exception {
        assertThat(vm.console().await(word, Duration.ofMinutes(2).toNanos()))
                .as(() -> vm.console().lastLines(30))
                .isTrue();
    }
}
