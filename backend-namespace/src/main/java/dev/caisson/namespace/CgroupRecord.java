package dev.caisson.namespace;

import dev.caisson.linux.cgroup.CgroupHierarchy;
import dev.caisson.linux.cgroup.CgroupLayout;
import dev.caisson.linux.cgroup.CgroupMode;
import dev.caisson.linux.cgroup.CgroupPath;
import dev.caisson.linux.cgroup.CgroupState;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A container's cgroup state as strings, for its stored record. */
final class CgroupRecord {
    private static final String MODE = "cgroup.mode";
    private static final String UNIFIED = "cgroup.unified";
    private static final String CONTROLLER = "cgroup.controller.";
    private static final String CREATED = "cgroup.created";

    private CgroupRecord() {}

    /** Whether a record says what was made. */
    static boolean isIn(Map<String, String> record) {
        return record.containsKey(MODE);
    }

    static Map<String, String> write(CgroupState state) {
        Map<String, String> out = new LinkedHashMap<>();
        out.put(MODE, state.mode().name());
        if (state.unified() != null) {
            out.put(UNIFIED, state.unified());
        }
        state.controllers().forEach((controller, directory) -> out.put(CONTROLLER + controller, directory));
        out.put(CREATED, String.join("\n", state.created()));
        return out;
    }

    static CgroupState read(Map<String, String> record, CgroupLayout layout, CgroupPath path) {
        String mode = record.get(MODE);
        if (mode == null) {
            return expected(layout, path);
        }
        Map<String, String> controllers = new LinkedHashMap<>();
        record.forEach((key, value) -> {
            if (key.startsWith(CONTROLLER)) {
                controllers.put(key.substring(CONTROLLER.length()), value);
            }
        });
        String created = record.getOrDefault(CREATED, "");
        return new CgroupState(
                CgroupMode.valueOf(mode),
                record.get(UNIFIED),
                controllers,
                created.isEmpty() ? List.of() : List.of(created.split("\n", -1)));
    }

    /** What a create would make: for one that was interrupted before it could tell what it had made. */
    static CgroupState expected(CgroupLayout layout, CgroupPath path) {
        Map<String, String> controllers = new LinkedHashMap<>();
        List<String> created = new ArrayList<>();
        String unified = null;
        for (CgroupHierarchy h : layout.hierarchies()) {
            String directory = path.directory(h);
            created.add(directory);
            if (h.unified()) {
                unified = directory;
            }
            for (String controller : h.controllers()) {
                controllers.put(controller, directory);
            }
        }
        return new CgroupState(layout.mode(), unified, controllers, created);
    }
}
