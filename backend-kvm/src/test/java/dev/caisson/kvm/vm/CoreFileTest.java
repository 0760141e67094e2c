package dev.caisson.kvm.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A core as other programs read it: readelf(1) says what is in it. */
class CoreFileTest {
    private static final long MEMORY = 4 << 20;

    @TempDir
    Path directory;

    private Path write(GuestMemory memory) throws Exception {
        Path core = directory.resolve("core");
        long[] registers = new long[27];
        Arrays.setAll(registers, i -> 0x1000L + i);
        byte[] head = CoreFile.head(memory.regions(), List.of(registers, registers));
        try (Fd out = HostFiles.open(core.toString(), HostFiles.O_RDWR | HostFiles.O_CREAT, 0600)) {
            HostFiles.writeAll(out, head);
            memory.save(out, head.length);
        }
        return core;
    }

    @Test
    void readelfKnowsIt() throws Exception {
        Assumptions.assumeTrue(Files.isExecutable(Path.of("/usr/bin/readelf")), "SKIPPED: no readelf (binutils)");
        try (GuestMemory memory = GuestMemory.allocate(MEMORY)) {
            Process readelf = new ProcessBuilder(
                            "/usr/bin/readelf",
                            "-W",
                            "-h",
                            "-l",
                            "-n",
                            write(memory).toString())
                    .redirectErrorStream(true)
                    .start();
            String said = new String(readelf.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(readelf.waitFor()).as(said).isZero();
            assertThat(said)
                    .containsPattern("Type: +CORE")
                    .containsPattern("Machine: +Advanced Micro Devices X86-64")
                    .containsPattern("LOAD +0x001000 0x0+ 0x0+ 0x400000 0x400000 RWE 0x1000")
                    .doesNotContain("Warning", "Error");
            assertThat(said.split("NT_PRSTATUS", -1)).as(said).hasSize(3);
        }
    }

    @Test
    void memoryIsWhereItWasAndHolesTakeNoPlace() throws Exception {
        Path image = Files.write(directory.resolve("image"), new byte[] {7, 7, 7, 7});
        byte[] page = new byte[4096];
        Arrays.fill(page, (byte) 9);
        Files.write(image, page);
        try (GuestMemory memory = GuestMemory.allocate(MEMORY);
                Fd file = HostFiles.open(image.toString(), HostFiles.O_RDONLY, 0)) {
            memory.write(0x5000, "written".getBytes(StandardCharsets.US_ASCII));
            // A kernel's bytes are lent by its file: they are not in the memory file.
            memory.map(0x30_0000, file, 0, 4096);
            memory.putByte(0x30_0001, 8);
            Path core = write(memory);
            byte[] all = Files.readAllBytes(core);
            assertThat(all).hasSize((int) MEMORY + 4096);
            assertThat(new String(all, 4096 + 0x5000, 7, StandardCharsets.US_ASCII))
                    .isEqualTo("written");
            assertThat(Arrays.copyOfRange(all, 4096 + 0x30_0000, 4096 + 0x30_0004))
                    .containsExactly(9, 8, 9, 9);
            assertThat(all[4096 + 0x30_1000]).isZero();
            assertThat((long) blocks(core) * 512).isLessThan(64 << 10);
        }
    }

    private static int blocks(Path file) throws Exception {
        Process stat = new ProcessBuilder("stat", "-c", "%b", file.toString()).start();
        return Integer.parseInt(new String(stat.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip());
    }
}
