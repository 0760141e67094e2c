package dev.caisson.namespace.criu;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.UnixSockets;
import dev.caisson.linux.UnixSockets.Received;
import dev.caisson.namespace.criu.rpc.CriuReq;
import dev.caisson.namespace.criu.rpc.CriuReqType;
import dev.caisson.namespace.criu.rpc.CriuResp;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** One request to a CRIU that serves it and ends (criu.org/RPC, {@code swrk}): what it asks meanwhile is answered, and its answer is kept. */
final class CriuSession {
    /** CRIU's packets are some hundred bytes: a name of a step, or its first error. */
    static final int MOST_BYTES = 1 << 16;

    private CriuSession() {}

    /** What CRIU tells of its steps. */
    interface Steps {
        /** The namespaces are there, and its processes are not yet. */
        void namespacesMade(int init) throws ContainerFault;

        /** @param master of a terminal whose other side is restored; the callee's own now */
        void terminal(Fd master) throws ContainerFault;
    }

    /**
     * How it ended.
     *
     * @param init the restored init's pid; 0 when nothing was restored
     * @param error CRIU's first error; empty when it has not said any
     */
    record Answer(boolean success, int init, String error) {}

    /** What CRIU has said cannot be made out. */
    static final class NoResponse extends Exception {
        private static final long serialVersionUID = 1L;

        NoResponse(String message) {
            super(message);
        }
    }

    /**
     * Asks, and serves until the answer is there. The calling thread may be virtual: one of the platform's waits in the kernel for it.
     *
     * @param steps are called on that other thread; CRIU fails when they do, and then this throws what they threw
     * @return null when CRIU has ended without an answer
     */
    static @Nullable Answer run(String what, Fd socket, CriuReq request, long mostSeconds, Steps steps)
            throws ContainerFault {
        FutureTask<@Nullable Answer> serving = new FutureTask<>(() -> serve(socket, request, steps));
        Thread.ofPlatform().daemon().name("criu").start(serving);
        try {
            return serving.get(mostSeconds, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            switch (e.getCause()) {
                case ContainerFault fault -> throw fault;
                case ErrnoException failed ->
                    throw new ContainerFault(Kind.FAILED, what + ": talk to CRIU: " + failed.getMessage(), failed);
                case null, default ->
                    throw new ContainerFault(Kind.FAILED, what + ": talk to CRIU: " + e.getMessage(), e);
            }
        } catch (TimeoutException e) {
            throw new ContainerFault(Kind.FAILED, what + ": CRIU did not answer within " + mostSeconds + " s", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ContainerFault(Kind.FAILED, what + ": interrupted", e);
        }
    }

    private static @Nullable Answer serve(Fd socket, CriuReq request, Steps steps)
            throws ErrnoException, NoResponse, ContainerFault {
        UnixSockets.send(socket, request.toByteArray(), null);
        ContainerFault fault = null;
        while (true) {
            Received received = UnixSockets.receive(socket, MOST_BYTES);
            if (received.bytes().length == 0) {
                break;
            }
            CriuResp response = parse(received);
            if (response.getType() != CriuReqType.NOTIFY) {
                if (fault == null) {
                    return answer(response);
                }
                break;
            }
            fault = step(response, received.descriptor(), steps, fault);
            CriuReq reply = CriuReq.newBuilder()
                    .setType(CriuReqType.NOTIFY)
                    .setNotifySuccess(fault == null)
                    .build();
            UnixSockets.send(socket, reply.toByteArray(), null);
        }
        if (fault != null) {
            throw fault;
        }
        return null;
    }

    /** The first fault stays: CRIU goes on to clean up, and tells of those steps as well. */
    private static @Nullable ContainerFault step(
            CriuResp response, @Nullable Fd descriptor, Steps steps, @Nullable ContainerFault before) {
        try {
            switch (response.getNotify().getScript()) {
                case "setup-namespaces" ->
                    steps.namespacesMade(response.getNotify().getPid());
                case "orphan-pts-master" -> {
                    if (descriptor != null) {
                        Fd master = descriptor;
                        descriptor = null;
                        steps.terminal(master);
                    }
                }
                default -> {} // of its other steps it needs no help with
            }
            return before;
        } catch (ContainerFault e) {
            return before == null ? e : before;
        } finally {
            close(descriptor);
        }
    }

    private static CriuResp parse(Received received) throws NoResponse {
        try {
            return parse(received.bytes());
        } catch (NoResponse e) {
            close(received.descriptor());
            throw e;
        }
    }

    /** @throws NoResponse also for what no CRIU of 3.17 on sends */
    static CriuResp parse(byte[] packet) throws NoResponse {
        if (packet.length >= MOST_BYTES) {
            throw new NoResponse("a packet of " + MOST_BYTES + " bytes or more");
        }
        try {
            return CriuResp.parseFrom(packet);
        } catch (InvalidProtocolBufferException e) {
            throw new NoResponse("a packet that is no response: " + e.getMessage());
        }
    }

    static Answer answer(CriuResp response) {
        return new Answer(
                response.getSuccess(),
                response.getRestore().getPid(),
                response.getCrErrmsg().strip());
    }

    private static void close(@Nullable Fd descriptor) {
        if (descriptor != null) {
            descriptor.close();
        }
    }
}
