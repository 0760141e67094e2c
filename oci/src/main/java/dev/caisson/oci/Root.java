package dev.caisson.oci;

/**
 * The container's root file system (runtime-spec {@code root}).
 *
 * @param path directory, absolute or relative to the bundle; never empty
 * @param readonly whether the root is read-only inside the container
 */
public record Root(String path, boolean readonly) {}
