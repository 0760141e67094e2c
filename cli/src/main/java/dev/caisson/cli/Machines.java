package dev.caisson.cli;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.ProcessExit;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import java.io.IOException;
import java.time.Instant;
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

    /** The verb {@code debug}. */
    static void debug(Request request) throws Failure, ContainerFault, IOException {
        int resume = request.call().resume();
        if (resume != 0) {
            // An earlier daemon launched it, and was lost before it could say so.
            request.call()
                    .end(ProcessExit.ofWaitStatus(resume >> 8, Instant.EPOCH).code());
            return;
        }
        List<String> words = request.args().words();
        boolean terminal = request.args().is("tty");
        Invocation.Console console = request.console(terminal, true);
        Container.VirtualMachine machine = machine(request, ContainerStore.requireId(words.getFirst()));
        Launcher launcher = request.call().launcher(new Invocation.Hands(true, terminal, 0, null, console));
        request.call().endWithMain();
        var _ = machine.debug(
                launcher,
                Invocation.MAIN_LAUNCH,
                "debug " + words.getFirst(),
                Invocation.OWN_STREAMS,
                words.subList(1, words.size()),
                terminal);
        request.call().endAsMain();
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
