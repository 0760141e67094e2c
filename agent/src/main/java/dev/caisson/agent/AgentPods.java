package dev.caisson.agent;

import dev.caisson.linux.Errno;
import dev.caisson.shim.link.CommandCall;
import dev.caisson.shim.link.MonitorLink;
import dev.caisson.shim.pod.Pod;
import dev.caisson.shim.pod.PodContent;
import dev.caisson.shim.pod.PodOwner;
import dev.caisson.shim.task.TaskLifecycle;
import dev.caisson.shim.task.Tasks;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** The machine's one pod, whose monitor is process 1. */
final class AgentPods implements PodOwner {
    private final TaskLifecycle lifecycle;

    AgentPods(TaskLifecycle lifecycle) {
        this.lifecycle = lifecycle;
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
            System.getLogger(AgentPods.class.getName())
                    .log(System.Logger.Level.ERROR, "read records of earlier tasks: " + Errno.describe(e));
        }
    }

    @Override
    public void attached(Pod pod, MonitorLink link) {
        Streams.recover(link);
        lifecycle.recovery().attached(pod, link);
    }

    @Override
    public void exited(Pod pod, MonitorLink link, int launch) {
        lifecycle.exits().exited(pod, link, launch);
    }

    /** Process 1 does not end before the machine does. */
    @Override
    public void monitorDied(Pod pod, @Nullable MonitorLink link) {}

    /** There is no command line in a guest. */
    @Override
    public void command(CommandCall call) {
        call.end(1);
    }

    @Override
    public boolean isQuick(CommandCall call) {
        return false;
    }
}
