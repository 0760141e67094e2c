package dev.caisson.namespace;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.linux.cgroup.Cgroup;
import dev.caisson.namespace.plan.PlanInput;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Groups below a container's own, for one process of it: {@code exec --cgroup}. Pure. */
final class Subgroups {
    private final @Nullable String unified;
    private final List<String> others;

    private Subgroups(@Nullable String unified, List<String> others) {
        this.unified = unified;
        this.others = others;
    }

    /**
     * @param wanted paths by controller; none of them leads out of the container's group, whatever it says
     * @throws ContainerFault the container is not in a group of such a controller
     */
    static Subgroups of(Cgroup cgroup, Map<String, String> wanted) throws ContainerFault {
        Map<String, String> byDirectory = new LinkedHashMap<>();
        for (Map.Entry<String, String> each : wanted.entrySet()) {
            if (each.getKey().equals(Container.ALL_CONTROLLERS)) {
                continue;
            }
            String directory = cgroup.directory(each.getKey());
            if (directory == null) {
                throw new ContainerFault(
                        ContainerFault.Kind.INVALID,
                        "join cgroup " + each.getValue() + " of controller " + each.getKey()
                                + ": the container has none of that controller");
            }
            byDirectory.put(directory, each.getValue());
        }
        String all = wanted.getOrDefault(Container.ALL_CONTROLLERS, "");
        List<String> others = new ArrayList<>();
        String unified = null;
        for (String directory : cgroup.directories()) {
            String below = below(directory, byDirectory.getOrDefault(directory, all));
            if (directory.equals(cgroup.unifiedDirectory())) {
                unified = below;
            } else {
                others.add(below + "/tasks");
            }
        }
        return new Subgroups(unified, others);
    }

    private static String below(String directory, String path) {
        String inside = Path.of("/").resolve(path).normalize().toString();
        return inside.equals("/") ? directory : directory + inside;
    }

    PlanInput.CgroupJoin join(boolean given) {
        return new PlanInput.CgroupJoin(others, unified, null, given);
    }
}
