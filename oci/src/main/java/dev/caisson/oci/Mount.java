package dev.caisson.oci;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One entry of {@code mounts}, applied in the order of the list.
 *
 * @param destination target inside the container; an old relative form counts from {@code /}
 * @param source device, directory or file; a relative one counts from the bundle
 * @param type file system type; irrelevant when {@link #isBind()}
 * @param options mount options as written: flags, propagation and file system data mixed
 * @param uidMappings user ids of an id-mapped mount
 * @param gidMappings group ids of an id-mapped mount
 */
public record Mount(
        String destination,
        @Nullable String source,
        @Nullable String type,
        List<String> options,
        List<IdMapping> uidMappings,
        List<IdMapping> gidMappings) {
    public Mount {
        options = List.copyOf(options);
        uidMappings = List.copyOf(uidMappings);
        gidMappings = List.copyOf(gidMappings);
    }

    /** A mount without id mappings. */
    public static Mount of(String destination, @Nullable String source, @Nullable String type, List<String> options) {
        return new Mount(destination, source, type, options, List.of(), List.of());
    }

    /** Whether this is a bind mount: {@code bind} or {@code rbind} in the options, or as the type, which Docker once wrote. */
    public boolean isBind() {
        return "bind".equals(type) || options.contains("bind") || options.contains("rbind");
    }
}
