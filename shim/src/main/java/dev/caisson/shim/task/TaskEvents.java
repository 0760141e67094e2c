package dev.caisson.shim.task;

import com.google.protobuf.MessageLite;
import dev.caisson.backend.ProcessExit;
import dev.caisson.shim.translate.Timestamps;
import dev.caisson.ttrpc.proto.events.TaskCreate;
import dev.caisson.ttrpc.proto.events.TaskDelete;
import dev.caisson.ttrpc.proto.events.TaskExecAdded;
import dev.caisson.ttrpc.proto.events.TaskExecStarted;
import dev.caisson.ttrpc.proto.events.TaskExit;
import dev.caisson.ttrpc.proto.events.TaskIO;
import dev.caisson.ttrpc.proto.events.TaskOOM;
import dev.caisson.ttrpc.proto.events.TaskPaused;
import dev.caisson.ttrpc.proto.events.TaskResumed;
import dev.caisson.ttrpc.proto.events.TaskStart;
import dev.caisson.ttrpc.proto.task.CreateTaskRequest;

/** The events of a task, each with its topic. */
final class TaskEvents {
    private TaskEvents() {}

    private static void publish(Task task, String topic, MessageLite event, Runnable delivered) {
        task.pod().events().publish(task.pod().info().namespace(), topic, event, delivered);
    }

    private static void publish(Task task, String topic, MessageLite event) {
        publish(task, topic, event, () -> {});
    }

    static void created(Task task, CreateTaskRequest request) {
        publish(
                task,
                "/tasks/create",
                TaskCreate.newBuilder()
                        .setContainerId(task.id)
                        .setBundle(request.getBundle())
                        .addAllRootfs(request.getRootfsList())
                        .setIo(TaskIO.newBuilder()
                                .setStdin(request.getStdin())
                                .setStdout(request.getStdout())
                                .setStderr(request.getStderr())
                                .setTerminal(request.getTerminal()))
                        .setCheckpoint(request.getCheckpoint())
                        .setPid(task.init.pid())
                        .build());
    }

    static void started(Task task, TaskProcess p) {
        if (p.isInit) {
            publish(
                    task,
                    "/tasks/start",
                    TaskStart.newBuilder()
                            .setContainerId(task.id)
                            .setPid(p.pid())
                            .build());
        } else {
            publish(
                    task,
                    "/tasks/exec-started",
                    TaskExecStarted.newBuilder()
                            .setContainerId(task.id)
                            .setExecId(p.id)
                            .setPid(p.pid())
                            .build());
        }
    }

    static void execAdded(Task task, String execId) {
        publish(
                task,
                "/tasks/exec-added",
                TaskExecAdded.newBuilder()
                        .setContainerId(task.id)
                        .setExecId(execId)
                        .build());
    }

    static void exited(Task task, TaskProcess p, ProcessExit exit, Runnable delivered) {
        publish(
                task,
                "/tasks/exit",
                TaskExit.newBuilder()
                        .setContainerId(task.id)
                        .setId(p.id)
                        .setPid(p.pid())
                        .setExitStatus(exit.code())
                        .setExitedAt(Timestamps.of(exit.at()))
                        .build(),
                delivered);
    }

    static void oom(Task task) {
        publish(task, "/tasks/oom", TaskOOM.newBuilder().setContainerId(task.id).build());
    }

    static void paused(Task task) {
        publish(
                task,
                "/tasks/paused",
                TaskPaused.newBuilder().setContainerId(task.id).build());
    }

    static void resumed(Task task) {
        publish(
                task,
                "/tasks/resumed",
                TaskResumed.newBuilder().setContainerId(task.id).build());
    }

    static void deleted(Task task, ProcessExit exit) {
        publish(
                task,
                "/tasks/delete",
                TaskDelete.newBuilder()
                        .setContainerId(task.id)
                        .setPid(task.init.pid())
                        .setExitStatus(exit.code())
                        .setExitedAt(Timestamps.of(exit.at()))
                        .build());
    }
}
