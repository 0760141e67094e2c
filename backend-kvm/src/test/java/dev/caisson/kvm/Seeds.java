package dev.caisson.kvm;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.SplittableRandom;

/** Seeds of fuzz tests: those in the tree, then fresh ones for a while; the one that fails is in the message. */
public final class Seeds {
    private static final long EXPLORE_NANOS = 700_000_000L;

    private Seeds() {}

    /** What is tried with each. */
    public interface Trial {
        void run(SplittableRandom random) throws Exception;
    }

    public static void each(Trial trial) throws IOException {
        try (InputStream in = Seeds.class.getResourceAsStream("/fuzz/kvm-seeds.txt")) {
            String lines = new String(Objects.requireNonNull(in).readAllBytes(), StandardCharsets.US_ASCII);
            for (String line : lines.lines().toList()) {
                if (!line.startsWith("#")) {
                    one(trial, Long.parseLong(line));
                }
            }
        }
        long end = System.nanoTime() + EXPLORE_NANOS;
        SplittableRandom fresh = new SplittableRandom();
        while (System.nanoTime() < end) {
            one(trial, fresh.nextLong());
        }
    }

    private static void one(Trial trial, long seed) {
        try {
            trial.run(new SplittableRandom(seed));
        } catch (Exception | AssertionError e) {
            throw new AssertionError("seed " + seed, e);
        }
    }

    /** A copy with some bits, bytes or fields changed, or cut off somewhere. */
    public static byte[] damaged(SplittableRandom random, byte[] bytes) {
        byte[] copy = random.nextInt(8) == 0
                ? java.util.Arrays.copyOf(bytes, random.nextInt(bytes.length + 1))
                : bytes.clone();
        for (int i = random.nextInt(6); i > 0 && copy.length >= 8; i--) {
            int at = random.nextInt(copy.length - 7);
            switch (random.nextInt(4)) {
                case 0 -> copy[at] ^= (byte) (1 << random.nextInt(8));
                case 1 -> copy[at] = (byte) random.nextInt();
                case 2 -> java.util.Arrays.fill(copy, at, at + 4, (byte) 0xff);
                default -> java.nio.ByteBuffer.wrap(copy).putLong(at, random.nextLong());
            }
        }
        return copy;
    }
}
