package dev.caisson.shim.task;

import com.google.protobuf.MessageLite;
import com.google.protobuf.Timestamp;
import dev.caisson.shim.pod.PodConnection;
import dev.caisson.ttrpc.proto.envelope.Response;
import dev.caisson.ttrpc.proto.task.StartResponse;
import dev.caisson.ttrpc.proto.task.WaitResponse;

/**
 * Answers that are left with the monitor, which knows first that a program runs and that a process has ended. It fills in the numbers, and
 * drops the daemon's own answer, which comes a moment later. Numbers that are to be filled in are made to take five bytes.
 */
final class Pledges {
    private static final int FIVE_BYTES = 1 << 28;
    private static final int NUMBER = 5;
    private static final int TAG = 1;
    private static final int LENGTH = 1;

    private Pledges() {}

    /** The answer to a Start, for when the program of {@code launch} runs. */
    static void started(PodConnection from, int stream, int launch) {
        byte[] response = response(StartResponse.newBuilder().setPid(FIVE_BYTES).build());
        from.pledgeLaunched(stream, launch, response, response.length - NUMBER);
    }

    /** The answer to a Wait, for when the process of {@code launch} is reaped. */
    static void exited(PodConnection from, int stream, int launch) {
        byte[] response = response(WaitResponse.newBuilder()
                .setExitStatus(FIVE_BYTES)
                .setExitedAt(Timestamp.newBuilder().setSeconds(FIVE_BYTES).setNanos(FIVE_BYTES))
                .build());
        int nanos = response.length - NUMBER;
        int seconds = nanos - TAG - NUMBER;
        int status = seconds - TAG - LENGTH - TAG - NUMBER;
        from.pledgeExited(stream, launch, response, status, seconds, nanos);
    }

    private static byte[] response(MessageLite payload) {
        return Response.newBuilder().setPayload(payload.toByteString()).build().toByteArray();
    }
}
