package dev.caisson.kvm.virtio.fs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.Seeds;
import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.virtio.TestDriver;
import dev.caisson.linux.HostFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A guest that wants out: requests that are almost right, in any order, several at a time. */
@Timeout(120)
class FsFuzzTest {
    private static final String[] NAMES = {
        "a",
        "b",
        "d",
        "link",
        "up",
        "..",
        ".",
        "",
        "../outside",
        "/etc/passwd",
        "a/b",
        "n\0x",
        "0",
        "data",
        "fixed",
        ".changes"
    };
    private static final int REQUESTS = 30;
    private static final long WAIT_NANOS = 5_000_000_000L;

    @TempDir
    Path directory;

    private Path shared;
    private Path fixed;
    private GuestMemory memory;

    @BeforeEach
    void begin() throws Exception {
        memory = GuestMemory.allocate(4 << 20);
        Files.writeString(directory.resolve("outside"), "not the guest's");
        fixed = Files.createDirectory(directory.resolve("fixed"));
        Files.writeString(fixed.resolve("a"), "stays");
        shared = directory.resolve("shared");
    }

    @AfterEach
    void end() {
        memory.close();
    }

    private void fill() throws IOException {
        Files.createDirectories(shared.resolve("d"));
        Files.writeString(shared.resolve("a"), "a");
        Files.createSymbolicLink(shared.resolve("link"), directory.resolve("outside"));
        Files.createSymbolicLink(shared.resolve("up"), directory);
        HostFiles.mkfifo(shared.resolve("b").toString(), 0600);
    }

    private void empty() throws IOException {
        try (Stream<Path> all = Files.walk(shared)) {
            for (Path each : all.sorted(java.util.Comparator.reverseOrder()).toList()) {
                Files.delete(each);
            }
        }
    }

    private static FuseClient.Arguments arguments(SplittableRandom random) {
        FuseClient.Arguments arguments = FuseClient.arguments();
        for (int i = random.nextInt(9); i > 0; i--) {
            switch (random.nextInt(6)) {
                case 0 -> arguments.int64(random.nextInt(8));
                case 1 -> arguments.int64(random.nextLong());
                case 2 -> arguments.int32(random.nextInt(), random.nextInt(5000));
                case 3 -> arguments.int32(random.nextInt(4), 0x8000 >>> random.nextInt(16));
                case 4 -> arguments.raw(new byte[random.nextInt(300)]);
                default -> arguments.int64(0, 0);
            }
        }
        for (int i = random.nextInt(3); i > 0; i--) {
            arguments.string(NAMES[random.nextInt(NAMES.length)]);
        }
        return arguments;
    }

    private static void send(FuseClient guest, SplittableRandom random) throws GuestFault {
        byte[] body = arguments(random).array();
        long node = switch (random.nextInt(8)) {
            case 0 -> random.nextLong();
            // The host's changes, and things that there are not.
            case 1 -> FuseAbi.CHANGES_ID + random.nextInt(8);
            default -> 1 + random.nextInt(7);
        };
        guest.pid = random.nextInt(2);
        guest.uid = random.nextInt(3) * 1000;
        int opcode = random.nextInt(20) == 0 ? random.nextInt() : random.nextInt(53);
        byte[] header = guest.header(opcode, node, body.length);
        if (random.nextInt(6) == 0) {
            header = Seeds.damaged(random, header);
        }
        TestDriver.Buffer room = guest.driver.in(random.nextInt(3) == 0 ? random.nextInt(64) : 4096);
        int queue = random.nextInt(8) == 0 ? FuseClient.HIGH_PRIORITY : FuseClient.REQUESTS;
        guest.driver.addIndirect(queue, guest.driver.out(header), guest.driver.out(body), room);
        guest.driver.notify(queue);
    }

    @Test
    void noRequestReachesWhatIsNotShared() throws Exception {
        Seeds.each(random -> {
            fill();
            memory.zero(0x10000, 0x8000);
            try (FsDevice device = new FsDevice("fuzz")) {
                device.share("data", HostFiles.open(shared.toString(), HostFiles.O_PATH, 0), false);
                device.share("fixed", HostFiles.open(fixed.toString(), HostFiles.O_PATH, 0), true);
                FuseClient guest = FuseClient.of(memory, device);
                var _ = guest.lookUp(1, "data");
                var _ = guest.lookUp(1, "fixed");
                var _ = guest.lookUp(2, "a");
                var _ = guest.open(4, 2);
                for (int i = 0; i < REQUESTS && !guest.driver.transport.isBroken(); i++) {
                    guest.driver.rewind();
                    send(guest, random);
                    if (random.nextInt(3) > 0) {
                        settle(guest);
                    }
                    if (random.nextInt(40) == 0) {
                        device.unshare("data");
                    }
                }
                // A reset ends it, whatever is under way.
                guest.driver.write(0x70, 0);
                assertThat(guest.driver.start().transport.isBroken()).isFalse();
            }
            assertThat(Files.readString(directory.resolve("outside"), StandardCharsets.UTF_8))
                    .isEqualTo("not the guest's");
            assertThat(fixed.resolve("a")).hasContent("stays");
            try (Stream<Path> around = Files.list(directory)) {
                assertThat(around.map(Path::getFileName).map(Path::toString))
                        .containsExactlyInAnyOrder("outside", "fixed", "shared");
            }
            try (Stream<Path> in = Files.list(fixed)) {
                assertThat(in).hasSize(1);
            }
            empty();
        });
    }

    /** Waits a moment for an answer; what waits for a lock has none. */
    private static void settle(FuseClient guest) throws GuestFault {
        long end = System.nanoTime() + WAIT_NANOS / 5000;
        while (System.nanoTime() < end
                && guest.driver.completed(FuseClient.REQUESTS).length == 0
                && !guest.driver.transport.isBroken()) {
            Thread.onSpinWait();
        }
    }
}
