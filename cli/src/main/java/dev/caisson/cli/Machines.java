package dev.caisson.cli;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import java.io.IOException;
import java.util.List;

/** The verbs about the virtual machine that a container runs in. */
final class Machines {
    private Machines() {}

    private static Container.VirtualMachine machine(Request request, String id)
            throws Failure, ContainerFault, IOException {
        return Watched.of(request, id).container().virtualMachine();
    }

    /** The verb {@code console}. */
    static void console(Request request) throws Failure, ContainerFault, IOException {
        request.out(machine(request, request.id()).console() + "\n");
        request.done();
    }

    /** The verb {@code metrics}. */
    static void metrics(Request request) throws Failure, ContainerFault, IOException {
        request.out(machine(request, request.id()).metrics());
        request.done();
    }

    /** The verb {@code dump}. A file that is there is not overwritten; one that is not whole goes away. */
    static void dump(Request request) throws Failure, ContainerFault, IOException {
        List<String> words = request.args().words();
        Container.VirtualMachine machine = machine(request, ContainerStore.requireId(words.getFirst()));
        String file = request.files().here(words.get(1)).toString();
        int create = HostFiles.O_RDWR | HostFiles.O_CREAT | HostFiles.O_EXCL;
        try (Fd out = HostFiles.open(file, create, 0600)) {
            machine.dump(out);
        } catch (ErrnoException e) {
            throw new Failure("create dump " + words.get(1) + ": " + e.errno().name(), e);
        } catch (ContainerFault e) {
            var _ = HostFiles.tryUnlink(file);
            throw e;
        }
        request.done();
    }
}
