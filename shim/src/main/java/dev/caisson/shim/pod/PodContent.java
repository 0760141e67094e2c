package dev.caisson.shim.pod;

import java.util.Set;

/** What a pod holds, as far as its registry needs to know. Thread-safe. */
public interface PodContent {
    boolean isEmpty();

    /** Ids of the containers. */
    Set<String> ids();
}
