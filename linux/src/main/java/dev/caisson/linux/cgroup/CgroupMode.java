package dev.caisson.linux.cgroup;

/** Which versions of control groups a host has mounted. Decides the shape of statistics that containerd expects. */
public enum CgroupMode {
    /** Only version 1 hierarchies. */
    V1,
    /** Version 1 hierarchies and a version 2 one; a controller lives on either side. containerd counts this as version 1. */
    HYBRID,
    /** Only the version 2 hierarchy. */
    V2
}
