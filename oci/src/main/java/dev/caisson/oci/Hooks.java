package dev.caisson.oci;

import java.util.List;

/**
 * The hooks of a container, each list in the order in which it has to run.
 *
 * @param prestart runtime namespace, during create, before {@code createRuntime}; deprecated by the spec, still used
 * @param createRuntime runtime namespace, during create, after the namespaces exist
 * @param createContainer container namespaces, during create, before pivot_root(2)
 * @param startContainer container namespaces, during start, before the program
 * @param poststart runtime namespace, after the program was executed
 * @param poststop runtime namespace, after delete
 */
public record Hooks(
        List<Hook> prestart,
        List<Hook> createRuntime,
        List<Hook> createContainer,
        List<Hook> startContainer,
        List<Hook> poststart,
        List<Hook> poststop) {
    /** No hook at all. */
    public static final Hooks NONE = new Hooks(List.of(), List.of(), List.of(), List.of(), List.of(), List.of());

    public Hooks {
        prestart = List.copyOf(prestart);
        createRuntime = List.copyOf(createRuntime);
        createContainer = List.copyOf(createContainer);
        startContainer = List.copyOf(startContainer);
        poststart = List.copyOf(poststart);
        poststop = List.copyOf(poststop);
    }

    /** Whether no hook is to run at any point. */
    public boolean isEmpty() {
        return prestart.isEmpty()
                && createRuntime.isEmpty()
                && createContainer.isEmpty()
                && startContainer.isEmpty()
                && poststart.isEmpty()
                && poststop.isEmpty();
    }
}
