package dev.caisson.kvm.guest;

import com.google.protobuf.ByteString;
import com.google.protobuf.MessageLite;
import dev.caisson.kvm.plan.ProxyFrames;
import dev.caisson.ttrpc.ServiceNames;
import dev.caisson.ttrpc.proto.envelope.Request;
import dev.caisson.ttrpc.proto.guest.WindowRequest;
import dev.caisson.ttrpc.proto.task.CloseIORequest;
import dev.caisson.ttrpc.proto.task.KillRequest;
import dev.caisson.ttrpc.proto.task.WaitRequest;
import dev.caisson.ttrpc.wire.Frame;
import dev.caisson.ttrpc.wire.FrameEncoder;
import java.util.Arrays;

/** Requests of which a plan only changes bytes at fixed places. Pure. */
final class ProxyRequests {
    private static final int WINSIZE = 8;

    private ProxyRequests() {}

    static ProxyFrames of(String id, String execId) {
        byte[] kill = kill(id, execId, 1);
        // Two signals differ in one byte: numbers below 128 are encoded in one.
        int signalAt = Arrays.mismatch(kill, kill(id, execId, 2));
        byte[] window = window(id, execId, (byte) 0);
        int sizeAt = Arrays.mismatch(window, window(id, execId, (byte) 1));
        return new ProxyFrames(
                frame(
                        ServiceNames.TASK_V2,
                        "Wait",
                        WaitRequest.newBuilder().setId(id).setExecId(execId).build()),
                kill,
                signalAt,
                frame(
                        ServiceNames.TASK_V2,
                        "CloseIO",
                        CloseIORequest.newBuilder()
                                .setId(id)
                                .setExecId(execId)
                                .setStdin(true)
                                .build()),
                window,
                sizeAt);
    }

    private static byte[] kill(String id, String execId, int signal) {
        return frame(
                ServiceNames.TASK_V2,
                "Kill",
                KillRequest.newBuilder()
                        .setId(id)
                        .setExecId(execId)
                        .setSignal(signal)
                        .build());
    }

    private static byte[] window(String id, String execId, byte fill) {
        byte[] size = new byte[WINSIZE];
        Arrays.fill(size, fill);
        return frame(
                ServiceNames.GUEST,
                "Window",
                WindowRequest.newBuilder()
                        .setId(id)
                        .setExecId(execId)
                        .setSize(ByteString.copyFrom(size))
                        .build());
    }

    private static byte[] frame(String service, String method, MessageLite message) {
        Request request = Request.newBuilder()
                .setService(service)
                .setMethod(method)
                .setPayload(message.toByteString())
                .build();
        return FrameEncoder.encode(Frame.request(1, (byte) 0, request.toByteArray()));
    }
}
