package dev.caisson.backend;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.ServiceLoader;

/** The walls that this installation has, by name. */
public final class Backends {
    /** Annotation that chooses one. */
    public static final String ANNOTATION = "dev.caisson.backend";

    private final Map<String, Backend> byName = new LinkedHashMap<>();

    public Backends() {
        for (Backend b : ServiceLoader.load(Backend.class)) {
            byName.put(b.name(), b);
        }
    }

    /** All of another's, and one more. */
    public Backends(Backends others, Backend more) {
        byName.putAll(others.byName);
        byName.put(more.name(), more);
    }

    /**
     * The wall that a program's name asks for: {@code caisson-kvm}, or {@code containerd-shim-caisson-kvm-v2}, which containerd runs for
     * {@code io.containerd.caisson-kvm.v2}.
     */
    public static String byProgram(String program) {
        String name = program.substring(program.lastIndexOf('/') + 1);
        if (name.contains("caisson-trap")) {
            return "seccomp-trap";
        }
        return name.contains("caisson-kvm") ? "kvm" : "namespace";
    }

    public Backend named(String name) throws ContainerFault {
        Backend b = byName.get(name);
        if (b == null) {
            throw new ContainerFault(
                    ContainerFault.Kind.UNSUPPORTED,
                    "backend " + name + " is not part of this installation (it has: "
                            + String.join(", ", byName.keySet()) + ")");
        }
        return b;
    }

    /** See {@link Backend#keepIn}, of each. */
    public void keepIn(Path stateDirectory) {
        byName.values().forEach(b -> b.keepIn(stateDirectory));
    }

    /** See {@link Backend#leave}, of each. */
    public void leave() {
        byName.values().forEach(Backend::leave);
    }

    /** See {@link Backend#cleanUp}, of each. */
    public void cleanUp() {
        byName.values().forEach(Backend::cleanUp);
    }
}
