package dev.caisson.backend.lifecycle;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.ContainerFault;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every state and event against the reviewed table {@code task-machine.tsv}. */
final class TaskMachineTest {
    /** A cell: a state, or the kind of fault behind an exclamation mark. */
    record Cell(TaskState state, TaskEvent event, String expected) {}

    static Stream<Cell> cells() throws IOException {
        List<Cell> cells = new ArrayList<>();
        try (InputStream in = TaskMachineTest.class.getResourceAsStream("/task-machine.tsv")) {
            String text = new String(java.util.Objects.requireNonNull(in).readAllBytes(), StandardCharsets.UTF_8);
            List<String> lines = text.lines().filter(l -> !l.startsWith("#")).toList();
            String[] states = lines.getFirst().split("\t", -1);
            for (String line : lines.subList(1, lines.size())) {
                String[] row = line.split("\t", -1);
                for (int i = 1; i < states.length; i++) {
                    cells.add(new Cell(TaskState.valueOf(states[i]), TaskEvent.valueOf(row[0]), row[i]));
                }
            }
        }
        return cells.stream();
    }

    @ParameterizedTest
    @MethodSource("cells")
    void isAsInTheTable(Cell cell) {
        String actual;
        try {
            actual = TaskMachine.next(cell.state, cell.event, "task \"t\"").name();
        } catch (ContainerFault e) {
            assertThat(e.getMessage()).contains("task \"t\"");
            actual = "!" + e.kind();
        }
        assertThat(actual).isEqualTo(cell.expected);
    }

    @Test
    void theTableIsComplete() throws IOException {
        assertThat(cells().map(c -> c.state + " " + c.event).distinct())
                .hasSize(TaskState.values().length * TaskEvent.values().length);
    }
}
