package dev.caisson.tests.monitor;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** What docs/monitor-protocol.md shows is what happens. */
class DocumentationTest {
    @Test
    void exampleOfAPlan() throws Exception {
        String text = Files.readString(Path.of("../../docs/monitor-protocol.md"));
        int start = text.indexOf("```plan\n") + 8;
        assertThat(text.substring(start, text.indexOf("```", start)))
                .isEqualTo(Plans.gated("exit 0").dump());
    }
}
