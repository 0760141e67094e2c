package dev.caisson.oci;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;

/**
 * Bounds on a document, so that reading a hostile one costs bounded time and memory.
 *
 * @param maxBytes size of the document in bytes
 * @param maxDepth nesting of objects and arrays
 * @param maxStringChars length of one string value in UTF-16 units
 * @param maxElements array elements and map entries kept, over the whole document
 */
public record ReadLimits(int maxBytes, int maxDepth, int maxStringChars, int maxElements) {
    /**
     * 16 MiB, 64 levels, 1 MiB per string (execve(2) takes 128 KiB per argument), 200,000 elements (a process can have 65,536
     * supplementary groups; everything else is far smaller in practice).
     */
    public static final ReadLimits DEFAULT = new ReadLimits(16 << 20, 64, 1 << 20, 200_000);

    /** Longest property name; also bounds sysctl names, annotation keys and cgroup files. */
    static final int MAX_NAME_CHARS = 4096;

    public ReadLimits {
        if (maxBytes < 2 || maxDepth < 1 || maxStringChars < 1 || maxElements < 1) {
            throw new IllegalArgumentException(
                    "limits must be positive: " + maxBytes + " " + maxDepth + " " + maxStringChars + " " + maxElements);
        }
    }

    JsonFactory newFactory() {
        return new JsonFactoryBuilder()
                .streamReadConstraints(StreamReadConstraints.builder()
                        .maxNestingDepth(maxDepth)
                        .maxStringLength(maxStringChars)
                        .maxNameLength(MAX_NAME_CHARS)
                        .maxNumberLength(64)
                        .build())
                // Two readers that pick different ones of two equal names see two different containers.
                .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                // Names are compared by switch; interning costs and outlives the document.
                .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                .build();
    }
}
