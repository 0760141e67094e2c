package dev.caisson.kvm;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.MachineTemplates;
import dev.caisson.kvm.guest.GuestAgent;
import dev.caisson.kvm.pod.MachineCommand;
import dev.caisson.kvm.pod.MachineSize;
import dev.caisson.kvm.pod.PodMachine;
import dev.caisson.kvm.template.TemplateStore;
import java.nio.file.Path;
import java.util.List;

/** The templates of this host: machines of the installation's image. */
final class KvmTemplates implements MachineTemplates {
    private static final System.Logger LOG = System.getLogger(KvmTemplates.class.getName());

    /** What annotates a pod's first container: {@code off}, or the name of a template that has to be taken. */
    static final String ANNOTATION = TemplateStore.ANNOTATION;

    private static final Path DIRECTORY =
            Path.of(System.getProperty("caisson.kvm.templates", "/var/lib/caisson-kvm/templates"));

    /** After so many the agent has compiled what it will need. */
    private static final int REHEARSALS = Integer.getInteger("caisson.kvm.rehearsals", 40);

    /** Of a copy, whose memory is looked at afterwards: a real life takes more of it than one that is rehearsed. */
    private static final int LIVES = Integer.getInteger("caisson.kvm.lives", 4);

    static TemplateStore store() {
        return new TemplateStore(DIRECTORY, MachineCommand.image());
    }

    @Override
    public String build(Shape shape, Launcher launcher) throws ContainerFault {
        StepTimes times = new StepTimes();
        String name = store().make(shape, file -> {
            MachineSize size = new MachineSize(shape.memoryMib(), shape.processors());
            PodMachine machine = PodMachine.make(new PodMachine.Beginning(size, shape.cards(), null));
            try {
                machine.keep(launcher, false);
                times.done("process");
                machine.begin();
                times.done("boot");
                // A copy's cards come back for the interfaces that its pod has.
                machine.agent().network(new GuestAgent.Network(List.of(), List.of(), ""));
                machine.rehearse(REHEARSALS);
                times.done("rehearsal");
                machine.awaitRest();
                times.done("rest");
                machine.requests().save(file);
                times.done("saving");
            } finally {
                machine.end(launcher);
            }
            times.done("end");
        });
        times.done("digest");
        // What a life touches is known best from one: copies that wait for their pods have it all then.
        try {
            PodMachine copy = PodMachine.make(new PodMachine.Beginning(
                    new MachineSize(shape.memoryMib(), shape.processors()), shape.cards(), store().machine(name)));
            try {
                copy.keep(launcher, false);
                copy.begin();
                copy.rehearse(LIVES);
                store().footprint(name, copy.requests()::footprint);
            } finally {
                copy.end(launcher);
            }
        } catch (ContainerFault e) {
            LOG.log(System.Logger.Level.WARNING, "template " + name + " is without a footprint: " + e.getMessage());
        }
        times.done("footprint");
        LOG.log(System.Logger.Level.INFO, "template " + name + ": " + times);
        return name;
    }

    @Override
    public List<Entry> list() throws ContainerFault {
        return store().list();
    }

    @Override
    public List<String> verify(String name) throws ContainerFault {
        return store().verify(name);
    }

    @Override
    public void remove(String name) throws ContainerFault {
        store().remove(name);
    }
}
