/**
 * Control groups on version 1, version 2 and hybrid hosts (cgroups(7), Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst).
 *
 * <p>Decisions are pure: {@link dev.caisson.linux.cgroup.CgroupLayout} says where each controller is mounted, {@link
 * dev.caisson.linux.cgroup.CgroupPath} which directories a container gets, {@link dev.caisson.linux.cgroup.CgroupLimits} which
 * files are written in which order. {@link dev.caisson.linux.cgroup.Cgroup} has the effects and can be rebuilt from a {@link
 * dev.caisson.linux.cgroup.CgroupState} after a restart. This package does not know the OCI configuration, systemd, or any
 * container; who calls it translates.
 */
@NullMarked
package dev.caisson.linux.cgroup;

import org.jspecify.annotations.NullMarked;
