package dev.caisson.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.kvm.Seeds;
import dev.caisson.kvm.boot.KernelFormatException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.SplittableRandom;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.compressors.lz4.BlockLZ4CompressorOutputStream;
import org.junit.jupiter.api.Test;
import org.tukaani.xz.FilterOptions;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.X86Options;
import org.tukaani.xz.XZOutputStream;

class BzImageTest {
    private static final byte[] KERNEL = kernel();

    /** Compressible, and not all the same. */
    private static byte[] kernel() {
        byte[] bytes = new byte[20_000];
        SplittableRandom random = new SplittableRandom(5);
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (random.nextInt(4) == 0 ? random.nextInt() : i / 100);
        }
        return bytes;
    }

    private static byte[] lz4() throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.writeBytes(new byte[] {0x02, 0x21, 0x4c, 0x18});
        for (int at = 0; at < KERNEL.length; at += 12_000) {
            ByteArrayOutputStream block = new ByteArrayOutputStream();
            try (OutputStream out = new BlockLZ4CompressorOutputStream(block)) {
                out.write(KERNEL, at, Math.min(12_000, KERNEL.length - at));
            }
            all.writeBytes(ByteBuffer.allocate(4)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(block.size())
                    .array());
            all.writeBytes(block.toByteArray());
        }
        return all.toByteArray();
    }

    private static byte[] xz() throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        try (OutputStream out = new XZOutputStream(all, new FilterOptions[] {new X86Options(), new LZMA2Options(0)})) {
            out.write(KERNEL);
        }
        return all.toByteArray();
    }

    private static byte[] gzip() throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        try (OutputStream out = new GZIPOutputStream(all)) {
            out.write(KERNEL);
        }
        return all.toByteArray();
    }

    /** A header as the boot protocol describes it, one setup sector, the payload at once behind it. */
    private static byte[] image(byte[] payload, int size) {
        ByteBuffer image = ByteBuffer.allocate(1024 + payload.length + 4).order(ByteOrder.LITTLE_ENDIAN);
        image.put(0x1f1, (byte) 1);
        image.putShort(0x1fe, (short) 0xaa55);
        image.putInt(0x202, 0x5372_6448);
        image.putInt(0x248, 0);
        image.putInt(0x24c, payload.length + 4);
        image.position(1024);
        image.put(payload).putInt(size);
        return image.array();
    }

    private static byte[] extract(byte[] image) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        BzImage.extract(image, out);
        return out.toByteArray();
    }

    @Test
    void takesOutWhatDebianCompresses() throws IOException {
        assertThat(extract(image(lz4(), KERNEL.length))).isEqualTo(KERNEL);
        assertThat(extract(image(xz(), KERNEL.length))).isEqualTo(KERNEL);
        assertThat(extract(image(gzip(), KERNEL.length))).isEqualTo(KERNEL);
    }

    @Test
    void saysWhatIsWrong() throws IOException {
        assertThatThrownBy(() -> extract(new byte[5000]))
                .isInstanceOf(KernelFormatException.class)
                .hasMessage("not a bzImage: no boot header");
        assertThatThrownBy(() -> extract(image(new byte[] {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd, 0, 0, 0, 0}, 8)))
                .hasMessageContaining("unknown compression, magic 0xfd2fb528");
        assertThatThrownBy(() -> extract(image(lz4(), KERNEL.length - 1)))
                .hasMessageContaining("more than " + (KERNEL.length - 1));
        assertThatThrownBy(() -> extract(image(xz(), KERNEL.length + 1)))
                .hasMessageContaining(KERNEL.length + " bytes instead of");
        assertThatThrownBy(() -> extract(image(xz(), -1))).hasMessageContaining("a kernel of 4294967295 bytes");
    }

    @Test
    void damageIsNeverMoreThanAKernelFormatException() throws IOException {
        byte[][] images = {
            image(lz4(), KERNEL.length), image(xz(), KERNEL.length), image(gzip(), KERNEL.length),
        };
        Seeds.each(random -> {
            try {
                BzImage.extract(
                        Seeds.damaged(random, images[random.nextInt(images.length)]), OutputStream.nullOutputStream());
            } catch (KernelFormatException expected) {
                assertThat(expected).hasMessageContaining("bzImage");
            }
        });
    }
}
