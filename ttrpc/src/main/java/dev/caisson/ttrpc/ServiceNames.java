package dev.caisson.ttrpc;

/** Full names of the services around a shim. */
public final class ServiceNames {
    /** Task, as containerd 1.x and, on request, 2.x call it. */
    public static final String TASK_V2 = "containerd.task.v2.Task";

    /** Task, as containerd 2.x calls it; same messages as {@link #TASK_V2}. */
    public static final String TASK_V3 = "containerd.task.v3.Task";

    /** Sandbox. */
    public static final String SANDBOX = "containerd.runtime.sandbox.v1.Sandbox";

    /** containerd's event exchange, served by containerd. */
    public static final String EVENTS = "containerd.services.events.ttrpc.v1.Events";

    /** Named byte streams. */
    public static final String STREAMING = "containerd.services.streaming.v1.Streaming";

    /** Copies in and out of containers. */
    public static final String TRANSFER = "containerd.services.transfer.v1.Transfer";

    /** What the agent in a virtual machine does beside {@link #TASK_V2}. */
    public static final String GUEST = "dev.caisson.guest.v1.Guest";

    private ServiceNames() {}
}
