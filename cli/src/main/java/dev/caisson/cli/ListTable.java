package dev.caisson.cli;

import dev.caisson.oci.ContainerState;
import dev.caisson.oci.StateJson;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** What {@code list} prints. Pure. */
final class ListTable {
    private static final int LEAST_WIDTH = 12;
    private static final int GAP = 3;

    private ListTable() {}

    /** Columns as wide as their longest entry and at least 12, with three blanks between them (runc's tabwriter). */
    static String of(List<ContainerState> states) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"));
        for (ContainerState s : states) {
            rows.add(List.of(
                    s.id(),
                    Integer.toString(s.pid()),
                    s.status().wire(),
                    s.bundle(),
                    String.valueOf(s.created()),
                    String.valueOf(s.owner())));
        }
        return aligned(rows);
    }

    static String aligned(List<List<String>> rows) {
        StringBuilder out = new StringBuilder();
        int columns = rows.getFirst().size();
        int[] width = new int[columns];
        for (List<String> row : rows) {
            for (int i = 0; i < columns; i++) {
                width[i] = Math.max(width[i], Math.max(LEAST_WIDTH, row.get(i).length() + GAP));
            }
        }
        for (List<String> row : rows) {
            for (int i = 0; i < columns; i++) {
                out.append(row.get(i));
                if (i < columns - 1) {
                    out.repeat(' ', width[i] - row.get(i).length());
                }
            }
            out.append('\n');
        }
        return out.toString();
    }

    /** An array, or null when there are none, as Go writes an empty slice. */
    static String json(List<ContainerState> states) {
        if (states.isEmpty()) {
            return "null";
        }
        StringBuilder out = new StringBuilder("[");
        for (ContainerState s : states) {
            out.append(out.length() > 1 ? "," : "")
                    .append(new String(StateJson.writeCompact(s), StandardCharsets.UTF_8));
        }
        return out.append(']').toString();
    }
}
