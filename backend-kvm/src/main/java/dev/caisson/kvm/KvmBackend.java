package dev.caisson.kvm;

import dev.caisson.backend.Backend;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.MachineTemplates;
import dev.caisson.kvm.guest.GuestSpec;
import dev.caisson.kvm.pod.MachineSpares;
import dev.caisson.kvm.pod.PodMachine;
import dev.caisson.oci.Features;
import dev.caisson.oci.FeaturesJson;
import dev.caisson.oci.InvalidSpecException;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecValidator;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** Containers in a virtual machine, of which each pod has one. In there an agent makes them, behind the namespace wall. */
public final class KvmBackend implements Backend {
    private static final String OLDEST = "1.0.0";

    private final MachineSpares spares = new MachineSpares();
    private final PodMembers members = new PodMembers();

    /** For ServiceLoader. */
    public KvmBackend() {}

    @Override
    public String name() {
        return "kvm";
    }

    @Override
    public Container prepare(CreateRequest request, Launcher launcher) throws ContainerFault {
        try {
            SpecValidator.validate(request.spec()).throwIfInvalid("config.json");
        } catch (InvalidSpecException e) {
            throw new ContainerFault(Kind.INVALID, String.valueOf(e.getMessage()), e);
        }
        return members.add(
                request.scratch(),
                new KvmContainer(
                        request, GuestSpec.of(GuestNames.of(request.id()), request.spec()), launcher, spares, members));
    }

    @Override
    public Container recover(CreateRequest request, Map<String, String> record, Launcher launcher)
            throws ContainerFault {
        return members.add(
                request.scratch(),
                new KvmContainer(
                        request,
                        GuestSpec.ofRunning(request.spec()),
                        launcher,
                        spares,
                        members,
                        PodMachine.recover(record),
                        record));
    }

    @Override
    public boolean isPaused(Map<String, String> record) {
        return KvmContainer.isPaused(record);
    }

    @Override
    public void cleanUp() {
        MachineSpares.removeAbandoned();
    }

    @Override
    public void leave() {
        spares.end();
    }

    @Override
    public MachineTemplates templates() {
        return new KvmTemplates();
    }

    @Override
    public String features() {
        Features features = new Features(
                OLDEST,
                Spec.VERSION,
                List.of(),
                List.of(),
                new Features.LinuxFeatures(
                        Stream.of(NamespaceType.values())
                                .map(NamespaceType::wire)
                                .sorted()
                                .toList(),
                        List.of(),
                        new Features.Cgroup(false, true, false, false, false),
                        null,
                        false,
                        false,
                        new Features.IntelRdtFeatures(false, false, false),
                        null,
                        false,
                        false),
                Map.of(),
                List.of());
        return new String(FeaturesJson.write(features), StandardCharsets.UTF_8);
    }
}
