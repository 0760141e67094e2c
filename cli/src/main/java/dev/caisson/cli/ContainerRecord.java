package dev.caisson.cli;

import dev.caisson.backend.Backend;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What is kept of a container between two commands. What it does at the moment is not in here: that is derived from its process.
 *
 * @param bundle absolute, in the creator's mount namespace
 * @param rootfs absolute
 * @param created when
 * @param backend name of its wall
 * @param ownPids whether its processes end with its first one
 * @param owner user id of the creator
 * @param options what the backend was asked besides the configuration
 * @param creator the command that makes it; as long as that runs, and there is no process yet, it is being created
 * @param init its first process; {@link ProcessId#NONE} until there is one
 * @param ready the value that init's plan said with its note of being ready
 * @param annotations those of the configuration
 * @param backendRecord what the backend needs to find it again
 */
record ContainerRecord(
        String bundle,
        String rootfs,
        Instant created,
        String backend,
        boolean ownPids,
        int owner,
        Backend.Options options,
        ProcessId creator,
        ProcessId init,
        long ready,
        Map<String, String> annotations,
        Map<String, String> backendRecord) {
    private static final String ANNOTATION = "annotation.";
    private static final String BACKEND = "backend.";

    /** A process of this machine, for as long as it is up. */
    record ProcessId(int pid, long startTime) {
        static final ProcessId NONE = new ProcessId(0, 0);

        String text() {
            return pid + " " + startTime;
        }

        static ProcessId parse(String text) {
            int blank = text.indexOf(' ');
            return blank < 0
                    ? NONE
                    : new ProcessId(
                            Integer.parseInt(text.substring(0, blank)), Long.parseLong(text.substring(blank + 1)));
        }
    }

    ContainerRecord withBackendRecord(Map<String, String> record) {
        return new ContainerRecord(
                bundle, rootfs, created, backend, ownPids, owner, options, creator, init, ready, annotations, record);
    }

    ContainerRecord withInit(ProcessId process, long readyValue, Map<String, String> record) {
        return new ContainerRecord(
                bundle,
                rootfs,
                created,
                backend,
                ownPids,
                owner,
                options,
                creator,
                process,
                readyValue,
                annotations,
                record);
    }

    Map<String, String> toMap() {
        Map<String, String> r = new LinkedHashMap<>();
        r.put("bundle", bundle);
        r.put("rootfs", rootfs);
        r.put("created", created.toString());
        r.put("backend", backend);
        r.put("ownPids", Boolean.toString(ownPids));
        r.put("owner", Integer.toString(owner));
        r.put("noPivotRoot", Boolean.toString(options.noPivotRoot()));
        r.put("noNewKeyring", Boolean.toString(options.noNewKeyring()));
        r.put("systemdCgroup", Boolean.toString(options.systemdCgroup()));
        r.put("creator", creator.text());
        r.put("init", init.text());
        r.put("ready", Long.toString(ready));
        annotations.forEach((k, v) -> r.put(ANNOTATION + k, v));
        backendRecord.forEach((k, v) -> r.put(BACKEND + k, v));
        return r;
    }

    static ContainerRecord of(Map<String, String> r) {
        return new ContainerRecord(
                r.getOrDefault("bundle", "/"),
                r.getOrDefault("rootfs", "/"),
                Instant.parse(r.getOrDefault("created", Instant.EPOCH.toString())),
                r.getOrDefault("backend", "namespace"),
                is(r, "ownPids"),
                Integer.parseInt(r.getOrDefault("owner", "0")),
                new Backend.Options(is(r, "noPivotRoot"), is(r, "noNewKeyring"), is(r, "systemdCgroup"), -1, -1, null),
                ProcessId.parse(r.getOrDefault("creator", "")),
                ProcessId.parse(r.getOrDefault("init", "")),
                Long.parseLong(r.getOrDefault("ready", "-1")),
                part(r, ANNOTATION),
                part(r, BACKEND));
    }

    private static boolean is(Map<String, String> r, String key) {
        return Boolean.parseBoolean(r.get(key));
    }

    private static Map<String, String> part(Map<String, String> r, String prefix) {
        Map<String, String> part = new LinkedHashMap<>();
        r.forEach((k, v) -> {
            if (k.startsWith(prefix)) {
                part.put(k.substring(prefix.length()), v);
            }
        });
        return part;
    }
}
