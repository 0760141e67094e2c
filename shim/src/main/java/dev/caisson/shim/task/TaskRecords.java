package dev.caisson.shim.task;

import dev.caisson.backend.Backend;
import dev.caisson.backend.Backends;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ProcessExit;
import dev.caisson.backend.RootfsMount;
import dev.caisson.backend.lifecycle.TaskState;
import dev.caisson.backend.state.RecordStore;
import dev.caisson.oci.InvalidSpecException;
import dev.caisson.oci.ProcessReader;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecReader;
import dev.caisson.shim.pod.Pod;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Tasks as stored records: one per container with its execs, next to a copy of its config.json, so that neither a change of the
 * bundle nor its loss matters to a later daemon.
 */
final class TaskRecords {
    private static final String BACKEND = "backend.";
    private static final String EXEC = "exec.";
    /* What a pod has is files in one directory: on a disk an empty directory costs as much to remove as a container to create. */
    private static final String TASK = "task-";
    private static final String CONFIG = "config-";
    private static final String DELETED = "deleted-";
    private static final String SCRATCH = "scratch-";

    private final RecordStore store;
    private final Backends backends;

    TaskRecords(RecordStore store, Backends backends) {
        this.store = store;
        this.backends = backends;
    }

    private static String name(Task task) {
        return task.pod().directory() + "/" + TASK + task.id;
    }

    private Path configCopy(Pod pod, String id) {
        return store.root().resolve(pod.directory()).resolve(CONFIG + id + ".json");
    }

    private Path scratch(Pod pod, String id) {
        return store.root().resolve(pod.directory()).resolve(SCRATCH + id);
    }

    /** Keeps the specification as it was at create (runtime-spec: later edits have no effect). */
    void saveConfig(Pod pod, String id, byte[] config) throws IOException {
        Path copy = configCopy(pod, id);
        try {
            Files.write(copy, config);
        } catch (NoSuchFileException e) {
            Files.createDirectories(copy.getParent());
            Files.write(copy, config);
        }
    }

    void save(Task task) throws IOException {
        // One writer at a time: start, exits and execs all save the same file, and what was looked at last must be what
        // is written last, or an exit
        // that the monitor may forget would be overwritten by an older look at its process.
        synchronized (task) {
            if (!task.isRemoved()) {
                store.write(name(task), contents(task));
            }
        }
    }

    private static Map<String, String> contents(Task task) {
        Map<String, String> r = new LinkedHashMap<>();
        r.put("bundle", task.bundle);
        r.put("backend", task.backendName());
        r.put("ownPids", Boolean.toString(task.hasOwnPids()));
        r.put("oomKills", Long.toString(task.oomKillsSeen()));
        r.put("sandbox", Boolean.toString(task.isSandbox()));
        r.put("restored", Boolean.toString(task.isRestored()));
        r.put("unwanted", Boolean.toString(task.isUnwanted()));
        write(r, "init.", task.init);
        for (TaskProcess p : task.execs.values()) {
            write(r, EXEC + p.id + "/", p);
        }
        var container = task.container();
        if (container != null) {
            container.record().forEach((k, v) -> r.put(BACKEND + k, v));
        }
        return r;
    }

    /** Saves a change whose loss would only mean that a later daemon finds it out again. */
    void saveOrLog(Task task) {
        if (task.init.state() == TaskState.DELETED) {
            return;
        }
        try {
            save(task);
        } catch (IOException e) {
            System.getLogger(TaskRecords.class.getName())
                    .log(System.Logger.Level.ERROR, "store record of " + task.id + ": " + e.getMessage());
        }
    }

    private static void write(Map<String, String> r, String prefix, TaskProcess p) {
        r.put(prefix + "state", p.state().name());
        r.put(prefix + "launch", Integer.toString(p.launchId));
        r.put(prefix + "started", Boolean.toString(p.wasStarted()));
        r.put(prefix + "pid", Integer.toString(p.pid()));
        r.put(prefix + "stdin", p.stdin);
        r.put(prefix + "stdout", p.stdout);
        r.put(prefix + "stderr", p.stderr);
        r.put(prefix + "terminal", Boolean.toString(p.terminal));
        ProcessExit exit = p.exit();
        if (exit != null) {
            r.put(prefix + "exitCode", Integer.toString(exit.code()));
            r.put(prefix + "exitedAt", exit.at().toString());
        }
        if (p.specJson != null) {
            r.put(prefix + "spec", p.specJson);
        }
    }

    /** Removes what is stored of a task. */
    void delete(Task task) throws IOException {
        synchronized (task) {
            task.markRemoved(); // an exit that is reported later must not bring the record back
            store.delete(name(task));
        }
        Files.deleteIfExists(configCopy(task.pod(), task.id));
        store.deleteTree(task.pod().directory() + "/" + SCRATCH + task.id);
    }

    private static String grave(Pod pod, String id, String execId) {
        return pod.directory() + "/" + DELETED + id + (execId.isEmpty() ? "" : "@" + execId);
    }

    /** Keeps a delete's answer until it has been given: the next daemon may be asked again. */
    void bury(Task task, String execId, int pid, ProcessExit exit) throws IOException {
        store.write(
                grave(task.pod(), task.id, execId),
                Map.of(
                        "pid", Integer.toString(pid),
                        "exitCode", Integer.toString(exit.code()),
                        "exitedAt", exit.at().toString()));
    }

