package dev.caisson.shim.task;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.Stdio;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.shim.link.MonitorLink;
import dev.caisson.shim.pod.Pod;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The pod's monitor, whichever link it is attached by at the moment. */
record LazyLauncher(Pod pod) implements Launcher {
    private MonitorLink link() throws ContainerFault {
        MonitorLink link = pod.link();
        if (link == null) {
            throw new ContainerFault(
                    ContainerFault.Kind.UNAVAILABLE,
                    "the monitor of pod " + pod.info().group() + " is gone");
        }
        return link;
    }

    @Override
    public int nextId() {
        MonitorLink link = pod.link();
        return link == null ? 0 : link.nextId();
    }

    @Override
    public Launch spawn(int launch, String tag, LaunchPlan plan, int io, Set<Flag> flags) throws ContainerFault {
        return link().spawn(launch, tag, plan, io, flags);
    }

    @Override
    public @Nullable Ahead spawnAhead(int launch, String tag, int io, int namespaces) throws ContainerFault {
        return link().spawnAhead(launch, tag, io, namespaces);
    }

    @Override
    public @Nullable Launch find(int launch) {
        MonitorLink link = pod.link();
        return link == null ? null : link.find(launch);
    }

    @Override
    public Map<String, Launch> walls() {
        MonitorLink link = pod.link();
        return link == null ? Map.of() : link.walls();
    }

    @Override
    public void openIo(int io, Stdio stdio) throws ContainerFault {
        link().openIo(io, stdio);
    }

    @Override
    public @Nullable Stdio streams(int io) {
        MonitorLink link = pod.link();
        return link == null ? null : link.streams(io);
    }

    @Override
    public void closeIo(int io) {
        MonitorLink link = pod.link();
        if (link != null) {
            link.closeIo(io);
        }
    }

    @Override
    public void closeStdin(int io) {
        MonitorLink link = pod.link();
        if (link != null) {
            link.closeStdin(io);
        }
    }

    @Override
    public void resize(int io, int rows, int columns) {
        MonitorLink link = pod.link();
        if (link != null) {
            link.resize(io, rows, columns);
        }
    }
}
