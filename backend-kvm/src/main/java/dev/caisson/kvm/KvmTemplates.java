package dev.caisson.kvm;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.MachineTemplates;
import dev.caisson.kvm.pod.MachineCommand;
import dev.caisson.kvm.pod.MachineSize;
import dev.caisson.kvm.pod.PodMachine;
import dev.caisson.kvm.template.TemplateStore;
import dev.caisson.linux.Errno;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/** The templates of this host: machines of the installation's image. */
final class KvmTemplates implements MachineTemplates {
    /** What annotates a pod's first container: {@code off}, or the name of a template that has to be taken. */
    static final String ANNOTATION = TemplateStore.ANNOTATION;

    private static final Path DIRECTORY =
            Path.of(System.getProperty("caisson.kvm.templates", "/var/lib/caisson-kvm/templates"));

    static TemplateStore store() {
        return new TemplateStore(DIRECTORY, MachineCommand.image());
    }

    @Override
    public String build(Shape shape, Launcher launcher) throws ContainerFault {
        return store().make(shape, file -> {
            MachineSize size = new MachineSize(shape.memoryMib(), shape.processors());
            PodMachine machine = PodMachine.make(new PodMachine.Beginning(size, shape.cards(), null));
            Path scratch = scratch();
            try {
                machine.keep(launcher, false);
                machine.begin();
                machine.rehearse(launcher, scratch);
                machine.save(file);
            } finally {
                machine.end(launcher);
                remove(scratch);
            }
        });
    }

    private static Path scratch() throws ContainerFault {
        try {
            return Files.createTempDirectory("caisson-template");
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "make a directory for a template: " + Errno.describe(e), e);
        }
    }

    /** Files first. */
    private static void remove(Path tree) throws ContainerFault {
        try (Stream<Path> all = Files.walk(tree)) {
            for (Path each : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(each);
            }
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "remove " + tree + ": " + Errno.describe(e), e);
        }
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
