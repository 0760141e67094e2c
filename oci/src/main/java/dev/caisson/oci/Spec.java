package dev.caisson.oci;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A container's configuration: the content of {@code config.json} as far as it concerns Linux (runtime-spec 1.3 "Configuration").
 *
 * <p>An instance is well-formed (types, ranges and spellings are right) but not necessarily sensible: {@link SpecValidator} judges that.
 *
 * @param ociVersion version of the runtime-spec that the configuration was written for
 * @param process what to run; may be absent
 * @param root the root file system; may be absent
 * @param hostname name in the UTS namespace
 * @param domainname NIS domain name in the UTS namespace
 * @param mounts further mounts, in order
 * @param hooks programs run along the container's life
 * @param annotations arbitrary metadata, in the order of the document
 * @param linux the Linux section; {@link Linux#NONE} if absent
 */
public record Spec(
        String ociVersion,
        @Nullable ProcessSpec process,
        @Nullable Root root,
        @Nullable String hostname,
        @Nullable String domainname,
        List<Mount> mounts,
        Hooks hooks,
        Map<String, String> annotations,
        Linux linux) {
    /** The version of the runtime-spec that this package follows. */
    public static final String VERSION = "1.3.0";

    public Spec {
        mounts = List.copyOf(mounts);
        annotations = orderedCopy(annotations);
    }

    /** An immutable copy that keeps the order of the document, so that what is written again looks like what was read. */
    static <V> Map<String, V> orderedCopy(Map<String, V> map) {
        return map.isEmpty() ? Map.of() : Collections.unmodifiableMap(new LinkedHashMap<>(map));
    }

    /** A builder holding the values of this configuration. */
    public Builder toBuilder() {
        Builder b = new Builder();
        b.ociVersion = ociVersion;
        b.process = process;
        b.root = root;
        b.hostname = hostname;
        b.domainname = domainname;
        b.mounts = mounts;
        b.hooks = hooks;
        b.annotations = annotations;
        b.linux = linux;
        return b;
    }

    /** Collects the fields of a {@link Spec}. Not thread-safe. */
    public static final class Builder {
        public String ociVersion = VERSION;
        public @Nullable ProcessSpec process;
        public @Nullable Root root;
        public @Nullable String hostname;
        public @Nullable String domainname;
        public List<Mount> mounts = List.of();
        public Hooks hooks = Hooks.NONE;
        public Map<String, String> annotations = Map.of();
        public Linux linux = Linux.NONE;

        /** The configuration with the current values. */
        public Spec build() {
            return new Spec(ociVersion, process, root, hostname, domainname, mounts, hooks, annotations, linux);
        }
    }
}
