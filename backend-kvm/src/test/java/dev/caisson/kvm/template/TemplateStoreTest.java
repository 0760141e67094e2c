package dev.caisson.kvm.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.MachineTemplates.Entry;
import dev.caisson.backend.MachineTemplates.Shape;
import dev.caisson.linux.HostFiles;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TemplateStoreTest {
    private static final Shape SMALL = new Shape(512, 1, 0);
    private static final Shape LARGE = new Shape(2048, 1, 0);

    @TempDir
    Path directory;

    private Path templates;
    private Path image;
    private TemplateStore store;

    @BeforeEach
    void open() throws Exception {
        templates = directory.resolve("templates");
        image = Files.createDirectory(directory.resolve("image"));
        Files.writeString(image.resolve("vmlinux"), "kernel");
        Files.writeString(
                image.resolve("manifest"),
                "sha256 " + HostIdentity.sha256("kernel".getBytes(StandardCharsets.US_ASCII)) + " vmlinux\n");
        store = new TemplateStore(templates, image);
    }

    private String make(Shape shape) throws ContainerFault {
        return store.make(shape, file -> {
            try {
                HostFiles.writeAll(file, "machine".repeat(5000).getBytes(StandardCharsets.US_ASCII));
            } catch (java.io.IOException e) {
                throw new ContainerFault(Kind.FAILED, "write", e);
            }
        });
    }

    @Test
    void oneIsMadeListedTakenVerifiedAndRemoved() throws Exception {
        assertThat(store.list()).isEmpty();
        assertThat(store.choose(SMALL, "")).isEmpty();
        assertThat(make(SMALL)).isEqualTo("m512-p1-c0");
        assertThat(store.list()).singleElement().satisfies(each -> {
            assertThat(each.shape()).isEqualTo(SMALL);
            assertThat(each.problem()).isEmpty();
            assertThat(each.bytes()).isGreaterThanOrEqualTo(35_000);
        });
        assertThat(store.choose(SMALL, "").orElseThrow().machine()).hasContent("machine".repeat(5000));
        assertThat(store.choose(SMALL, "off")).isEmpty();
        assertThat(store.choose(LARGE, "")).isEmpty();
        assertThat(store.verify("m512-p1-c0")).isEmpty();
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> make(SMALL))
                .satisfies(e -> assertThat(e.kind()).isEqualTo(Kind.ALREADY_EXISTS));
        store.remove("m512-p1-c0");
        assertThat(templates).isEmptyDirectory();
    }

    @Test
    void aMachineThatCannotBeWrittenLeavesNothing() {
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> store.make(SMALL, file -> {
                    throw new ContainerFault(Kind.FAILED, "no");
                }))
                .withMessage("no");
        assertThat(templates).isEmptyDirectory();
    }

    @Test
    void whatHasChangedIsNotTakenAndIsNamed() throws Exception {
        String name = make(SMALL);
        Files.writeString(image.resolve("manifest"), "another\n");
        assertThat(store.list()).extracting(Entry::problem).containsExactly("made of another image than " + image);
        assertThat(store.choose(SMALL, "")).isEmpty();
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> store.choose(SMALL, name))
                .withMessageContaining("take template m512-p1-c0: made of another image");
        // One that cannot be used is replaced.
        assertThat(make(SMALL)).isEqualTo(name);
        assertThat(store.verify(name)).isEmpty();
        Path machine = templates.resolve(name).resolve("machine");
        try (RandomAccessFile file = new RandomAccessFile(machine.toFile(), "rw")) {
            file.seek(20_000);
            file.write('x');
        }
        assertThat(store.list()).extracting(Entry::problem).containsExactly("");
        assertThat(store.verify(name)).containsExactly("its machine is not what was written");
        Files.writeString(templates.resolve(name).resolve("manifest"), "version 3\n");
        assertThat(store.verify(name)).singleElement().asString().contains("a manifest whose created");
    }

    @Test
    void aDamagedFileOfTheImageIsNamed() throws Exception {
        String name = make(SMALL);
        Files.writeString(image.resolve("vmlinux"), "colonel");
        assertThat(store.verify(name)).singleElement().asString().contains("vmlinux is not what");
    }

    @Test
    void aNameThatIsNoneIsNotAPath() {
        for (String name : List.of("../image", "", "m1-p1-c0/..", "m512-p1-c0")) {
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(() -> store.remove(name))
                    .satisfies(e -> assertThat(e.kind()).isEqualTo(Kind.NOT_FOUND));
        }
    }

    @Test
    void theSmallestWithEnoughIsTaken() {
        assertThat(TemplateChoice.fits(SMALL, SMALL)).isTrue();
        assertThat(TemplateChoice.fits(SMALL, new Shape(300, 1, 0))).isTrue();
        assertThat(TemplateChoice.fits(SMALL, new Shape(256, 1, 0)))
                .as("twice as much")
                .isFalse();
        assertThat(TemplateChoice.fits(SMALL, new Shape(513, 1, 0))).isFalse();
        assertThat(TemplateChoice.fits(SMALL, new Shape(512, 2, 0))).isFalse();
        assertThat(TemplateChoice.fits(SMALL, new Shape(512, 1, 1))).isFalse();
        List<Shape> all = List.of(new Shape(900, 1, 0), SMALL, LARGE);
        assertThat(TemplateChoice.of(all, each -> each, TemplateStore::name, new Shape(500, 1, 0), ""))
                .contains(SMALL);
        assertThat(TemplateChoice.of(all, each -> each, TemplateStore::name, new Shape(500, 1, 0), "m900-p1-c0"))
                .contains(new Shape(900, 1, 0));
    }

    @Test
    void holesDoNotChangeADigest() throws Exception {
        Path full = directory.resolve("full");
        Path sparse = directory.resolve("sparse");
        byte[] bytes = new byte[3 << 20];
        bytes[2 << 20] = 1;
        Files.write(full, bytes);
        try (RandomAccessFile file = new RandomAccessFile(sparse.toFile(), "rw")) {
            file.seek(2 << 20);
            file.write(1);
            file.setLength(bytes.length);
        }
        assertThat(ContentDigest.of(sparse)).isEqualTo(ContentDigest.of(full));
        bytes[2 << 20] = 0;
        bytes[(2 << 20) + 4096] = 1;
        Files.write(full, bytes);
        assertThat(ContentDigest.of(sparse)).as("elsewhere").isNotEqualTo(ContentDigest.of(full));
    }
}
