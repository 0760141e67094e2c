package dev.caisson.shim.task;

import dev.caisson.shim.pod.Pod;
import dev.caisson.shim.pod.PodContent;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** The tasks of a pod by container id: what {@link Pod} carries without knowing more of it. */
public final class Tasks implements PodContent {
    private final Map<String, Task> byId = new ConcurrentHashMap<>();

    /** A pod's, to be changed in place. */
    public static Map<String, Task> of(Pod pod) {
        return ((Tasks) pod.content()).byId;
    }

    @Override
    public boolean isEmpty() {
        return byId.isEmpty();
    }

    @Override
    public Set<String> ids() {
        return byId.keySet();
    }
}
