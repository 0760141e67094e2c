package dev.caisson.kvm;

import dev.caisson.backend.Backend.CreateRequest;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.MachineTemplates.Shape;
import dev.caisson.kvm.pod.MachineSize;
import dev.caisson.kvm.pod.MachineSpares;
import dev.caisson.kvm.pod.PodMachine;
import dev.caisson.kvm.pod.PodNetwork;
import dev.caisson.kvm.template.PodImage;
import dev.caisson.kvm.template.TemplateStore.Template;
import java.lang.System.Logger.Level;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** How a pod's first container gets it a machine: a copy of a template where there is one that fits, or else one that boots. */
final class PodStart {
    private static final System.Logger LOG = System.getLogger(PodStart.class.getName());

    private final CreateRequest request;
    private final Launcher launcher;
    private final MachineSpares spares;
    /** Hears of each machine before anything can go wrong with it. */
    private final Consumer<PodMachine> owner;
    /** What the next pod's machine is likely to be like. */
    private PodMachine.@Nullable Beginning expected;
    /** When it had its machine. */
    private long begun;

    PodStart(CreateRequest request, Launcher launcher, MachineSpares spares, Consumer<PodMachine> owner) {
        this.request = request;
        this.launcher = launcher;
        this.spares = spares;
        this.owner = owner;
    }

    /** Makes it the pod's; its guest runs, and its agent answers. */
    PodMachine machine(PodNetwork network) throws ContainerFault {
        MachineSize size = MachineSize.of(request.spec());
        int cards = network.interfaces().size();
        String asked = request.spec().annotations().getOrDefault(KvmTemplates.ANNOTATION, "");
        Template template = KvmTemplates.store()
                .choose(new Shape(size.memoryMib(), size.processors(), cards), asked)
                .orElse(null);
        if (template != null) {
            try {
                PodMachine copy = copy(template, network);
                LOG.log(Level.INFO, "pod of " + request.id() + ": a copy of template " + template.name());
                return copy;
            } catch (ContainerFault e) {
                if (!asked.isEmpty()) {
                    throw e;
                }
                LOG.log(
                        Level.WARNING,
                        "pod of " + request.id() + ": no copy of template " + template.name() + ": " + e.getMessage());
            }
        }
        PodMachine booted = PodMachine.make(new PodMachine.Beginning(size, cards, null));
        become(booted, size, () -> {
            booted.requests().plug(network);
            booted.begin();
        });
        LOG.log(Level.INFO, "pod of " + request.id() + ": a machine that has booted");
        return booted;
    }

    private PodMachine copy(Template template, PodNetwork network) throws ContainerFault {
        Shape shape = template.shape();
        PodMachine.Beginning like = new PodMachine.Beginning(
                new MachineSize(shape.memoryMib(), shape.processors()), shape.cards(), template.machine());
        PodMachine spare = spares.take(template.machine());
        PodMachine copy = spare == null ? PodMachine.make(like) : spare;
        become(copy, like.size(), () -> {
            copy.requests().plug(network);
            if (spare == null) {
                copy.begin();
            } else {
                copy.requests().go();
            }
        });
        expected = like;
        begun = System.nanoTime();
        return copy;
    }

    /** What happens to a machine before its guest runs. */
    interface Before {
        void done(PodMachine machine) throws ContainerFault;
    }

    /** One that goes on from an image; its containers stay frozen. */
    PodMachine restored(PodImage image, PodNetwork network, Before before) throws ContainerFault {
        Shape shape = image.shape();
        int interfaces = network.interfaces().size();
        if (interfaces > shape.cards()) {
            throw new ContainerFault(
                    Kind.INVALID,
                    "restore " + request.id() + ": the pod has " + interfaces + " interfaces, its machine "
                            + shape.cards() + " cards");
        }
        MachineSize size = new MachineSize(shape.memoryMib(), shape.processors());
        PodMachine made = PodMachine.make(new PodMachine.Beginning(size, shape.cards(), image.machine()));
        become(made, size, () -> {
            made.requests().plug(network);
            before.done(made);
            made.begin();
        });
        return made;
    }

    /** Makes a machine the pod's; without success nothing is left of it. */
    private void become(PodMachine fresh, MachineSize size, Step steps) throws ContainerFault {
        owner.accept(fresh);
        try {
            fresh.keep(launcher, true);
            String cgroupsPath = request.spec().linux().cgroupsPath();
            fresh.charge(cgroupsPath == null ? "" : cgroupsPath, size);
            steps.take();
        } catch (ContainerFault e) {
            fresh.end(launcher);
            throw e;
        }
    }

    /** Has the next pod's machine made, when there is time for it. */
    void expectAnother() {
        if (expected != null) {
            spares.expect(expected, System.nanoTime() - begun);
        }
    }

    /** Somebody waits for something of the pod's. */
    void isAsked() {
        spares.defer();
    }

    /** What may fail. */
    interface Step {
        void take() throws ContainerFault;
    }
}
