package dev.caisson.cli;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Handover;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.Stdio;
import dev.caisson.linux.plan.LaunchPlan;
import java.nio.file.Path;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A command that becomes a launcher only when there is something to launch: hooks, which few containers have. */
final class LateLauncher implements Launcher {
    private final Invocation call;
    private @Nullable Launcher launcher;

    LateLauncher(Invocation call) {
        this.call = call;
    }

    private synchronized Launcher launcher() {
        if (launcher == null) {
            launcher = call.launcher(Invocation.Hands.PLAIN);
        }
        return launcher;
    }

    @Override
    public Handover handover() {
        return new Handover(true, 0);
    }

    @Override
    public Path here(Path path) {
        return Path.of("/proc/" + call.pid() + "/root" + path);
    }

    @Override
    public int nextId() {
        return launcher().nextId();
    }

    @Override
    public Launch spawn(int launch, String tag, LaunchPlan plan, int io, Set<Flag> flags) throws ContainerFault {
        return launcher().spawn(launch, tag, plan, io, flags);
    }

    @Override
    public @Nullable Launch find(int launch) {
        return null;
    }

    @Override
    public void openIo(int io, Stdio stdio) {}

    @Override
    public void closeIo(int io) {}

    @Override
    public void closeStdin(int io) {}

    @Override
    public void resize(int io, int rows, int columns) {}
}
