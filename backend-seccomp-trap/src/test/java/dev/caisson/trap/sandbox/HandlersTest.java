package dev.caisson.trap.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.trap.filter.CallTable;
import dev.caisson.trap.filter.SystemCall;
import java.util.Objects;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class HandlersTest {
    /** What the table says is there is there, and nothing answers that the table does not say. */
    @Test
    void tableAndHandlersAgree() {
        TreeSet<String> named = CallTable.calls().stream()
                .map(SystemCall::handler)
                .filter(Objects::nonNull)
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(new TreeSet<>(Handlers.all().keySet())).isEqualTo(named);
    }
}