    TaskRemoval.@Nullable Deleted buried(Pod pod, String id, String execId) {
        try {
            Map<String, String> r = store.read(grave(pod, id, execId));
            return r == null
                    ? null
                    : new TaskRemoval.Deleted(
                            Integer.parseInt(r.getOrDefault("pid", "0")),
                            new ProcessExit(
                                    Integer.parseInt(r.getOrDefault("exitCode", "255")),
                                    Instant.parse(r.getOrDefault("exitedAt", Instant.EPOCH.toString()))));
        } catch (IOException e) {
            return null;
        }
    }

    void forgetBuried(Pod pod, String id, String execId) {
        try {
            store.delete(grave(pod, id, execId));
        } catch (IOException e) {
            System.getLogger(TaskRecords.class.getName())
                    .log(System.Logger.Level.WARNING, String.valueOf(e.getMessage()));
        }
    }

    /** All tasks of a pod, with the containers they had; launches are matched later. */
    void loadAll(Pod pod, LazyLauncher launcher) throws IOException {
        for (String name : store.list(pod.directory())) {
            if (!name.startsWith(TASK)) {
                continue;
            }
            String id = name.substring(TASK.length());
            Map<String, String> r = store.read(pod.directory() + "/" + name);
            if (r == null) {
                continue;
            }
            Task task = new Task(pod, id, r.getOrDefault("bundle", ""), process(r, "init.", id, true));
            task.sandbox(Boolean.parseBoolean(r.get("sandbox")));
            task.restored(Boolean.parseBoolean(r.get("restored")));
            if (Boolean.parseBoolean(r.get("unwanted"))) {
                task.markUnwanted();
            }
            if (task.isSandbox()) {
                pod.sandboxLive(true);
            }
            for (String key : r.keySet()) {
                if (key.startsWith(EXEC) && key.endsWith("/launch")) {
                    String execId = key.substring(EXEC.length(), key.length() - "/launch".length());
                    task.execs.put(execId, process(r, EXEC + execId + "/", execId, false));
                }
            }
            recoverContainer(task, r, launcher);
            Tasks.of(pod).put(id, task);
        }
    }

    private void recoverContainer(Task task, Map<String, String> r, LazyLauncher launcher) {
        Map<String, String> record = new LinkedHashMap<>();
        r.forEach((k, v) -> {
            if (k.startsWith(BACKEND)) {
                record.put(k.substring(BACKEND.length()), v);
            }
        });
        String backend = r.getOrDefault("backend", "namespace");
        task.backendName(backend);
        task.hasOwnPids(Boolean.parseBoolean(r.getOrDefault("ownPids", "true")));
        task.oomKillsSeen(Long.parseLong(r.getOrDefault("oomKills", "0")));
        // Reading a hundred configurations would keep containerd waiting for the first answer.
        task.recoverLater(() -> {
            try {
                Spec spec = SpecReader.read(Files.readAllBytes(configCopy(task.pod(), task.id)));
                task.spec(spec);
                return backends.named(backend)
                        .recover(request(task, spec, List.of(), Backend.Options.DEFAULT), record, launcher);
            } catch (IOException | ContainerFault e) {
                System.getLogger(TaskRecords.class.getName())
                        .log(System.Logger.Level.ERROR, "recover container " + task.id + ": " + e.getMessage());
                return null;
            }
        });
    }

    Backend.CreateRequest request(Task task, Spec spec, List<RootfsMount> rootfs, Backend.Options options) {
        return new Backend.CreateRequest(
                task.id,
                Path.of(task.bundle),
                spec,
                rootfs,
                task.init.launchId,
                task.init.launchId,
                scratch(task.pod(), task.id),
                options);
    }

    private static TaskProcess process(Map<String, String> r, String prefix, String id, boolean isInit)
            throws IOException {
        String specJson = r.get(prefix + "spec");
        TaskProcess p = new TaskProcess(
                id,
                isInit,
                Integer.parseInt(r.getOrDefault(prefix + "launch", "0")),
                r.getOrDefault(prefix + "stdin", ""),
                r.getOrDefault(prefix + "stdout", ""),
                r.getOrDefault(prefix + "stderr", ""),
                Boolean.parseBoolean(r.get(prefix + "terminal")),
                specJson,
                specJson == null ? null : spec(specJson));
        String code = r.get(prefix + "exitCode");
        @Nullable
        ProcessExit exit = code == null
                ? null
                : new ProcessExit(
                        Integer.parseInt(code),
                        Instant.parse(r.getOrDefault(prefix + "exitedAt", Instant.EPOCH.toString())));
        p.restore(
                TaskState.valueOf(r.getOrDefault(prefix + "state", "CREATING")),
                Integer.parseInt(r.getOrDefault(prefix + "pid", "0")),
                Boolean.parseBoolean(r.get(prefix + "started")),
                exit);
        return p;
    }

    private static dev.caisson.oci.ProcessSpec spec(String json) throws IOException {
        try {
            return ProcessReader.read(json.getBytes(StandardCharsets.UTF_8));
        } catch (InvalidSpecException e) {
            throw new IOException("stored process is damaged: " + e.getMessage(), e);
        }
    }
}
