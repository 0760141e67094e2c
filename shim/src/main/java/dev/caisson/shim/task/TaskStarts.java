package dev.caisson.shim.task;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.ProcessExit;
import dev.caisson.backend.lifecycle.TaskEvent;
import dev.caisson.backend.lifecycle.TaskState;
import dev.caisson.oci.InvalidSpecException;
import dev.caisson.oci.ProcessReader;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.shim.translate.StdioUris;
import dev.caisson.ttrpc.proto.task.ExecProcessRequest;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Objects;
import java.util.function.Consumer;

/** How the processes of tasks start: a container's init, and those that are added to it. */
final class TaskStarts {
    private final TaskCreation creation;
    private final TaskRecords records;
    private final TaskExits exits;

    TaskStarts(TaskCreation creation, TaskRecords records, TaskExits exits) {
        this.creation = creation;
        this.records = records;
        this.exits = exits;
    }

    /**
     * @param again an earlier daemon got the request too, and may have carried it out
     * @param pledge leaves the answer with the monitor; called only where there is nothing else to wait for
     */
    int start(Task task, String execId, boolean again, Consumer<TaskProcess> pledge) throws ContainerFault {
        TaskProcess p = TaskLifecycle.require(task, execId);
        task.lock.lock();
        try {
            if (again && p.wasStarted()) {
                return p.pid();
            }
            if (!p.isInit && task.init.state() == TaskState.STOPPED) {
                throw new ContainerFault(Kind.WRONG_STATE, "cannot exec in a stopped container: " + task.id);
            }
            p.beginStart();
            boolean started = false;
            try {
                Container container = TaskLifecycle.requireContainer(task);
                boolean runs = p.isInit && task.isRestored();
                if (container.runsWhenLaunched() && !runs) {
                    p.startPledged();
                    pledge.accept(p);
                }
                if (p.isInit) {
                    creation.settleHeld(task);
                    if (!runs) {
                        container.start(Objects.requireNonNull(p.launch()));
                    }
                } else {
                    startExec(task, p, container);
                }
                started = true;
                TaskEvents.started(task, p);
            } finally {
                if (!started) {
                    startFailed(task, p);
                }
                if (p.endStart(started)) {
                    exits.publishExit(task, p);
                } else {
                    records.saveOrLog(task);
                }
                if (p.isInit && started) {
                    CannedAnswers.refresh(task);
                } else if (started) {
                    CannedAnswers.exec(task, p);
                }
            }
            return p.pid();
        } finally {
            task.lock.unlock();
        }
    }

    private void startExec(Task task, TaskProcess p, Container container) throws ContainerFault {
        Launch init = task.init.launch();
        if (init == null) {
            throw new ContainerFault(Kind.WRONG_STATE, "cannot exec in a stopped container: " + task.id);
        }
        LazyLauncher launcher = new LazyLauncher(task.pod());
        // Made ahead; or another daemon launched it and was lost before it could answer.
        Launch earlier = launcher.find(p.launchId);
        if (earlier != null) {
            if (ExecsAhead.isWaiting(task, earlier)) {
                ExecsAhead.start(task, p, container, init, earlier);
            } else {
                container.resumeExec(init, earlier, p.execSpec());
            }
            p.attach(earlier);
            ProcessExit exit = earlier.exit().getNow(null);
            if (exit != null) {
                exits.onExit(task, p, exit); // while it waited nobody listened
            }
            return;
        }
        StdioUris stdio = StdioUris.parse(p.stdin, p.stdout, p.stderr, p.terminal);
        launcher.openIo(p.launchId, stdio.stdio());
        TaskLogger.start(task, stdio.logger(), p.launchId, launcher);
        Launch l = container.exec(init, p.launchId, "exec " + task.id + " " + p.id, p.execSpec(), p.launchId);
        p.attach(l);
        CannedAnswers.refresh(task);
    }

    /** The task must end up where it can be waited for and deleted. */
    private void startFailed(Task task, TaskProcess p) {
        LazyLauncher launcher = new LazyLauncher(task.pod());
        Launch l = launcher.find(p.launchId);
        if (p.isInit) {
            if (l != null) {
                l.kill(TaskLifecycle.SIGKILL);
                l.awaitExit(TaskLifecycle.KILL_TIME);
            }
            return;
        }
        if (l != null) {
            l.kill(TaskLifecycle.SIGKILL);
            l.forget();
        }
        launcher.closeIo(p.launchId);
        ProcessExit never = new ProcessExit(255, Instant.now());
        p.onNeverRan(never);
        p.exited.complete(never);
    }

    /** Exec: a process that {@link #start} is to launch. */
    TaskProcess exec(Task task, ExecProcessRequest request) throws ContainerFault {
        String execId = Identifiers.require("exec id", request.getExecId());
        task.init.check(TaskEvent.EXEC);
        String json = request.getSpec().getValue().toString(StandardCharsets.UTF_8);
        ProcessSpec spec;
        try {
            spec = ProcessReader.read(json.getBytes(StandardCharsets.UTF_8));
        } catch (InvalidSpecException e) {
            throw new ContainerFault(Kind.INVALID, String.valueOf(e.getMessage()), e);
        }
        if (spec.args().isEmpty()) {
            throw new ContainerFault(Kind.INVALID, "process: args: must not be empty");
        }
        TaskProcess p = new TaskProcess(
                execId,
                false,
                new LazyLauncher(task.pod()).nextId(),
                request.getStdin(),
                request.getStdout(),
                request.getStderr(),
                request.getTerminal(),
                json,
                spec);
        if (execId.equals(task.id) || task.execs.putIfAbsent(execId, p) != null) {
            throw new ContainerFault(Kind.ALREADY_EXISTS, "exec with given ID already exists: " + execId);
        }
        p.apply(TaskEvent.BUILT);
        records.saveOrLog(task);
        TaskEvents.execAdded(task, execId);
        return p;
    }
}
