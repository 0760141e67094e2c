package dev.caisson.trap;

import dev.caisson.backend.Backend;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launcher;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.CgroupPath;
import dev.caisson.namespace.NamespaceBackend;
import dev.caisson.oci.Spec;
import dev.caisson.trap.filter.Surface;
import dev.caisson.trap.filter.Tier;
import dev.caisson.trap.policy.Policy;
import dev.caisson.trap.policy.PolicyException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Containers whose system calls a sandbox process answers. Everything else (namespaces, cgroups, hooks, execs) is the namespace wall's, which
 * gets a changed configuration and this wall's filter.
 */
public final class TrapBackend implements Backend {
    /** Annotation that chooses a tier. */
    static final String TIER = "dev.caisson.trap.tier";

    /** Annotation with which debuggers work in the container. */
    static final String DEBUG = "dev.caisson.trap.debug";

    /** Annotation whose text is the policy that the container is held to from its program's first call on. */
    static final String POLICY = "dev.caisson.trap.policy";

    /** Annotation that says whether the pod is charged for its sandbox process: {@code pod} or {@code none}. */
    static final String CHARGE = "dev.caisson.trap.charge";

    private final NamespaceBackend namespace = new NamespaceBackend();
    private final TrapFilters filters = new TrapFilters();
    private final PodSandboxes sandboxes = new PodSandboxes();

    /** For ServiceLoader. */
    public TrapBackend() {}

    @Override
    public String name() {
        return "seccomp-trap";
    }

    @Override
    public Container prepare(CreateRequest request, Launcher launcher) throws ContainerFault {
        TrapSpec.requireIdentity(request.spec());
        Guard guard = Guard.of(request.id(), launcher, sandboxes, charged(request));
        TrapContainer.Filter filter = filter(request, guard, false);
        PodNamespaces pod = PodNamespaces.of(request.spec());
        return new TrapContainer(namespace.prepare(changed(request, pod), launcher, filter), filter);
    }

    @Override
    public Container recover(CreateRequest request, Map<String, String> record, Launcher launcher)
            throws ContainerFault {
        Map<String, String> rest = new HashMap<>(record);
        Guard guard = Guard.recover(request.id(), rest, launcher, sandboxes, charged(request));
        TrapContainer.Filter filter = filter(request, guard, true);
        // It has joined what it has, whose owner may be gone.
        TrapContainer container = new TrapContainer(
                namespace.recover(changed(request, PodNamespaces.NONE), rest, launcher, filter), filter);
        container.watch();
        return container;
    }

    @Override
    public boolean isPaused(Map<String, String> record) throws ContainerFault {
        Map<String, String> rest = new HashMap<>(record);
        Guard.strip(rest);
        return namespace.isPaused(rest);
    }

    private TrapContainer.Filter filter(CreateRequest request, Guard guard, boolean hasBegun) throws ContainerFault {
        Spec spec = request.spec();
        // One that has begun has its programs on its group, and its sandbox process knows.
        Egress egress = hasBegun ? null : Egress.of(request.id(), spec);
        Tier tier = tier(spec);
        return new TrapContainer.Filter(
                filters.get(tier, debugs(spec, tier), spec.linux().seccomp()),
                tier,
                guard,
                policy(spec),
                egress,
                TrapSpec.mayMount(spec),
                hasBegun);
    }

    private static @Nullable String policy(Spec spec) throws ContainerFault {
        String text = spec.annotations().get(POLICY);
        if (text != null) {
            try {
                var _ = Policy.parse(text);
            } catch (PolicyException e) {
                throw new ContainerFault(Kind.INVALID, "annotation " + POLICY + ": " + e.getMessage(), e);
            }
        }
        return text;
    }

    /** The container's group, if its pod is to be charged; null if not. */
    private static @Nullable CgroupPath charged(CreateRequest request) throws ContainerFault {
        String word = request.spec().annotations().getOrDefault(CHARGE, "none");
        if (word.equals("none")) {
            return null;
        }
        if (!word.equals("pod")) {
            throw new ContainerFault(Kind.INVALID, "annotation " + CHARGE + ": neither pod nor none: \"" + word + "\"");
        }
        String path = request.spec().linux().cgroupsPath();
        try {
            CgroupPath group = CgroupPath.of(path == null ? "" : path, request.id());
            if (group.path().lastIndexOf('/') > 0) {
                return group;
            }
        } catch (CgroupException e) {
            throw new ContainerFault(Kind.INVALID, "annotation " + CHARGE + ": " + e.getMessage(), e);
        }
        throw new ContainerFault(
                Kind.INVALID, "annotation " + CHARGE + ": the container's cgroupsPath is in no pod's group: " + path);
    }

    private static boolean debugs(Spec spec, Tier tier) throws ContainerFault {
        String word = spec.annotations().getOrDefault(DEBUG, "false");
        if (!word.equals("true") && !word.equals("false")) {
            throw new ContainerFault(
                    Kind.INVALID, "annotation " + DEBUG + ": neither true nor false: \"" + word + "\"");
        }
        boolean debugs = word.equals("true");
        if (debugs && tier == Tier.STRICT) {
            throw new ContainerFault(Kind.UNSUPPORTED, "annotation " + DEBUG + ": not in the tier strict");
        }
        return debugs;
    }

    private static Tier tier(Spec spec) throws ContainerFault {
        String word = spec.annotations().getOrDefault(TIER, Tier.DEFAULT.word());
        Tier tier = Tier.of(word);
        if (tier == null) {
            throw new ContainerFault(Kind.INVALID, "annotation " + TIER + ": no tier \"" + word + "\"");
        }
        return tier;
    }

    private static CreateRequest changed(CreateRequest r, PodNamespaces pod) {
        return new CreateRequest(
                r.id(),
                r.bundle(),
                TrapSpec.of(r.spec(), pod),
                r.rootfs(),
                r.launch(),
                r.io(),
                r.scratch(),
                r.options());
    }

    @Override
    public void keepIn(Path stateDirectory) {
        namespace.keepGroupsIn(stateDirectory.resolve("groups-seccomp-trap"));
    }

    @Override
    public void cleanUp() {
        SandboxGroup.removeAbandoned();
        namespace.cleanUp();
    }

    @Override
    public void leave() {
        namespace.leave();
    }

    /** With what each tier lets a guest, and its sandbox process, ask the host's kernel for. */
    @Override
    public String features() {
        Map<String, String> surface = new TreeMap<>();
        for (Tier tier : Tier.values()) {
            surface.put(TIER + "." + tier.word(), Surface.of(tier).text());
        }
        surface.put("dev.caisson.trap.sandbox", SandboxFilter.count() + " native");
        return namespace.features(surface);
    }
}
