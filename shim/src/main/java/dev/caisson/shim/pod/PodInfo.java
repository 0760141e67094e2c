package dev.caisson.shim.pod;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What is fixed about a pod.
 *
 * @param key names its records and is what its monitor was started with
 * @param namespace containerd namespace
 * @param group the CRI sandbox's id or the lone container's
 * @param ttrpcAddress containerd's socket for events, may be empty
 * @param socket where its monitor listens
 * @param backend the wall that the runtime's name stands for
 */
public record PodInfo(String key, String namespace, String group, String ttrpcAddress, String socket, String backend) {
    /** The wall of a runtime whose name says nothing else. */
    public static final String DEFAULT_BACKEND = "namespace";

    public Map<String, String> toRecord(int monitorPid, long monitorStart) {
        Map<String, String> r = new LinkedHashMap<>();
        r.put("namespace", namespace);
        r.put("group", group);
        r.put("ttrpcAddress", ttrpcAddress);
        r.put("socket", socket);
        r.put("backend", backend);
        r.put("monitorPid", Integer.toString(monitorPid));
        r.put("monitorStart", Long.toString(monitorStart));
        return r;
    }

    public static PodInfo of(String key, Map<String, String> r) {
        return new PodInfo(
                key,
                r.getOrDefault("namespace", ""),
                r.getOrDefault("group", ""),
                r.getOrDefault("ttrpcAddress", ""),
                r.getOrDefault("socket", ""),
                r.getOrDefault("backend", DEFAULT_BACKEND));
    }
}
