package dev.caisson.cli;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.oci.ContainerStatus;
import java.io.IOException;
import java.time.Duration;

/** The running container that a command is about, the command line's own or containerd's. */
final class Watched {
    private static final Duration LOOK = Duration.ofMillis(100);

    private interface Looker {
        boolean runs() throws ContainerFault;
    }

    private final Request request;
    private final Container container;
    private final Looker looker;

    private Watched(Request request, Container container, Looker looker) {
        this.request = request;
        this.container = container;
        this.looker = looker;
    }

    static Watched of(Request request, String id) throws Failure, ContainerFault, IOException {
        Containers containers = request.containers();
        if (!containers.store().exists(id)) {
            Neighbours.Running other = request.neighbours().find(id);
            if (other != null) {
                return new Watched(request, other.container(), other.runs()::getAsBoolean);
            }
        }
        ContainerRecord record = containers.store().require(id);
        if (containers.status(id, record) == ContainerStatus.STOPPED) {
            throw new Failure("container with id " + id + " is not running");
        }
        return new Watched(
                request,
                containers.open(id, record, new LateLauncher(request.call())),
                () -> Containers.runs(record.init()));
    }

    Container container() {
        return container;
    }

    /** Waits until the container or the command is gone. */
    void awaitEnd() throws Failure, ContainerFault {
        try {
            while (!request.call().isGone() && looker.runs()) {
                Thread.sleep(LOOK);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Failure("interrupted while watching", e);
        }
    }
}
