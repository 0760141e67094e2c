package dev.caisson.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.caisson.linux.MountInfo;
import java.io.IOException;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Texts that no kernel and no sane caller writes: what comes out is a value or a named error, never another exception. */
class HostileTextTest {
    private static final long SEED = Long.getLong("caisson.seed", 20_261_124L);
    private static final int ROUNDS = 4000;
    private static final String ALPHABET = "/.:-\\ \n\t,=0179abs*\u00fc\0";

    /** Gives random texts and mutations of a good one; a failure names seed and round. */
    private static void forTexts(String good, Consumer<String> test) {
        SplittableRandom random = new SplittableRandom(SEED);
        for (int round = 0; round < ROUNDS; round++) {
            StringBuilder text = new StringBuilder(round % 2 == 0 ? good : "");
            int changes = random.nextInt(1, 12);
            for (int i = 0; i < changes; i++) {
                char c = ALPHABET.charAt(random.nextInt(ALPHABET.length()));
                int at = random.nextInt(text.length() + 1);
                if (at < text.length() && random.nextBoolean()) {
                    text.setCharAt(at, c);
                } else if (at < text.length() && random.nextBoolean()) {
                    text.delete(at, Math.min(text.length(), at + random.nextInt(1, 9)));
                } else {
                    text.insert(at, c);
                }
            }
            try {
                test.accept(text.toString());
            } catch (RuntimeException | AssertionError e) {
                fail("seed %d round %d text '%s'".formatted(SEED, round, text), e);
            }
        }
    }

    @Test
    void cgroupPaths() {
        CgroupHierarchy hierarchy = Layouts.v1().hierarchies().getFirst();
        forTexts("a-b.slice:cri:/./name", text -> {
            try {
                CgroupPath path = CgroupPath.of(text, "id");
                String directory = path.directory(hierarchy);
                assertThat(directory).startsWith(hierarchy.mountPoint() + "/").doesNotContain("\0");
                assertThat(List.of(directory.split("/", -1)).subList(1, directory.split("/", -1).length))
                        .doesNotContain("..", ".", "");
            } catch (CgroupException named) {
                assertThat(named).hasMessageStartingWith("resolve cgroups path '");
            }
        });
    }

    @Test
    void mountinfo() {
        forTexts(Layouts.HYBRID_MOUNTS, text -> {
            try {
                MountInfo.parse(text);
            } catch (IllegalArgumentException named) {
                assertThat(named).hasMessageStartingWith("mountinfo line ");
            }
        });
    }

    @Test
    void ownGroups() {
        List<MountInfo> mounts = MountInfo.parse(Layouts.HYBRID_MOUNTS);
        forTexts(Layouts.HYBRID_GROUPS, text -> {
            try {
                CgroupLayout.of(mounts, text, path -> text).hierarchies().forEach(CgroupHierarchy::base);
            } catch (CgroupException named) {
                assertThat(named.getMessage()).matches("(?s)(read /proc/self/cgroup|find cgroups): .*");
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    @Test
    void statistics() {
        forTexts("8:0 rbytes=1 wbytes=18446744073709551615\nsome avg10=0.5 total=1\nTotal 5\n", text -> {
            CgroupStatsReader.ioDevices(text);
            CgroupStatsReader.blockIoEntries(text);
            CgroupStatsReader.pressure(text);
            CgroupFile.keyed(text);
            CgroupFile.value(text, "some");
        });
    }
}
