package dev.caisson.namespace.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.plan.LaunchPlan;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * Every plan against a reviewed file: the order of each security-relevant step shows in its diff. {@code -Dplans.rewrite=true}
 * writes the files anew, to be reviewed.
 */
final class GoldenPlanTest {
    private static final Path FILES = Path.of("src/test/resources/plans");

    private static final Pattern JUMP = Pattern.compile("^goto (\\d+)");

    /** Without the steps' numbers, and with jumps by distance, so that one more step is one more line in a diff. */
    private static String text(LaunchPlan plan) {
        StringBuilder out = new StringBuilder();
        for (String line : plan.dump().lines().toList()) {
            int tab = line.indexOf('\t');
            int at = Integer.parseInt(line.substring(0, tab));
            String step = line.substring(tab + 1);
            Matcher jump = JUMP.matcher(step);
            out.append(jump.replaceFirst(m -> "goto " + signed(Integer.parseInt(m.group(1)) - at)))
                    .append('\n');
        }
        return out.toString();
    }

    private static String signed(int distance) {
        return distance < 0 ? Integer.toString(distance) : "+" + distance;
    }

    @Test
    void plansAreTheReviewedOnes() throws IOException {
        boolean rewrite = Boolean.getBoolean("plans.rewrite");
        for (var plan : Scenarios.all().entrySet()) {
            Path file = FILES.resolve(plan.getKey() + ".txt");
            if (rewrite) {
                Files.writeString(file, text(plan.getValue()));
            }
            assertThat(text(plan.getValue())).as(plan.getKey()).isEqualTo(Files.readString(file));
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
