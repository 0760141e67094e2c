package dev.caisson.namespace.plan;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/**
 * Every plan against a reviewed file: the order of each security-relevant step shows in its diff. {@code -Dplans.rewrite=true}
 * writes the files anew, to be reviewed.
 */
final class GoldenPlanTest {
    private static final Path FILES = Path.of("src/test/resources/plans");

    @Test
    void plansAreTheReviewedOnes() throws IOException {
        boolean rewrite = Boolean.getBoolean("plans.rewrite");
        for (var plan : Scenarios.all().entrySet()) {
            Path file = FILES.resolve(plan.getKey() + ".txt");
            if (rewrite) {
                Files.writeString(file, plan.getValue().dump());
            }
            assertThat(plan.getValue().dump()).as(plan.getKey()).isEqualTo(Files.readString(file));
        }
    }

    @Test
    void thereIsNoFileWithoutAPlan() throws IOException {
        try (var files = Files.list(FILES)) {
            assertThat(files.map(f -> f.getFileName().toString().replace(".txt", "")))
                    .containsExactlyInAnyOrderElementsOf(Scenarios.all().keySet());
        }
    }
}
