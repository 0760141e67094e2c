package dev.caisson.ttrpc.wire;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FrameDecoderTest {
    private final List<Object> events = new ArrayList<>();
    private final FrameDecoder decoder = new FrameDecoder(new FrameListener() {
        @Override
        public void onFrame(Frame frame) {
            events.add(frame);
        }

        @Override
        public void onOversized(int streamId, byte type, byte flags, long length) {
            events.add("oversized " + Integer.toUnsignedString(streamId) + " " + type + " " + flags + " " + length);
        }
    });

    @Test
    void headerIsBigEndianLengthStreamTypeFlags() {
        byte[] bytes = FrameEncoder.encode(
                new Frame(0x01020304, FrameHeader.DATA, FrameHeader.NO_DATA, new byte[] {0x55, 0x66}));

        assertThat(bytes).containsExactly(0, 0, 0, 2, 1, 2, 3, 4, 3, 4, 0x55, 0x66);
        decoder.feed(bytes, 0, bytes.length);
        assertThat(events).containsExactly(new Frame(0x01020304, (byte) 3, (byte) 4, new byte[] {0x55, 0x66}));
    }

    @Test
    void streamIdsUseAllThirtyTwoBits() {
        byte[] bytes = FrameEncoder.encode(Frame.response(-1, new byte[0]));

        decoder.feed(bytes, 0, bytes.length);

        assertThat(events).singleElement().hasToString("Frame[stream=4294967295, type=2, flags=0, length=0]");
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void anyChunkingYieldsTheSameFrames(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<Object> sent = new ArrayList<>();
        ByteArrayOutputStream wire = new ByteArrayOutputStream();
        for (int i = 0; i < 200; i++) {
            byte[] payload = new byte[random.nextInt(10) == 0 ? random.nextInt(300_000) : random.nextInt(40)];
            random.nextBytes(payload);
            Frame frame = new Frame(random.nextInt(), (byte) random.nextInt(), (byte) random.nextInt(), payload);
            sent.add(frame);
            wire.writeBytes(FrameEncoder.encode(frame));
        }
        byte[] bytes = wire.toByteArray();

        int at = 0;
        while (at < bytes.length) {
            int n = Math.min(bytes.length - at, 1 + random.nextInt(random.nextBoolean() ? 4 : 100_000));
            if (random.nextBoolean()) {
                decoder.feed(bytes, at, n);
            } else {
                ByteBuf chunk = Unpooled.wrappedBuffer(bytes, at, n);
                decoder.feed(chunk);
                assertThat(chunk.isReadable()).isFalse();
            }
            at += n;
        }

        assertThat(events).as("seed %d", seed).isEqualTo(sent);
        assertThat(decoder.atBoundary()).isTrue();
    }

    @Test
    void aPayloadOfExactlyTheLimitPasses() {
        byte[] bytes = FrameEncoder.encode(Frame.data(1, new byte[FrameHeader.MAX_PAYLOAD]));

        decoder.feed(bytes, 0, bytes.length);

        assertThat(events).containsExactly(Frame.data(1, new byte[4194304]));
    }

    @Test
    void anOversizedPayloadIsSkippedAndTheNextFrameRead() {
        int length = FrameHeader.MAX_PAYLOAD + 1;
        decoder.feed(new byte[] {0, 0x40, 0, 1, 0, 0, 0, 9, 1, 2}, 0, 10);
        assertThat(events).containsExactly("oversized 9 1 2 4194305");
        assertThat(decoder.atBoundary()).isFalse();

        byte[] rest = new byte[length + 10];
        rest[length + 7] = 11;
        rest[length + 8] = 2;
        decoder.feed(rest, 0, 1000);
        decoder.feed(Unpooled.wrappedBuffer(rest, 1000, rest.length - 1000));

        assertThat(events).hasSize(2).last().isEqualTo(Frame.response(11, new byte[0]));
        assertThat(decoder.atBoundary()).isTrue();
    }

    @Test
    void theLargestLengthIsUnsigned() {
        decoder.feed(new byte[] {-1, -1, -1, -1, 0, 0, 0, 1, 3, 0}, 0, 10);

        assertThat(events).containsExactly("oversized 1 3 0 4294967295");
    }

    @Test
    void aTruncatedFrameIsNotAtABoundary() {
        decoder.feed(new byte[] {0, 0, 0, 1, 0, 0, 0, 1, 3, 0}, 0, 10);

        assertThat(events).isEmpty();
        assertThat(decoder.atBoundary()).isFalse();
    }

    @Test
    void rangesOutsideTheArrayAreRefused() {
        assertThatThrownBy(() -> decoder.feed(new byte[4], 2, 3)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> decoder.feed(new byte[4], -1, 2)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void aFrameBeyondTheLimitCannotBeMade() {
        assertThatThrownBy(() -> Frame.data(1, new byte[FrameHeader.MAX_PAYLOAD + 1]))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("4194305");
    }

    @Test
    void encodersAgree() {
        Frame frame = new Frame(77, (byte) 9, (byte) 0xff, new byte[] {1, 2, 3});
        ByteBuf buffer = Unpooled.buffer();

        FrameEncoder.encode(frame, buffer);

        byte[] written = new byte[buffer.readableBytes()];
        buffer.readBytes(written);
        assertThat(written).isEqualTo(FrameEncoder.encode(frame));
    }
}
