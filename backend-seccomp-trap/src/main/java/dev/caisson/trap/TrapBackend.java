package dev.caisson.trap;

import dev.caisson.backend.Backend;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launcher;
import dev.caisson.namespace.NamespaceBackend;
import dev.caisson.trap.filter.Tier;
import java.util.HashMap;
import java.util.Map;

/**
 * Containers whose system calls a sandbox process answers. Everything else (namespaces, cgroups, hooks, execs) is the namespace wall's, which
 * gets a changed configuration and this wall's filter.
 */
public final class TrapBackend implements Backend {
    /** Annotation that chooses a tier. */
    static final String TIER = "dev.caisson.trap.tier";

    private static final String SANDBOX = "sandbox";

    private final NamespaceBackend namespace = new NamespaceBackend();
    private final TrapFilters filters = new TrapFilters();

    /** For ServiceLoader. */
    public TrapBackend() {}

    @Override
    public String name() {
        return "seccomp-trap";
    }

    @Override
    public Container prepare(CreateRequest request, Launcher launcher) throws ContainerFault {
        TrapSpec.requireIdentity(request.spec());
        int launch = launcher.nextId();
        TrapContainer.Filter filter = filter(request, launch, launcher);
        return new TrapContainer(namespace.prepare(changed(request), launcher, filter), filter);
    }

    @Override
    public Container recover(CreateRequest request, Map<String, String> record, Launcher launcher)
            throws ContainerFault {
        int launch;
        Map<String, String> rest = new HashMap<>(record);
        try {
            launch = Integer.parseInt(String.valueOf(rest.remove(SANDBOX)));
        } catch (NumberFormatException e) {
            throw new ContainerFault(
                    Kind.FAILED, "recover container " + request.id() + ": its record names no sandbox process", e);
        }
        TrapContainer.Filter filter = filter(request, launch, launcher);
        TrapContainer container =
                new TrapContainer(namespace.recover(changed(request), rest, launcher, filter), filter);
        container.watchSandbox();
        return container;
    }

    @Override
    public boolean isPaused(Map<String, String> record) throws ContainerFault {
        Map<String, String> rest = new HashMap<>(record);
        rest.remove(SANDBOX);
        return namespace.isPaused(rest);
    }

    private TrapContainer.Filter filter(CreateRequest request, int launch, Launcher launcher) throws ContainerFault {
        String word = request.spec().annotations().getOrDefault(TIER, Tier.DEFAULT.word());
        Tier tier = Tier.of(word);
        if (tier == null) {
            throw new ContainerFault(Kind.INVALID, "annotation " + TIER + ": no tier \"" + word + "\"");
        }
        if (tier == Tier.STRICT) {
            throw new ContainerFault(
                    Kind.UNSUPPORTED, "annotation " + TIER + ": strict is not supported by this version");
        }
        return new TrapContainer.Filter(
                filters.get(tier, request.spec().linux().seccomp()),
                launch,
                new SandboxProcess(launch, request.id(), request.scratch(), launcher));
    }

    private static CreateRequest changed(CreateRequest r) {
        return new CreateRequest(
                r.id(), r.bundle(), TrapSpec.of(r.spec()), r.rootfs(), r.launch(), r.io(), r.scratch(), r.options());
    }

    /** What recover needs, in the record of the namespace wall's container. */
    static Map<String, String> withSandbox(Map<String, String> record, int launch) {
        Map<String, String> all = new HashMap<>(record);
        all.put(SANDBOX, Integer.toString(launch));
        return all;
    }

    @Override
    public String features() {
        return namespace.features();
    }
}
