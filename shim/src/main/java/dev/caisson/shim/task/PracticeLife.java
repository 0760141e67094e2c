package dev.caisson.shim.task;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.MessageLite;
import dev.caisson.shim.link.MonitorClient;
import dev.caisson.ttrpc.ServiceNames;
import dev.caisson.ttrpc.proto.envelope.Request;
import dev.caisson.ttrpc.proto.envelope.Response;
import dev.caisson.ttrpc.proto.task.CreateTaskRequest;
import dev.caisson.ttrpc.proto.task.DeleteRequest;
import dev.caisson.ttrpc.proto.task.ExecProcessRequest;
import dev.caisson.ttrpc.proto.task.ShutdownRequest;
import dev.caisson.ttrpc.proto.task.StartRequest;
import dev.caisson.ttrpc.proto.task.StateRequest;
import dev.caisson.ttrpc.proto.task.WaitRequest;
import java.io.IOException;
import java.nio.file.Path;

/** A container's life as containerd asks for it, for a daemon that practises. */
public final class PracticeLife {
    private static final ByteString EXEC =
            ByteString.copyFromUtf8("{\"args\":[\"true\"],\"cwd\":\"/\",\"env\":[\"PATH=/bin\"]}");

    private PracticeLife() {}

    /**
     * Create to Shutdown, with an exec.
     *
     * @param bundle of a container behind a wall whose launches take no more than {@link MonitorClient} gives
     * @throws IOException when one of them is refused
     */
    public static void live(MonitorClient monitor, String id, Path bundle) throws IOException {
        ask(
                monitor,
                "Create",
                CreateTaskRequest.newBuilder()
                        .setId(id)
                        .setBundle(bundle.toString())
                        .setStdout("/dev/null")
                        .build());
        int init = monitor.lastLaunch();
        ask(monitor, "Start", StartRequest.newBuilder().setId(id).build());
        ask(
                monitor,
                "Exec",
                ExecProcessRequest.newBuilder()
                        .setId(id)
                        .setExecId("e")
                        .setStdout("/dev/null")
                        .setSpec(Any.newBuilder().setValue(EXEC))
                        .build());
        ask(monitor, "Start", StartRequest.newBuilder().setId(id).setExecId("e").build());
        monitor.exit(monitor.lastLaunch());
        ask(monitor, "Wait", WaitRequest.newBuilder().setId(id).setExecId("e").build());
        ask(
                monitor,
                "Delete",
                DeleteRequest.newBuilder().setId(id).setExecId("e").build());
        ask(monitor, "State", StateRequest.newBuilder().setId(id).build());
        monitor.exit(init);
        ask(monitor, "Wait", WaitRequest.newBuilder().setId(id).build());
        ask(monitor, "Delete", DeleteRequest.newBuilder().setId(id).build());
        ask(monitor, "Shutdown", ShutdownRequest.newBuilder().setId(id).build());
    }

    private static void ask(MonitorClient monitor, String method, MessageLite request) throws IOException {
        Response answer = Response.parseFrom(monitor.call(Request.newBuilder()
                .setService(ServiceNames.TASK_V2)
                .setMethod(method)
                .setPayload(request.toByteString())
                .build()
                .toByteArray()));
        if (answer.hasStatus() && answer.getStatus().getCode() != 0) {
            throw new IOException(method + ": " + answer.getStatus().getMessage());
        }
    }
}
