package dev.caisson.backend;

import java.util.List;

/**
 * A mount that makes up a root file system, as containerd's snapshotters describe it (containerd.types.Mount).
 *
 * @param target below the bundle's rootfs directory, usually empty
 */
public record RootfsMount(String type, String source, String target, List<String> options) {
    public RootfsMount {
        options = List.copyOf(options);
    }
}
