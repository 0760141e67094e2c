package dev.caisson.oci;

/**
 * A range of user or group ids and what it stands for outside (user_namespaces(7), one line of {@code uid_map}).
 *
 * @param containerId first id inside, 0 to 2^32-1
 * @param hostId first id outside, 0 to 2^32-1
 * @param size how many ids, 0 to 2^32-1; the kernel refuses 0
 */
public record IdMapping(long containerId, long hostId, long size) {}
