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

    /**
     * Property with the class names of the walls, a comma between two, which an installation sets: to look for them (ServiceLoader) takes a
     * quarter of a daemon's start.
     */
    private static final String CLASSES = "caisson.walls";

    public Backends() {
        String classes = System.getProperty(CLASSES);
        if (classes == null) {
            ServiceLoader.load(Backend.class).forEach(this::add);
            return;
        }
        for (String name : classes.split(",", -1)) {
            try {
                add(Class.forName(name)
                        .asSubclass(Backend.class)
                        .getConstructor()
                        .newInstance());
            } catch (ReflectiveOperationException | ClassCastException e) {
                throw new IllegalStateException(CLASSES + " names " + name + ", which is no wall", e);
            }
        }
    }

    private void add(Backend backend) {
        byName.put(backend.name(), backend);
    }

    /** All of another's, and one more. */
    public Backends(Backends others, Backend more) {
        byName.putAll(others.byName);
        add(more);
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
