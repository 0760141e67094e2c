package dev.caisson.shim.task;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ProcessExit;
import dev.caisson.backend.lifecycle.TaskState;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.Spec;
import dev.caisson.shim.pod.Pod;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** The task that holds a sandbox's namespaces, seen by the Sandbox service. */
public record SandboxTask(Task task) {
    public static @Nullable SandboxTask find(Pod pod, String id) {
        Task task = Tasks.of(pod).get(id);
        return task == null || !task.isSandbox() ? null : new SandboxTask(task);
    }

    public int pid() {
        return task.init.pid();
    }

    public boolean isRunning() {
        return task.init.state() == TaskState.RUNNING;
    }

    public @Nullable Instant exitedAt() {
        ProcessExit exit = task.init.exit();
        return exit == null ? null : exit.at();
    }

    /**
     * Path of the network namespace: what annotation {@code given} holds, or the process's own; empty when it is the node's.
     */
    public String networkPath(String given) {
        Spec spec = task.spec();
        if (spec == null || !spec.linux().hasNamespace(NamespaceType.NETWORK)) {
            return "";
        }
        return spec.annotations().getOrDefault(given, "/proc/" + pid() + "/ns/net");
    }

    /** A future of the caller's own, which it may cancel. */
    public CompletableFuture<ProcessExit> exited() {
        return task.init.exited.copy();
    }

    public CgroupStats stats() throws ContainerFault {
        return TaskLifecycle.requireContainer(task).stats();
    }
}
