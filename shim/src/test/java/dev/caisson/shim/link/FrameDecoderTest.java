package dev.caisson.shim.link;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** However the bytes are cut on their way, the same frames come out. */
class FrameDecoderTest {
    private static WireFrame frame(SplittableRandom random) {
        byte[] payload = new byte[random.nextInt(4) == 0 ? random.nextInt(5000) : random.nextInt(20)];
        random.nextBytes(payload);
        return new WireFrame(
                random.nextInt(256),
                random.nextInt(256),
                random.nextInt(65536),
                random.nextInt(),
                random.nextInt(),
                payload);
    }

    private static String text(WireFrame f) {
        return f.kind() + " " + f.flags() + " " + f.age() + " " + f.a() + " " + f.b() + " "
                + Arrays.toString(f.payload());
    }

    @Test
    void anyCutGivesTheSameFrames() throws IOException {
        for (int seed = 0; seed < 300; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            List<String> wanted = new ArrayList<>();
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            for (int i = 0; i < 20; i++) {
                WireFrame f = frame(random);
                wanted.add(text(f));
                bytes.write(f.header());
                bytes.write(f.payload());
            }
            byte[] all = bytes.toByteArray();
            FrameDecoder decoder = new FrameDecoder();
            List<String> got = new ArrayList<>();
            for (int at = 0; at < all.length; ) {
                int part = Math.min(all.length - at, 1 + random.nextInt(random.nextBoolean() ? 4 : 3000));
                decoder.add(Arrays.copyOfRange(all, at, at + part));
                at += part;
                for (WireFrame f = decoder.next(); f != null; f = decoder.next()) {
                    got.add(text(f));
                }
            }
            assertThat(got).as("seed " + seed).isEqualTo(wanted);
        }
    }

    @Test
    void aLengthAboveTheLimitIsRefusedBeforeItsBytesAreThere() {
        FrameDecoder decoder = new FrameDecoder();
        byte[] header = WireFrame.of(WireFrame.REQUEST, 1, 2).header();
        header[3] = (byte) 0xff;
        decoder.add(header);
        assertThatThrownBy(decoder::next)
                .isInstanceOf(IOException.class)
                .hasMessageContaining("4278190080")
                .hasMessageContaining(Integer.toString(WireFrame.MAX_PAYLOAD));
    }
}
