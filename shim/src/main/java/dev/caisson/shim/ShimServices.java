package dev.caisson.shim;

import dev.caisson.shim.command.ShimCommand;
import dev.caisson.shim.link.CommandCall;
import dev.caisson.shim.link.MonitorLink;
import dev.caisson.shim.pod.Pod;
import dev.caisson.shim.pod.PodContent;
import dev.caisson.shim.pod.PodOwner;
import dev.caisson.shim.task.TaskLifecycle;
import dev.caisson.shim.task.Tasks;
import java.io.IOException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Hands what the registry reports to the service that it concerns. */
public final class ShimServices implements PodOwner {
    private final TaskLifecycle lifecycle;
    private final ShimCommand shimCommand;
    private final Consumer<CommandCall> otherCommands;

    /** @param otherCommands serves the binary under names that are no shim's */
    public ShimServices(TaskLifecycle lifecycle, ShimCommand shimCommand, Consumer<CommandCall> otherCommands) {
        this.lifecycle = lifecycle;
        this.shimCommand = shimCommand;
        this.otherCommands = otherCommands;
    }

    @Override
    public PodContent newContent() {
        return new Tasks();
    }

    @Override
    public void load(Pod pod) {
        try {
            lifecycle.recovery().load(pod);
        } catch (IOException e) {
            System.getLogger(ShimServices.class.getName())
                    .log(
                            System.Logger.Level.ERROR,
                            "read records of pod " + pod.info().group() + ": " + e.getMessage());
        }
    }

    @Override
    public void attached(Pod pod, MonitorLink link) {
        lifecycle.recovery().attached(pod, link);
    }

    @Override
    public void exited(Pod pod, MonitorLink link, int launch) {
        lifecycle.exits().exited(pod, link, launch);
    }

    @Override
    public void monitorDied(Pod pod, @Nullable MonitorLink link) {
        if (link != null) {
            link.endAll();
        }
        lifecycle.exits().killLeftovers(pod);
    }

    private static boolean isShim(CommandCall call) {
        String name = call.argv().getFirst();
        return name.startsWith("containerd-shim-", name.lastIndexOf('/') + 1);
    }

    @Override
    public boolean isQuick(CommandCall call) {
        return isShim(call) && call.argv().getLast().equals("start");
    }

    @Override
    public void command(CommandCall call) {
        if (isShim(call)) {
            shimCommand.run(call);
        } else {
            otherCommands.accept(call);
        }
    }
}
