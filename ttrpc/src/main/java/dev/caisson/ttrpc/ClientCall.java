package dev.caisson.ttrpc;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import dev.caisson.ttrpc.proto.envelope.Response;
import dev.caisson.ttrpc.wire.Frame;
import dev.caisson.ttrpc.wire.FrameHeader;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;

/** A call of this client that the server has not finished. */
sealed interface ClientCall {
    /**
     * Takes a Response or Data frame.
     *
     * @return whether the call is over
     */
    boolean onFrame(Frame frame);

    /** Ends the call at once. */
    void fail(TtrpcException reason);

    /** One request, one response. */
    record Unary(CompletableFuture<ByteString> result) implements ClientCall {
        @Override
        public boolean onFrame(Frame frame) {
            if (frame.type() == FrameHeader.DATA) {
                fail(new TtrpcException(Code.INTERNAL, "server sent a data frame for a unary call"));
                return true;
            }
            try {
                result.complete(payload(frame));
            } catch (TtrpcException e) {
                result.completeExceptionally(e);
            }
            return true;
        }

        @Override
        public void fail(TtrpcException reason) {
            result.completeExceptionally(reason);
        }
    }

    /** Any stream. */
    record Streaming(boolean serverStreams, InboundQueue inbound) implements ClientCall {
        @Override
        public boolean onFrame(Frame frame) {
            if (frame.type() == FrameHeader.DATA) {
                return onData(frame);
            }
            try {
                ByteString last = payload(frame);
                // A streaming server may end with a bare OK, which is not an empty message.
                if ((!serverStreams || !last.isEmpty()) && !inbound.offer(last)) {
                    fail(exhausted());
                } else {
                    inbound.end(null);
                }
            } catch (TtrpcException e) {
                inbound.end(e);
            }
            return true;
        }

        private boolean onData(Frame frame) {
            if (!serverStreams) {
                fail(new TtrpcException(Code.INTERNAL, "server sent a data frame for a call with one response"));
                return true;
            }
            if (!frame.has(FrameHeader.NO_DATA) && !inbound.offer(UnsafeByteOperations.unsafeWrap(frame.payload()))) {
                fail(exhausted());
                return true;
            }
            if (frame.has(FrameHeader.REMOTE_CLOSED)) {
                inbound.end(null);
                return true;
            }
            return false;
        }

        private static TtrpcException exhausted() {
            return new TtrpcException(Code.RESOURCE_EXHAUSTED, "stream's receive credit exhausted");
        }

        @Override
        public void fail(TtrpcException reason) {
            inbound.abort(reason);
        }
    }

    private static ByteString payload(Frame frame) {
        Response response;
        try {
            response = Envelopes.parseResponse(frame.payload());
        } catch (IOException e) {
            throw new TtrpcException(Code.INTERNAL, "decode response: " + e.getMessage(), e);
        }
        if (response.hasStatus() && response.getStatus().getCode() != 0) {
            throw TtrpcException.of(response.getStatus());
        }
        return response.getPayload();
    }
}
