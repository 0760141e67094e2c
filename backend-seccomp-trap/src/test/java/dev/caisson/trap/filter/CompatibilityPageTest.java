package dev.caisson.trap.filter;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** {@code -Dcompatibility.rewrite=true} writes the page anew. */
class CompatibilityPageTest {
    @Test
    void pageIsWhatTheTableSays() throws IOException {
        Path page = Path.of("../docs/compatibility.md");
        if (Boolean.getBoolean("compatibility.rewrite")) {
            Files.writeString(page, CompatibilityPage.text());
        }
        assertThat(Files.readString(page)).isEqualTo(CompatibilityPage.text());
    }
}
