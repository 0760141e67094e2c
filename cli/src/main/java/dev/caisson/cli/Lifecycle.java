package dev.caisson.cli;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PidFds;
import dev.caisson.linux.Processes;
import dev.caisson.oci.ContainerStatus;
import java.io.IOException;
import java.time.Duration;

/** What is done to a container from its creation to its removal. */
final class Lifecycle {
    private static final int SIGKILL = 9;
    private static final Duration KILL_TIME = Duration.ofSeconds(10);

    private Lifecycle() {}

    static void start(Request request) throws Failure, ContainerFault, IOException {
        String id = request.id();
        Containers containers = request.containers();
        ContainerRecord record = containers.store().require(id);
        ContainerStatus status = containers.status(id, record);
        boolean repeated = request.call().isRepeated();
        switch (status) {
            case CREATED -> {}
            case STOPPED -> {
                if (repeated) {
                    request.done();
                    return;
                }
                throw new Failure("cannot start a container that has stopped");
            }
            case RUNNING -> {
                if (!repeated) {
                    throw new Failure("cannot start an already running container");
                }
            }
            case CREATING, PAUSED -> throw new Failure("cannot start a container in the state " + status.wire());
        }
        FifoLaunch init = containers.init(id, record);
        Container container = containers.open(id, record, new LateLauncher(request.call()));
        // What a program that runs already has said of itself went to the daemon that was lost.
        NotifySocket notify = status == ContainerStatus.RUNNING
                ? null
                : NotifySocket.ofMade(request, containers.store().directory(id));
        Runnable waiting = notify == null ? () -> {} : Creation.relay(notify, notify.open(), record.init());
        try {
            container.start(init);
        } catch (ContainerFault e) {
            init.kill(SIGKILL);
            throw e;
        }
        waiting.run();
        request.done();
    }

    static void kill(Request request) throws Failure, ContainerFault, IOException {
        String id = request.id();
        Containers containers = request.containers();
        ContainerRecord record = containers.store().require(id);
        int signal = Signals.parse(
                request.args().words().size() > 1 ? request.args().words().get(1) : "TERM");
        ContainerStatus status = containers.status(id, record);
        if (request.args().is("all") || (signal == SIGKILL && !record.ownPids())) {
            containers.open(id, record, new LateLauncher(request.call())).signalAll(signal);
            request.done();
            return;
        }
        if (status == ContainerStatus.STOPPED && request.call().isRepeated()) {
            request.done();
            return;
        }
        if (status == ContainerStatus.STOPPED || status == ContainerStatus.CREATING) {
            throw new Failure("container not running");
        }
        send(record, signal);
        if (signal == SIGKILL && status == ContainerStatus.PAUSED) {
            // A frozen process of cgroup v1 dies when it is thawed.
            containers.open(id, record, new LateLauncher(request.call())).resume();
        }
        request.done();
    }

    private static void send(ContainerRecord record, int signal) throws Failure, ContainerFault {
        try (Fd process = PidFds.open(record.init().pid())) {
            // Looked at behind the opening: then the descriptor is of the process that was seen.
            if (process == null
                    || !Containers.runs(record.init())
                    || PidFds.sendSignal(process, signal) == Errno.ESRCH) {
                throw new Failure("container not running");
            }
        } catch (ErrnoException e) {
            throw new Failure(
                    "send signal " + signal + " to process " + record.init().pid() + ": " + e.getMessage(), e);
        }
    }

    static void delete(Request request) throws Failure, ContainerFault, IOException {
        String id = request.id();
        Containers containers = request.containers();
        ContainerStore store = containers.store();
        boolean force = request.args().is("force");
        ContainerRecord record = store.read(id);
        if (record == null) {
            if (!force && !request.call().isRepeated()) {
                throw new Failure("container does not exist: " + id);
            }
            store.remove(id); // what a creation left that got no further
            request.done();
            return;
        }
        ContainerStatus status = containers.status(id, record);
        if (!force && status != ContainerStatus.STOPPED && status != ContainerStatus.CREATED) {
            throw new Failure("cannot delete container " + id + " that is not stopped: " + status.wire());
        }
        Container container = containers.open(id, record, new LateLauncher(request.call()));
        if (status != ContainerStatus.STOPPED) {
            FifoLaunch init = containers.init(id, record);
            init.kill(SIGKILL);
            if (status == ContainerStatus.PAUSED) {
                container.resume();
            }
            if (!init.awaitExit(KILL_TIME)) {
                throw new Failure("delete container " + id + ": its process " + describe(init.pid())
                        + " was killed and has not ended within " + KILL_TIME.toSeconds() + " s");
            }
        }
        container.destroy();
        store.remove(id);
        request.done();
    }

    private static String describe(int pid) {
        try {
            return Processes.describe(pid);
        } catch (ErrnoException e) {
            return Integer.toString(pid);
        }
    }

    static void pause(Request request) throws Failure, ContainerFault, IOException {
        String id = request.id();
        ContainerRecord record = request.containers().store().require(id);
        ContainerStatus status = request.containers().status(id, record);
        if (status == ContainerStatus.PAUSED && request.call().isRepeated()) {
            request.done();
            return;
        }
        if (status != ContainerStatus.RUNNING && status != ContainerStatus.CREATED) {
            throw new Failure("container not running or created: " + status.wire());
        }
        request.containers().open(id, record, new LateLauncher(request.call())).pause();
        request.done();
    }

    static void resume(Request request) throws Failure, ContainerFault, IOException {
        String id = request.id();
        ContainerRecord record = request.containers().store().require(id);
        ContainerStatus status = request.containers().status(id, record);
        if (status != ContainerStatus.PAUSED && request.call().isRepeated()) {
            request.done();
            return;
        }
        if (status != ContainerStatus.PAUSED) {
            throw new Failure("container not paused");
        }
        request.containers().open(id, record, new LateLauncher(request.call())).resume();
        request.done();
    }
}
