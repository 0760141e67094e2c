package dev.caisson.shim.task;

import com.google.protobuf.MessageLite;
import dev.caisson.shim.link.MonitorLink;
import dev.caisson.ttrpc.ServiceNames;
import dev.caisson.ttrpc.proto.envelope.Request;
import dev.caisson.ttrpc.proto.envelope.Response;
import dev.caisson.ttrpc.proto.process.ProcessInfo;
import dev.caisson.ttrpc.proto.process.Status;
import dev.caisson.ttrpc.proto.task.ConnectRequest;
import dev.caisson.ttrpc.proto.task.ConnectResponse;
import dev.caisson.ttrpc.proto.task.PidsRequest;
import dev.caisson.ttrpc.proto.task.PidsResponse;
import dev.caisson.ttrpc.proto.task.StateRequest;

/**
 * What the monitor answers without the daemon. A containerd that restarts asks Connect and Pids and kills the pod when nobody answers
 * in time; State is asked around everything else. A request is recognised by its first bytes, which are service, method and
 * payload in every encoder containerd has.
 */
final class CannedAnswers {
    private CannedAnswers() {}

    /** After every change of init's state. */
    static void refresh(Task task) {
        MonitorLink link = task.pod().link();
        if (link == null || !task.init.isAlive()) {
            return;
        }
        int launch = task.init.launchId;
        put(
                link,
                launch,
                true,
                "Connect",
                ConnectRequest.newBuilder().setId(task.id).build(),
                ConnectResponse.newBuilder()
                        .setShimPid(link.monitorPid())
                        .setTaskPid(task.init.pid())
                        .setVersion(TaskService.VERSION)
                        .build());
        put(
                link,
                launch,
                false,
                "Pids",
                PidsRequest.newBuilder().setId(task.id).build(),
                PidsResponse.newBuilder()
                        .addProcesses(ProcessInfo.newBuilder().setPid(task.init.pid()))
                        .build());
        Status status = TaskService.status(task.init.state());
        if (status != Status.STOPPED) {
            put(
                    link,
                    launch,
                    true,
                    "State",
                    StateRequest.newBuilder().setId(task.id).build(),
                    TaskService.stateOf(task, task.init));
        }
    }

    /**
     * The state of an exec whose process has been made: containerd asks for it again and again on the way to Start. When the monitor answers a
     * Start it forgets what it was told before.
     */
    static void exec(Task task, TaskProcess p) {
        MonitorLink link = task.pod().link();
        if (link != null) {
            put(
                    link,
                    p.launchId,
                    true,
                    "State",
                    StateRequest.newBuilder().setId(task.id).setExecId(p.id).build(),
                    TaskService.stateOf(task, p));
        }
    }

    private static void put(
            MonitorLink link, int launch, boolean atOnce, String method, MessageLite request, MessageLite response) {
        for (String service : new String[] {ServiceNames.TASK_V2, ServiceNames.TASK_V3}) {
            byte[] key = Request.newBuilder()
                    .setService(service)
                    .setMethod(method)
                    .setPayload(request.toByteString())
                    .build()
                    .toByteArray();
            byte[] answer = Response.newBuilder()
                    .setPayload(response.toByteString())
                    .build()
                    .toByteArray();
            link.can(launch, atOnce, key, answer);
        }
    }
}
