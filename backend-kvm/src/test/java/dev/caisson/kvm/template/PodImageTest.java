package dev.caisson.kvm.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.MachineTemplates.Shape;
import dev.caisson.kvm.Seeds;
import dev.caisson.kvm.memory.FileBlocks;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PodImageTest {
    private static final Shape SHAPE = new Shape(512, 1, 2);
    private static final SavedPod.Container WEB = new SavedPod.Container(
            "web",
            "web-1",
            3,
            true,
            List.of(new SavedPod.Volume("/etc/hosts", false), new SavedPod.Volume("/a b\n%\u00e4", true)));
    private static final SavedPod POD =
            new SavedPod(List.of(WEB, new SavedPod.Container("side+car", "side-2", 0, false, List.of())));
    private static final int DISK = 8 << 20;

    @TempDir
    Path directory;

    private Path images;
    private Path guest;
    private Path disk;
    private Path second;

    @BeforeEach
    void open() throws Exception {
        images = directory.resolve("images");
        guest = Files.createDirectory(directory.resolve("guest"));
        Files.writeString(guest.resolve("manifest"), "sha256 and so on\n");
        disk = directory.resolve("disk-of-the-container");
        second = Files.writeString(directory.resolve("disk-of-the-other"), "small");
        try (RandomAccessFile file = new RandomAccessFile(disk.toFile(), "rw")) {
            file.setLength(DISK);
            file.seek(DISK / 2);
            file.writeBytes("written");
        }
    }

    private List<String> write(String machine) throws ContainerFault {
        List<String> steps = new ArrayList<>();
        PodImage.write(images, guest, SHAPE, POD, new PodImage.Source() {
            @Override
            public void writeMachine(Fd file) throws ContainerFault {
                steps.add("machine");
                if (machine.isEmpty()) {
                    throw new ContainerFault(Kind.FAILED, "it does not stand still");
                }
                try {
                    HostFiles.writeAll(file, machine.getBytes(StandardCharsets.US_ASCII));
                } catch (IOException e) {
                    throw new ContainerFault(Kind.FAILED, "write", e);
                }
            }

            @Override
            public Path disk(SavedPod.Container container) {
                steps.add("disk of " + container.id());
                return container.equals(WEB) ? disk : second;
            }

            @Override
            public void done() {
                steps.add("done");
            }
        });
        return steps;
    }

    @Test
    void whatIsWrittenIsFound() throws Exception {
        assertThat(write("machine")).containsExactly("machine", "disk of web", "disk of side+car", "done");
        PodImage found = PodImage.read(images, guest);
        assertThat(found.shape()).isEqualTo(SHAPE);
        assertThat(found.pod()).isEqualTo(POD);
        assertThat(found.machine()).hasContent("machine");
        Path copy = directory.resolve("scratch/disk");
        found.copyDisk(3, copy);
        assertThat(copy).hasSameBinaryContentAs(disk);
        found.copyDisk(0, directory.resolve("scratch/second"));
        assertThat(directory.resolve("scratch/second")).hasContent("small");
        try (Fd file = HostFiles.open(copy.toString(), HostFiles.O_RDONLY, 0)) {
            assertThat(FileBlocks.of(file)).as("holes stay holes").isLessThan(DISK / 2);
        }
    }

    /** A machine that goes on from the first one has it open. */
    @Test
    void anotherImageTakesItsPlaceWhenItIsWhole() throws Exception {
        write("first");
        Path machine = PodImage.read(images, guest).machine();
        try (var first = Files.newInputStream(machine)) {
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(() -> write(""))
                    .withMessage("it does not stand still");
            assertThat(PodImage.read(images, guest).machine()).hasContent("first");
            write("second");
            assertThat(PodImage.read(images, guest).machine()).hasContent("second");
            assertThat(first.readAllBytes()).isEqualTo("first".getBytes(StandardCharsets.US_ASCII));
        }
        try (var all = Files.list(images)) {
            assertThat(all.map(Path::getFileName).map(Path::toString))
                    .containsExactlyInAnyOrder("machine", "disk-3", "disk-0", "pod", "manifest");
        }
    }

    @Test
    void whatCannotGoOnHereIsNamed() throws Exception {
        refused("read image");
        write("machine");
        Files.writeString(guest.resolve("manifest"), "another one\n");
        refused("made of another image");
        write("machine");
        Files.delete(images.resolve("machine"));
        Files.writeString(images.resolve("machine"), "longer than it was");
        refused("its machine has 18 bytes, not 7");
        write("machine");
        Path facts = images.resolve("pod");
        byte[] whole = Files.readAllBytes(facts);
        Seeds.each(random -> {
            byte[] damaged = Seeds.damaged(random, whole);
            try {
                assertThat(SavedPod.parse(damaged).containers().getFirst().name())
                        .matches("[A-Za-z0-9._-]{1,128}");
            } catch (ManifestFormatException e) {
                assertThat(e).hasMessageContaining("manifest");
            }
        });
        Files.writeString(facts, "containers 1\nid-0 a\nname-0 ../web\ndrive-0 3\nterminal-0 true\nvolumes-0 0\n");
        refused("\"../web\"");
    }

    private void refused(String why) {
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> PodImage.read(images, guest))
                .withMessageContaining(why)
                .satisfies(e -> assertThat(e.kind()).isEqualTo(Kind.INVALID));
    }
}
