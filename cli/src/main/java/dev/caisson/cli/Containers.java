package dev.caisson.cli;

import dev.caisson.backend.Backend;
import dev.caisson.backend.Backends;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launcher;
import dev.caisson.cli.ContainerRecord.ProcessId;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Processes;
import dev.caisson.oci.ContainerState;
import dev.caisson.oci.ContainerStatus;
import dev.caisson.oci.InvalidSpecException;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecReader;
import dev.caisson.oci.SpecWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One root's containers, as the verbs see them. */
final class Containers {
    static final String CONFIG = "config.json";

    private final ContainerStore store;
    private final Backends backends;

    Containers(ContainerStore store, Backends backends) {
        this.store = store;
        this.backends = backends;
    }

    ContainerStore store() {
        return store;
    }

    Backends backends() {
        return backends;
    }

    /** What the container does right now. */
    ContainerStatus status(String id, ContainerRecord record) throws ContainerFault {
        ProcessId init = record.init();
        if (!runs(init)) {
            return init.pid() == 0 && runs(record.creator()) ? ContainerStatus.CREATING : ContainerStatus.STOPPED;
        }
        if (FifoLaunch.isWaiting(store.directory(id))) {
            return ContainerStatus.CREATED;
        }
        return backends.named(record.backend()).isPaused(record.backendRecord())
                ? ContainerStatus.PAUSED
                : ContainerStatus.RUNNING;
    }

    static boolean runs(ProcessId process) throws ContainerFault {
        try {
            return Processes.isRunning(process.pid(), process.startTime());
        } catch (ErrnoException e) {
            throw new ContainerFault(
                    ContainerFault.Kind.FAILED, "look at process " + process.pid() + ": " + e.getMessage(), e);
        }
    }

    ContainerState state(String id, ContainerRecord record, @Nullable String owner) throws ContainerFault {
        ContainerStatus status = status(id, record);
        int pid = status == ContainerStatus.STOPPED ? 0 : record.init().pid();
        return new ContainerState(
                Spec.VERSION,
                id,
                status,
                pid,
                record.bundle(),
                record.rootfs(),
                record.created(),
                record.annotations(),
                owner);
    }

    /** Keeps a changed configuration, from which the next command reads. */
    void store(String id, Spec spec) throws IOException {
        Path file = store.directory(id).resolve(CONFIG);
        Path fresh = file.resolveSibling("." + CONFIG);
        Files.write(fresh, SpecWriter.write(spec));
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
    }

    /** The configuration: as it was at create, with the limits of the last {@code update}. */
    Spec spec(String id) throws ContainerFault, IOException {
        Path file = store.directory(id).resolve(CONFIG);
        try {
            return SpecReader.read(Files.readAllBytes(file));
        } catch (InvalidSpecException e) {
            throw new ContainerFault(ContainerFault.Kind.FAILED, file + ": " + e.getMessage(), e);
        }
    }

    /** The container behind its wall. */
    Container open(String id, ContainerRecord record, Launcher launcher) throws ContainerFault, IOException {
        return open(id, record, spec(id), launcher);
    }

    /** The container behind its wall; {@code spec} is its configuration. */
    Container open(String id, ContainerRecord record, Spec spec, Launcher launcher) throws ContainerFault {
        Backend backend = backends.named(record.backend());
        return backend.recover(request(id, record, spec), record.backendRecord(), launcher);
    }

    Backend.CreateRequest request(String id, ContainerRecord record, Spec spec) {
        return new Backend.CreateRequest(
                id,
                Path.of(record.bundle()),
                spec,
                List.of(),
                Invocation.MAIN_LAUNCH,
                Invocation.OWN_STREAMS,
                store.directory(id),
                record.options());
    }

    FifoLaunch init(String id, ContainerRecord record) {
        return new FifoLaunch(id, store.directory(id), record.init(), record.ready());
    }
}
