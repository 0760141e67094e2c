package dev.caisson.oci;

import org.jspecify.annotations.Nullable;

/** Kinds of Linux namespaces (namespaces(7)). */
public enum NamespaceType {
    /** Process ids; pid_namespaces(7). */
    PID("pid"),
    /** Network devices, addresses, sockets; network_namespaces(7). */
    NETWORK("network"),
    /** Mount points; mount_namespaces(7). */
    MOUNT("mount"),
    /** System V IPC and POSIX message queues; ipc_namespaces(7). */
    IPC("ipc"),
    /** Host and domain name; uts_namespaces(7). */
    UTS("uts"),
    /** User and group ids; user_namespaces(7). */
    USER("user"),
    /** View of the cgroup hierarchy; cgroup_namespaces(7). */
    CGROUP("cgroup"),
    /** Monotonic and boot clocks; time_namespaces(7), Linux 5.6. */
    TIME("time");

    private final String wire;

    NamespaceType(String wire) {
        this.wire = wire;
    }

    /** Spelling in JSON. */
    public String wire() {
        return wire;
    }

    /** The constant with this exact spelling, or null. */
    public static @Nullable NamespaceType of(String wire) {
        return switch (wire) {
            case "pid" -> PID;
            case "network" -> NETWORK;
            case "mount" -> MOUNT;
            case "ipc" -> IPC;
            case "uts" -> UTS;
            case "user" -> USER;
            case "cgroup" -> CGROUP;
            case "time" -> TIME;
            default -> null;
        };
    }
}
