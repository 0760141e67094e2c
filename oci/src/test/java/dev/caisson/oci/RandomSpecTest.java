package dev.caisson.oci;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Objects;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Random configurations and random damage to them. {@code seeds.txt} holds the seeds that are always run; {@code -Doci.seed=N} adds one.
 */
class RandomSpecTest {
    private static final int SPECS_PER_SEED = 40;
    private static final int MUTANTS_PER_SPEC = 25;

    static long[] seeds() throws IOException {
        try (var in = Objects.requireNonNull(RandomSpecTest.class.getResourceAsStream("seeds.txt"))) {
            long[] kept = new String(in.readAllBytes(), UTF_8)
                    .lines()
                    .filter(line -> !line.startsWith("#"))
                    .mapToLong(Long::parseLong)
                    .toArray();
            String extra = System.getProperty("oci.seed");
            long[] all = Arrays.copyOf(kept, kept.length + 1);
            all[kept.length] = extra == null ? System.nanoTime() : Long.parseLong(extra);
            return all;
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void validConfigurationsPassAndComeBackEqual(long seed) throws Exception {
        RandomSpecs specs = new RandomSpecs(seed);
        for (int i = 0; i < SPECS_PER_SEED; i++) {
            Spec spec = specs.next();
            byte[] json = SpecWriter.write(spec);
            assertThat(SpecReader.read(json))
                    .as("seed %d, configuration %d", seed, i)
                    .isEqualTo(spec);
            assertThat(SpecValidator.validate(spec).errors())
                    .as("seed %d, configuration %d", seed, i)
                    .isEmpty();
            ProcessSpec process = Objects.requireNonNull(spec.process());
            assertThat(ProcessReader.read(SpecWriter.writeProcess(process))).isEqualTo(process);
            Resources resources = spec.linux().resources();
            if (resources != null) {
                assertThat(ResourcesReader.read(SpecWriter.writeResources(resources)))
                        .isEqualTo(resources);
            }
        }
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void damagedConfigurationsAreReadOrRefusedAndNothingElse(long seed) {
        Assertions.assertTimeoutPreemptively(Duration.ofSeconds(60), () -> {
            RandomSpecs specs = new RandomSpecs(seed);
            SplittableRandom random = new SplittableRandom(~seed);
            int refused = 0;
            for (int i = 0; i < SPECS_PER_SEED; i++) {
                byte[] json = SpecWriter.write(specs.next());
                for (int j = 0; j < MUTANTS_PER_SPEC; j++) {
                    byte[] mutant = json;
                    for (int k = 1 + random.nextInt(3); k > 0; k--) {
                        mutant = mutate(mutant, random);
                    }
                    refused += readOrRefuse(mutant, seed, i, j) ? 0 : 1;
                }
            }
            // Otherwise the damage is too mild to tell anything.
            assertThat(refused).isGreaterThan(SPECS_PER_SEED * MUTANTS_PER_SPEC / 4);
        });
    }

    private static boolean readOrRefuse(byte[] json, long seed, int spec, int mutant) {
        try {
            Spec read = SpecReader.read(json);
            // What was accepted must survive the next steps, whatever they say about it.
            SpecValidator.validate(read);
            assertThat(SpecReader.read(SpecWriter.write(read))).isEqualTo(read);
            return true;
        } catch (InvalidSpecException e) {
            assertThat(e.getMessage()).startsWith("config.json: ").matches("[ -~]{14,2000}");
            return false;
        } catch (RuntimeException e) {
            throw new AssertionError(
                    "seed " + seed + ", configuration " + spec + ", mutant " + mutant + ":\n" + new String(json, UTF_8),
                    e);
        }
    }

    private static byte[] mutate(byte[] in, SplittableRandom random) {
        int at = random.nextInt(Math.max(in.length, 1));
        int end = Math.min(in.length, at + random.nextInt(40));
        return switch (random.nextInt(7)) {
            case 0 -> Arrays.copyOf(in, at);
            case 1 -> splice(in, at, at, new byte[] {(byte) random.nextInt(256)});
            case 2 -> splice(in, at, end, new byte[0]);
            case 3 -> splice(in, at, at, Arrays.copyOfRange(in, at, end));
            case 4 -> {
                String[] tokens = {
                    "null",
                    "-1",
                    "1e9",
                    "{}",
                    "[]",
                    "\"\"",
                    "\"\\u0000\"",
                    "99999999999999999999",
                    "[[[[",
                    "true",
                    ",",
                    "\"",
                    "{\"a\":",
                    "\"\\ud800\"",
                    "\"type\"",
                    "0x10",
                    "NaN",
                    "\\",
                    "/**/",
                    "0.5",
                    "-0"
                };
                // Most useful where a value starts.
                int colon = indexOf(in, (byte) ':', at);
                int stop = indexOf(in, (byte) '\n', colon);
                yield splice(
                        in,
                        Math.min(colon + 1, in.length),
                        stop,
                        tokens[random.nextInt(tokens.length)].getBytes(UTF_8));
            }
            case 5 -> splice(in, at, at, "[".repeat(1 + random.nextInt(200)).getBytes(UTF_8));
            default -> {
                byte[] out = in.clone();
                if (out.length > 0) {
                    out[at] ^= (byte) (1 << random.nextInt(8));
                }
                yield out;
            }
        };
    }

    private static int indexOf(byte[] in, byte wanted, int from) {
        for (int i = from; i < in.length; i++) {
            if (in[i] == wanted) {
                return i;
            }
        }
        return in.length;
    }

    private static byte[] splice(byte[] in, int from, int to, byte[] with) {
        int end = Math.max(from, to);
        byte[] out = Arrays.copyOf(in, from + with.length + in.length - end);
        System.arraycopy(with, 0, out, from, with.length);
        System.arraycopy(in, end, out, from + with.length, in.length - end);
        return out;
    }

    @Test
    void theDefaultConfigurationsAreValidAndComeBackEqual() throws Exception {
        for (Spec spec : new Spec[] {
            SpecTemplate.rootful(false),
            SpecTemplate.rootful(true),
            SpecTemplate.rootless(1000, 1000, true),
            SpecTemplate.rootless(0, 0, false)
        }) {
            assertThat(SpecReader.read(SpecWriter.write(spec))).isEqualTo(spec);
            SpecValidator.Report report = SpecValidator.validate(spec);
            assertThat(report.errors()).isEmpty();
            assertThat(report.warnings()).isEmpty();
        }
    }
}
