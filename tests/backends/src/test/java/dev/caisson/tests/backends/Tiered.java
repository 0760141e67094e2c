package dev.caisson.tests.backends;

import dev.caisson.backend.Backend;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launcher;
import dev.caisson.oci.Spec;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The seccomp-trap wall with a tier that every container asks for.
 *
 * @param inner the wall
 * @param tier the tier's word
 */
record Tiered(Backend inner, String tier) implements Backend {
    @Override
    public String name() {
        return inner.name();
    }

    @Override
    public Container prepare(CreateRequest request, Launcher launcher) throws ContainerFault {
        return inner.prepare(asking(request), launcher);
    }

    @Override
    public Container recover(CreateRequest request, Map<String, String> record, Launcher launcher)
            throws ContainerFault {
        return inner.recover(asking(request), record, launcher);
    }

    private CreateRequest asking(CreateRequest r) {
        return new CreateRequest(
                r.id(), r.bundle(), asking(r.spec()), r.rootfs(), r.launch(), r.io(), r.scratch(), r.options());
    }

    private Spec asking(Spec spec) {
        Map<String, String> annotations = new LinkedHashMap<>(spec.annotations());
        annotations.put("dev.caisson.trap.tier", tier);
        Spec.Builder b = spec.toBuilder();
        b.annotations = annotations;
        return b.build();
    }

    @Override
    public boolean isPaused(Map<String, String> record) throws ContainerFault {
        return inner.isPaused(record);
    }

    @Override
    public String features() {
        return inner.features();
    }
}
